/** What a case normalizes with; the names are the layers'. */
export type LayerName =
  | "BatchNorm1d"
  | "BatchNorm2d"
  | "InstanceNorm2d"
  | "GroupNorm"
  | "LayerNorm"
  | "RMSNorm";

/** "train" and "eval" are forwards of batch normalization; the other norms have one "forward". */
export type Mode = "train" | "eval" | "forward" | "forward+backward";

/** Where the channels are; for LayerNorm and RMSNorm the last axis is normalized either way. */
export type Layout = "channels-first" | "channels-last";

/** One call to check and to time: plain data, so that it can cross a process boundary. */
export interface Case {
  /** Unique, and what the command line filters by. */
  readonly name: string;
  readonly layer: LayerName;
  readonly mode: Mode;
  readonly shape: readonly number[];
  readonly layout: Layout;
  readonly dtype: "float32";
  /** Number of groups of GroupNorm, else null. */
  readonly groups: number | null;
}

/** eps of every case. */
export const eps = 1e-5;
/** Weight of the new value in running statistics. */
export const momentum = 0.1;

const batchNormModes: readonly Mode[] = ["train", "eval", "forward+backward"];
const bothWays: readonly Mode[] = ["forward", "forward+backward"];

/** Every case, for benchmarks and tests alike; the last groups fit a 1 MB cache. */
export const cases: readonly Case[] = [
  ...make("BatchNorm2d", [32, 64, 56, 56], batchNormModes),
  ...make("BatchNorm2d", [32, 256, 56, 56], batchNormModes),
  ...make("BatchNorm2d", [64, 512, 7, 7], batchNormModes),
  ...make("BatchNorm2d", [8, 3, 224, 224], batchNormModes),
  ...make("BatchNorm2d", [1, 64, 112, 112], ["eval"]),
  ...make("BatchNorm1d", [4096, 1024], batchNormModes),
  ...make("BatchNorm2d", [32, 56, 56, 64], batchNormModes, { layout: "channels-last" }),
  ...make("LayerNorm", [4096, 768], bothWays),
  ...make("LayerNorm", [8192, 4096], bothWays),
  ...make("RMSNorm", [4096, 768], bothWays),
  ...make("RMSNorm", [8192, 4096], bothWays),
  ...make("GroupNorm", [32, 64, 56, 56], bothWays, { groups: 32 }),
  ...make("GroupNorm", [64, 512, 7, 7], bothWays, { groups: 32 }),
  ...make("InstanceNorm2d", [32, 64, 56, 56], bothWays),

  ...make("BatchNorm2d", [8, 32, 28, 28], batchNormModes),
  ...make("BatchNorm2d", [8, 28, 28, 32], batchNormModes, { layout: "channels-last" }),
  ...make("BatchNorm1d", [256, 768], batchNormModes),
  ...make("InstanceNorm2d", [8, 32, 28, 28], bothWays),
  ...make("GroupNorm", [8, 64, 16, 16], bothWays, { groups: 32 }),
  ...make("LayerNorm", [256, 768], bothWays),
  ...make("RMSNorm", [256, 768], bothWays),

  ...make("BatchNorm2d", [2, 2, 3, 2], batchNormModes),
  ...make("LayerNorm", [2, 2, 3, 2], ["forward"]),
];

/** The cases whose name contains any of the words, case ignored; all of them without words. */
export function casesNamed(words: readonly string[], list: readonly Case[] = cases): readonly Case[] {
  if (words.length === 0) return list;
  const wanted = words.map((word) => word.toLowerCase());
  return list.filter(({ name }) => wanted.some((word) => name.toLowerCase().includes(word)));
}

/** Number of elements of x. */
export function elementsOf({ shape }: Pick<Case, "shape">): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Number of elements of weight: channels, or the length of the normalized last axis. */
export function parametersOf(c: Pick<Case, "shape" | "layer" | "layout">): number {
  return c.shape[channelAxisOf(c)] as number;
}

/** Whether the norm reduces the trailing axis only. */
export function isTrailing({ layer }: Pick<Case, "layer">): boolean {
  return layer === "LayerNorm" || layer === "RMSNorm";
}

/** Whether x is columns: the channel axis is the last one, and statistics are shared across rows. */
export function isColumns(c: Pick<Case, "shape" | "layer" | "layout">): boolean {
  return !isTrailing(c) && channelAxisOf(c) === c.shape.length - 1;
}

/** The axis that weight and bias index. */
export function channelAxisOf({ shape, layer, layout }: Pick<Case, "shape" | "layer" | "layout">): number {
  return isTrailing({ layer }) || layout === "channels-last" ? shape.length - 1 : 1;
}

/** The same case on a shape with every extent at most `most`, for tests of values rather than of speed. */
export function shrunken(c: Case, most: number): Case {
  const shape = c.shape.map((extent) => Math.min(extent, most));
  const groups = c.groups === null ? null : Math.max(1, Math.floor(most / 2));
  if (groups !== null) shape[channelAxisOf(c)] = groups * 2;
  return { ...c, shape, groups, name: `${c.name}, shrunken to (${shape.join(", ")})` };
}

function make(
  layer: LayerName,
  shape: readonly number[],
  modes: readonly Mode[],
  { layout = "channels-first", groups = null }: { layout?: Layout; groups?: number | null } = {},
): Case[] {
  const kind = groups === null ? layer : `${layer}(${groups})`;
  const where = layout === "channels-last" ? " channels-last" : "";
  return modes.map((mode) => ({
    name: `${kind} ${mode} (${shape.join(",")})${where}`,
    layer,
    mode,
    shape,
    layout,
    dtype: "float32",
    groups,
  }));
}
