import {
  BatchNorm2d,
  functional as F,
  GroupNorm,
  InstanceNorm2d,
  LayerNorm,
  type Tensor,
  tensor,
} from "../index.ts";

/** A published hand-check of which the steps are known, but not the arrays. */
export interface Recipe {
  readonly name: string;
  readonly op: string;
  readonly shape: readonly number[];
  readonly eps: number;
  readonly std: string;
}

/** A recipe followed on numbers of its shape: its result, and that of the layer it means. */
export function followed(recipe: Recipe): {
  readonly x: Tensor;
  readonly byHand: Tensor;
  readonly y: Tensor;
  readonly meant: string;
} {
  const x = tensor(pseudoRandom(recipe.shape), recipe.shape) as Tensor;
  const { view, axes, y } = meantBy(recipe, x);
  const ddof = recipe.std.startsWith("sample") ? 1 : 0;
  const { mean, variance } = F.moments(view, { axes, ddof });
  const byHand = tensor(standardized(view, mean, variance), x.shape) as Tensor;
  return { x, byHand, y, meant: `${recipe.op}, eps=${recipe.eps}` };
}

/** The layer that a recipe means, its result on x, and the view of x whose axes the recipe reduces. */
function meantBy(
  recipe: Recipe,
  x: Tensor,
): { readonly view: Tensor; readonly axes: number[]; readonly y: Tensor } {
  const [samples, channels, ...spatial] = x.shape;
  const options = { dtype: "float64" as const, eps: recipe.eps };
  if (recipe.op.startsWith("BatchNorm")) {
    const bn = new BatchNorm2d(x.shape.at(-1) as number, { ...options, layout: "channels-last" });
    return { view: x, axes: [0, 1, 2], y: bn.forward(x) };
  }
  if (recipe.op.startsWith("LayerNorm")) {
    return { view: x, axes: [1, 2, 3], y: new LayerNorm(x.shape.slice(1), options).forward(x) };
  }
  if (recipe.op.startsWith("InstanceNorm")) {
    return { view: x, axes: [2, 3], y: new InstanceNorm2d(channels, options).forward(x) };
  }
  const numGroups = Number(/GroupNorm\((\d+)/.exec(recipe.op)?.[1] ?? 1);
  const view = tensor(x.data, [samples, numGroups, channels / numGroups, ...spatial]) as Tensor;
  return { view, axes: [2, 3, 4], y: new GroupNorm(numGroups, channels, options).forward(x) };
}

/** (x - mean) / std with statistics of keepdims shape, as the recipes write it. */
function standardized(x: Tensor, mean: Tensor, variance: Tensor): Float64Array {
  const stridesOf = (shape: readonly number[]): number[] =>
    shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const strides = stridesOf(x.shape);
  const kept = stridesOf(mean.shape);
  return Float64Array.from(x.data as Float64Array, (value, i) => {
    const s = strides.reduce(
      (at, stride, axis) => at + (Math.floor(i / stride) % mean.shape[axis]) * kept[axis],
      0,
    );
    return (value - mean.data[s]) / Math.sqrt(variance.data[s]);
  });
}

/** Numbers in (-2, 2) that are the same everywhere. */
function pseudoRandom(shape: readonly number[]): Float64Array {
  let state = 1;
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
}
