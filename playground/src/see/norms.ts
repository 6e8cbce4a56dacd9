import {
  BatchNorm2d,
  functional,
  GroupNorm,
  InstanceNorm2d,
  type Layer,
  LayerNorm,
  type Layout,
  RMSNorm,
  type Tensor,
  tensor,
} from "evenkeel";

/** The normalizations that the stack of cells shows. */
export const normNames = ["batch", "layer", "instance", "group", "channel", "rms"] as const;
export type NormName = (typeof normNames)[number];

/** How a normalization is chosen and configured. */
export interface NormChoice {
  readonly norm: NormName;
  readonly groups: number;
  readonly eps: number;
  readonly layout: Layout;
}

/** Samples, channels, height and width of an activation. */
export type Extents = readonly [samples: number, channels: number, height: number, width: number];

interface Norm {
  readonly title: string;
  readonly shares: string;
  /** Whether the mean is subtracted. */
  readonly centered: boolean;
  readonly make: (extents: Extents, choice: NormChoice) => Layer;
  /** The code a reader would write. */
  readonly code: (extents: Extents, choice: NormChoice) => string;
  /** The activation's axes in which every statistic has its own last axes, and the axes that share one. */
  readonly cut: (
    extents: Extents,
    groups: number,
  ) => { readonly shape: readonly number[]; readonly axes: readonly number[] };
  /** Number of the statistic that a cell belongs to, in the order of `cut`. */
  readonly setOf: (extents: Extents, groups: number, place: Extents) => number;
}

const optionsText = ({ layout }: NormChoice): string =>
  layout === "channels-last" ? ', { layout: "channels-last" }' : "";

export const norms: Readonly<Record<NormName, Norm>> = {
  batch: {
    title: "BatchNorm2d",
    shares: "each channel, over all samples and positions",
    centered: true,
    make: ([, c], { eps, layout }) => new BatchNorm2d(c, { eps, layout }),
    code: ([, c], choice) => `new BatchNorm2d(${c}${optionsText(choice)})`,
    cut: (extents) => ({ shape: extents, axes: [0, 2, 3] }),
    setOf: (_extents, _groups, [, c]) => c,
  },
  layer: {
    title: "LayerNorm",
    shares: "each sample, over all channels and positions",
    centered: true,
    make: ([, c, h, w], { eps, layout }) =>
      new LayerNorm(layout === "channels-last" ? [h, w, c] : [c, h, w], { eps }),
    code: ([, c, h, w], { layout }) =>
      `new LayerNorm([${(layout === "channels-last" ? [h, w, c] : [c, h, w]).join(", ")}])`,
    cut: (extents) => ({ shape: extents, axes: [1, 2, 3] }),
    setOf: (_extents, _groups, [n]) => n,
  },
  instance: {
    title: "InstanceNorm2d",
    shares: "each channel of each sample, over its positions",
    centered: true,
    make: ([, c], { eps, layout }) => new InstanceNorm2d(c, { eps, layout, trackRunningStats: true }),
    code: ([, c], choice) => `new InstanceNorm2d(${c}${optionsText(choice)})`,
    cut: (extents) => ({ shape: extents, axes: [2, 3] }),
    setOf: ([, channels], _groups, [n, c]) => n * channels + c,
  },
  group: {
    title: "GroupNorm",
    shares: "each group of channels of each sample",
    centered: true,
    make: ([, c], { groups, eps, layout }) => new GroupNorm(groups, c, { eps, layout }),
    code: ([, c], choice) => `new GroupNorm(${choice.groups}, ${c}${optionsText(choice)})`,
    cut: ([n, c, h, w], groups) => ({ shape: [n, groups, c / groups, h, w], axes: [2, 3, 4] }),
    setOf: ([, channels], groups, [n, c]) => n * groups + Math.floor((c * groups) / channels),
  },
  channel: {
    title: "LayerNorm over channels",
    shares: "each position of each sample, over its channels",
    centered: true,
    make: ([, c], { eps }) => new LayerNorm([c], { eps }),
    code: ([, c]) => `new LayerNorm([${c}]) // on (N, H, W, C)`,
    cut: (extents) => ({ shape: extents, axes: [1] }),
    setOf: ([, , height, width], _groups, [n, , h, w]) => (n * height + h) * width + w,
  },
  rms: {
    title: "RMSNorm",
    shares: "each sample; its mean square, no mean",
    centered: false,
    make: ([, c, h, w], { eps, layout }) =>
      new RMSNorm(layout === "channels-last" ? [h, w, c] : [c, h, w], { eps }),
    code: ([, c, h, w], { layout }) =>
      `new RMSNorm([${(layout === "channels-last" ? [h, w, c] : [c, h, w]).join(", ")}])`,
    cut: (extents) => ({ shape: extents, axes: [1, 2, 3] }),
    setOf: (_extents, _groups, [n]) => n,
  },
};

/** What one statistic of the activation is. */
export interface Statistic {
  /** Cells that share it. */
  readonly count: number;
  /** 0 where the mean is not subtracted. */
  readonly mean: number;
  /** Biased variance; the mean square where the mean is not subtracted. */
  readonly variance: number;
}

/** An activation normalized: cell by cell in (N, C, H, W) order, whatever the layout. */
export interface Normalized {
  readonly y: ArrayLike<number>;
  /** Number of the statistic of each cell. */
  readonly setOf: readonly number[];
  readonly statistics: readonly Statistic[];
}

/** Normalizes `x`, given in (N, C, H, W) order, with the library's own layer. */
export function normalize(x: Float32Array, extents: Extents, choice: NormChoice): Normalized {
  const norm = norms[choice.norm];
  const isLast = choice.layout === "channels-last" || choice.norm === "channel";
  const layer = norm.make(extents, choice);
  const y = isLast
    ? fromChannelsLast(layer.forward(channelsLast(x, extents)), extents)
    : layer.forward(tensor(x, extents)).data;
  const { shape, axes } = norm.cut(extents, choice.groups);
  return {
    y: y as ArrayLike<number>,
    setOf: places(extents).map((place) => norm.setOf(extents, choice.groups, place)),
    statistics: statisticsOf(tensor(x, shape), axes, norm.centered),
  };
}

function statisticsOf(x: Tensor, axes: readonly number[], centered: boolean): Statistic[] {
  const { count, mean, variance } = functional.moments(x, { axes });
  return Array.from(mean.data, (value, i) => {
    const spread = variance.data[i] as number;
    return centered
      ? { count, mean: value, variance: spread }
      : { count, mean: 0, variance: spread + value * value };
  });
}

/** The place of every cell, in (N, C, H, W) order. */
export function places([samples, channels, height, width]: Extents): Extents[] {
  const all: Extents[] = [];
  for (let n = 0; n < samples; n++)
    for (let c = 0; c < channels; c++)
      for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) all.push([n, c, h, w]);
  return all;
}

/** Where a cell is in memory. */
export function addressOf(
  [, channels, height, width]: Extents,
  [n, c, h, w]: Extents,
  layout: Layout,
): number {
  return layout === "channels-last"
    ? ((n * height + h) * width + w) * channels + c
    : ((n * channels + c) * height + h) * width + w;
}

function channelsLast(x: Float32Array, extents: Extents): Tensor<"float32"> {
  const [n, c, h, w] = extents;
  const moved = new Float32Array(x.length);
  places(extents).forEach((place, i) => {
    moved[addressOf(extents, place, "channels-last")] = x[i] as number;
  });
  return tensor(moved, [n, h, w, c]);
}

function fromChannelsLast(y: Tensor, extents: Extents): number[] {
  return places(extents).map((place) => Number(y.data[addressOf(extents, place, "channels-last")]));
}
