import type { Survivor, Tie } from "./result.ts";

/** What the ties are read from: a survivor and what it was solved under. */
export interface Ranked {
  readonly survivor: Survivor;
  /** Equal for names of one function. */
  readonly functionKey: string;
}

const places = (all: readonly Ranked[], holds: (survivor: Survivor) => boolean): number[] =>
  all.flatMap(({ survivor }, place) => (holds(survivor) ? [place] : []));

/** Why the survivors cannot be told apart from these arrays, one reason for each thing that is open. */
export function tiesOf(all: readonly Ranked[], shape: readonly number[]): Tie[] {
  const ties: Tie[] = [];
  const add = (reason: string, survivors: number[]): void => {
    ties.push({ reason, survivors });
  };
  all.forEach(({ survivor: { op, aliases } }, place) => {
    if (aliases.length > 0 && place === 0)
      add(`${op} is the same function as ${aliases.join(" and ")}`, [place]);
  });
  if (all.length < 2) return ties;
  const every = all.map((_, place) => place);
  const first = all[0].survivor;
  const isOpen = (of: (survivor: Survivor) => string): boolean =>
    new Set(all.map(({ survivor }) => of(survivor))).size > 1;
  const single = shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  if (isOpen(({ reducedAxes, groups, groupAxis }) => [reducedAxes, groups, groupAxis].join("|"))) {
    const names = [...new Set(all.map(({ survivor }) => nameOf(survivor)))].slice(0, 8).join(", ");
    if (single.length > 0) {
      const axes = single.length === 1 ? `axis ${single[0]} has` : `axes ${single.join(", ")} have`;
      add(`${axes} one element, so that reducing over it or not is the same here: ${names}`, every);
    } else add(`different sets of elements come to the same numbers here: ${names}`, every);
  }
  if (isOpen(({ ddof }) => String(ddof))) {
    const isAbsorbed = all.some(({ survivor }) => survivor.solved);
    add(
      isAbsorbed
        ? `ddof 0 or 1: the weight is unknown and absorbs sqrt((n-1)/n) = ${Math.sqrt((first.count - 1) / first.count).toFixed(5)}`
        : "ddof 0 or 1: the digits do not tell, or eps makes up for it",
      every,
    );
  }
  if (isOpen(({ epsForm }) => epsForm)) {
    const forms = [...new Set(all.map(({ survivor }) => survivor.epsForm))].join(", ");
    add(
      `eps ${forms}: the variances are so large against eps, or so much alike, that all of these fit`,
      every,
    );
  }
  if (isOpen(({ statistics }) => statistics)) {
    add(
      "batch statistics or fixed ones (eval): with weight and bias unknown, one line for each channel is all that can be seen",
      places(all, ({ statistics }) => statistics === "fixed"),
    );
  }
  if (isOpen(({ affine }) => affine)) {
    const kinds = [...new Set(all.map(({ survivor }) => survivor.affine))].join(", ");
    add(`weight and bias ${kinds}: the same in this shape`, every);
  }
  if (isOpen(({ centered }) => String(centered))) {
    add("the mean of x is so near 0 that subtracting it makes no difference here", every);
  }
  return ties;
}

/** A survivor in a few words: `BatchNorm2d over axes 0, 2, 3`. */
export function nameOf({ op, reducedAxes, groups }: Survivor): string {
  const cut = groups > 1 ? ` in ${groups} groups` : "";
  return reducedAxes.length === 0 ? op : `${op} over axes ${reducedAxes.join(", ")}${cut}`;
}
