import type { Checkpoint } from "./checkpoint.ts";
import { type Convention, conventionNames, conventions } from "./conventions.ts";
import { saysNorm } from "./normKind.ts";
import { findNormLayers, type NormLayer } from "./normLayers.ts";

/** The layers of a checkpoint that are to be converted. */
export interface SourceLayers {
  readonly from: Convention;
  /** What tells the convention. */
  readonly reason: string;
  readonly layers: readonly NormLayer[];
  readonly notes: readonly string[];
}

/**
 * The layers that follow the convention `from`, or the one that the names tell.
 *
 * @throws RangeError if there is none, or if `from` is `auto` and the layers follow two conventions
 */
export function sourceLayers(
  who: string,
  checkpoint: Pick<Checkpoint, "entries">,
  from: Convention | "auto",
): SourceLayers {
  const found = findNormLayers(checkpoint);
  if (from === "auto") return detected(who, checkpoint, found);
  const { title } = conventions[from];
  const layers = findNormLayers(checkpoint, from);
  if (layers.length === 0) {
    const hint =
      found.length > 0
        ? `; ${found[0].name || "the layer"} has ${conventions[found[0].convention].title}'s`
        : "";
    throw new RangeError(
      `${who}: expected a normalization layer with ${title}'s names (${firstNames(from)}), found none${hint}`,
    );
  }
  const claimed = new Set(layers.flatMap(({ keys }) => Object.values(keys)));
  const others = found.filter(({ keys }) => !Object.values(keys).some((key) => claimed.has(key)));
  const notes = others.map(
    ({ name, convention }) => `${name}: left as it is, with ${conventions[convention].title}'s names`,
  );
  return certain({ from, reason: "as asked", layers, notes });
}

function detected(
  who: string,
  checkpoint: Pick<Checkpoint, "entries">,
  layers: readonly NormLayer[],
): SourceLayers {
  if (layers.length === 0) {
    throw new RangeError(
      `${who}: expected a checkpoint with normalization layers, found none by their names`,
    );
  }
  const from = layers[0].convention;
  const stranger = layers.find(({ convention }) => convention !== from);
  if (stranger !== undefined) {
    throw new RangeError(
      `${who}: expected one convention, got ${conventions[from].title}'s (${layers[0].name}) and ` +
        `${conventions[stranger.convention].title}'s (${stranger.name}); say which to convert from`,
    );
  }
  const names = new Set(layers.flatMap(({ keys }) => Object.values(keys).map(lastPart)));
  const alike = conventionNames.filter(
    (name) => name !== from && sameKeys(layers, findNormLayers(checkpoint, name)),
  );
  const also = alike.map((name) => conventions[name].title).join(", ");
  const reason = `its names are ${[...names].join(", ")}${also === "" ? "" : `, which ${also} would write too`}`;
  return certain({ from, reason, layers, notes: [] });
}

function sameKeys(a: readonly NormLayer[], b: readonly NormLayer[]): boolean {
  const text = (layers: readonly NormLayer[]): string => JSON.stringify(layers.map(({ keys }) => keys));
  return text(a) === text(b);
}

function lastPart(key: string): string {
  return key.slice(Math.max(key.lastIndexOf("."), key.lastIndexOf("/")) + 1);
}

function firstNames(convention: Convention): string {
  return Object.values(conventions[convention].keys)
    .map(([name]) => name)
    .join(", ");
}

/** Without the vectors that may be no normalization's: nothing but their shape says so. */
function certain(source: SourceLayers): SourceLayers {
  const isCertain = ({ name, keys }: NormLayer): boolean =>
    Object.keys(keys).length > 1 || keys.weight === undefined || saysNorm(name);
  const doubtful = source.layers.filter((layer) => !isCertain(layer));
  if (doubtful.length === 0) return source;
  const notes = doubtful.map(
    ({ keys }) => `${keys.weight}: left as it is; a vector alone, and its name does not say norm`,
  );
  return { ...source, layers: source.layers.filter(isCertain), notes: [...source.notes, ...notes] };
}
