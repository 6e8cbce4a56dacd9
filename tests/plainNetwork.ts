import { toFloat64 } from "../src/tensor/cast.ts";
import { sizeOf } from "../src/tensor/shape.ts";
import { Tensor } from "../src/tensor/tensor.ts";

/** One number for all dimensions, or one for each. */
type PerDimension = number | readonly number[];

/** Options of {@link plainConv}, PyTorch's. */
export interface ConvOptions {
  readonly stride?: PerDimension | undefined;
  readonly padding?: PerDimension | undefined;
  readonly dilation?: PerDimension | undefined;
  readonly groups?: number | undefined;
  readonly outputPadding?: PerDimension | undefined;
}

function along(value: PerDimension, dimension: number): number {
  return typeof value === "number" ? value : (value[dimension] ?? value[0]);
}

/** A tensor as float64. */
export function float64Of({ data, dtype, shape }: Tensor): Tensor<"float64"> {
  return new Tensor("float64", shape, toFloat64(data, dtype));
}

/** Every index below the extents, in row-major order. */
function* indices(extents: readonly number[]): Generator<number[]> {
  const index = extents.map(() => 0);
  if (sizeOf(extents) === 0) return;
  for (;;) {
    yield [...index];
    let axis = extents.length - 1;
    while (axis >= 0 && ++index[axis] === extents[axis]) index[axis--] = 0;
    if (axis < 0) return;
  }
}

function offsetIn(extents: readonly number[], index: readonly number[]): number {
  return index.reduce((offset, at, axis) => offset * extents[axis] + at, 0);
}

/** Convolution of (N, in, *) with (out, in / groups, *), of 1, 2 or 3 dimensions, term by term in float64. */
export function plainConv(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  o: ConvOptions = {},
): Tensor<"float64"> {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = o;
  const [samples, , ...field] = x.shape;
  const [outputs, perGroup, ...kernel] = weight.shape;
  const outField = field.map(
    (extent, d) =>
      Math.floor(
        (extent + 2 * along(padding, d) - along(dilation, d) * (kernel[d] - 1) - 1) / along(stride, d),
      ) + 1,
  );
  return accumulate(x, weight, bias, [samples, outputs, ...outField], (add) => {
    for (let n = 0; n < samples; n++)
      for (let out = 0; out < outputs; out++)
        for (let i = 0; i < perGroup; i++) {
          const input = Math.floor(out / (outputs / groups)) * perGroup + i;
          for (const to of indices(outField))
            for (const tap of indices(kernel)) {
              const from = to.map(
                (at, d) => at * along(stride, d) - along(padding, d) + tap[d] * along(dilation, d),
              );
              if (from.some((at, d) => at < 0 || at >= field[d])) continue;
              add([n, out, ...to], [n, input, ...from], [out, i, ...tap]);
            }
        }
  });
}

/** Transposed convolution of (N, in, *) with (in, out / groups, *). */
export function plainConvTranspose(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  o: ConvOptions = {},
): Tensor<"float64"> {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0 } = o;
  const [samples, inputs, ...field] = x.shape;
  const [, perGroup, ...kernel] = weight.shape;
  const outField = field.map(
    (extent, d) =>
      (extent - 1) * along(stride, d) -
      2 * along(padding, d) +
      along(dilation, d) * (kernel[d] - 1) +
      along(outputPadding, d) +
      1,
  );
  return accumulate(x, weight, bias, [samples, perGroup * groups, ...outField], (add) => {
    for (let n = 0; n < samples; n++)
      for (let input = 0; input < inputs; input++)
        for (let j = 0; j < perGroup; j++) {
          const out = Math.floor(input / (inputs / groups)) * perGroup + j;
          for (const from of indices(field))
            for (const tap of indices(kernel)) {
              const to = from.map(
                (at, d) => at * along(stride, d) - along(padding, d) + tap[d] * along(dilation, d),
              );
              if (to.some((at, d) => at < 0 || at >= outField[d])) continue;
              add([n, out, ...to], [n, input, ...from], [input, j, ...tap]);
            }
        }
  });
}

type Add = (to: readonly number[], from: readonly number[], by: readonly number[]) => void;

function accumulate(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  shape: readonly number[],
  visit: (add: Add) => void,
): Tensor<"float64"> {
  const [xs, ws] = [float64Of(x).data, float64Of(weight).data];
  const y = new Float64Array(sizeOf(shape));
  visit((to, from, by) => {
    y[offsetIn(shape, to)] += xs[offsetIn(x.shape, from)] * ws[offsetIn(weight.shape, by)];
  });
  if (bias !== null) {
    const shift = float64Of(bias).data;
    const perChannel = sizeOf(shape.slice(2));
    for (let i = 0; i < y.length; i++) y[i] += shift[Math.floor(i / perChannel) % shift.length];
  }
  return new Tensor("float64", shape, y);
}

/** (N, in) times the transpose of (out, in). */
export function plainLinear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor<"float64"> {
  const [outputs, inputs] = weight.shape;
  const asField = (value: Tensor, rows: number): Tensor =>
    new Tensor("float64", [rows, inputs, 1], float64Of(value).data);
  const y = plainConv(asField(x, x.shape[0]), asField(weight, outputs), bias);
  return new Tensor("float64", [x.shape[0], outputs], y.data);
}

/** max(x, 0) of each element. */
export function relu({ shape, data }: Tensor<"float64">): Tensor<"float64"> {
  return new Tensor(
    "float64",
    shape,
    data.map((value) => Math.max(0, value)),
  );
}
