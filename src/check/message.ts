import type { Survivor, Tie } from "./result.ts";
import { nameOf } from "./ties.ts";
import { short } from "./values.ts";

/** eps as people read it: `eps 9.9e-6 to 1.01e-5 inside the root`. */
export function epsText({ epsForm, eps: [low, high] }: Survivor): string {
  if (epsForm === "none") return "no eps";
  const range =
    high === Number.POSITIVE_INFINITY
      ? low === 0
        ? "any eps"
        : `eps at least ${short(low, 4)}`
      : low === 0
        ? `eps at most ${short(high, 3)}`
        : short(low, 4) === short(high, 4)
          ? `eps ${short(low, 4)}`
          : `eps ${short(low, 4)} to ${short(high, 4)}`;
  if (epsForm === "inside") return `${range} inside the root`;
  return epsForm === "outside" ? `${range} outside the root (std + eps)` : `${range} as max(variance, eps)`;
}

/** A survivor in one line. */
export function survivorText(survivor: Survivor): string {
  const { statistics, ddof, affine, solved, centered, localResponse, op } = survivor;
  if (localResponse !== undefined) {
    const { size, alpha, alphaDivisor, beta, k } = localResponse;
    return `${op}: ${size} channels, alpha ${short(alpha)} / ${alphaDivisor}, beta ${beta}, k ${k}`;
  }
  if (op === "Identity") return "Identity: y is x";
  const parameters =
    affine === "none"
      ? "no weight and bias"
      : `weight and bias per ${affine}${solved ? ", solved for" : ", as given"}`;
  if (statistics === "fixed") return `${op} with fixed statistics (eval), ${parameters}`;
  const divisor = centered ? `ddof ${ddof}` : ddof === 1 ? "not centered, ddof 1" : "not centered";
  return `${nameOf(survivor)}: ${divisor}, ${epsText(survivor)}, ${parameters}`;
}

/** The whole finding, some lines long. */
export function foundText(
  survivors: readonly Survivor[],
  certain: boolean,
  ties: readonly Tie[],
  differences: readonly string[],
  meant: string | undefined,
): string {
  const [first] = survivors;
  const lines = [`${certain ? "It is" : "It fits"} ${survivorText(first)}.`];
  lines.push(`Largest difference ${first.residual.toExponential(1)}.`);
  if (meant !== undefined) {
    if (differences.length === 0) lines.push(`That is the ${meant} that was meant.`);
    else lines.push(`Against the ${meant} that was meant, it ${differences.join("; ")}.`);
  }
  if (survivors.length > 1) {
    lines.push(`These arrays do not tell it from ${survivors.length - 1} other readings:`);
    for (const { reason } of ties) lines.push(`- ${reason}`);
  } else for (const { reason } of ties) lines.push(`(${reason}.)`);
  if (first.momentum !== undefined) {
    const [low, high] = first.momentum;
    lines.push(
      `The running statistics moved with momentum ${short((low + high) / 2, 4)} on the ${first.momentumWeighs} value; ` +
        `their variance has ddof ${String(first.runningVarianceDdof).replace(",", " or ")}.`,
    );
  }
  return lines.join("\n");
}
