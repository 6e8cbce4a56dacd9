import type { Checkpoint } from "../../../src/checkpoints/index.ts";
import {
  type InspectOptions,
  inspect,
  type LayerInspection,
  type RuleName,
} from "../../../src/checkpoints/index.ts";
import type { DType } from "../../../src/tensor/dtype.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import { normals } from "../../random.ts";

/** Values of a layer's tensors by their name in a state dict. */
export type State = Readonly<Record<string, readonly number[] | Float64Array | Tensor<DType>>>;

const dtypes: Readonly<Record<string, "F32" | "F64" | "I64">> = {
  float32: "F32",
  float64: "F64",
  int64: "I64",
};

/** A checkpoint in memory; arrays become float64 vectors. */
export function checkpointOf(
  state: State,
): Pick<Checkpoint, "entries" | "tensor"> & { readonly reads: string[] } {
  const tensors = new Map(
    Object.entries(state).map(([name, value]) => [
      name,
      Array.isArray(value) || value instanceof Float64Array
        ? (new Tensor("float64", [value.length], Float64Array.from(value)) as Tensor<DType>)
        : (value as Tensor<DType>),
    ]),
  );
  const reads: string[] = [];
  return {
    reads,
    entries: new Map(
      [...tensors].map(([name, { dtype, shape }]) => [name, { dtype: dtypes[dtype] ?? "F32", shape }]),
    ),
    async tensor(name) {
      reads.push(name);
      const found = tensors.get(name);
      if (found === undefined) throw new RangeError(`no ${name}`);
      return found;
    },
  };
}

/** int64 scalar, as num_batches_tracked is. */
export function countOf(count: number): Tensor<DType> {
  return new Tensor("int64", [], BigInt64Array.of(BigInt(count)));
}

/** A batch norm as training leaves it: weights around 1, variances over two decades; parts may be replaced. */
export function trained(name: string, size = 64, seed = 1): Record<string, Float64Array | Tensor<DType>> {
  const draw = (part: number): Float64Array => normals(size, seed * 10 + part);
  return {
    [`${name}.weight`]: draw(0).map((z) => 1 + 0.1 * z),
    [`${name}.bias`]: draw(1).map((z) => 0.1 * z),
    [`${name}.running_mean`]: draw(2).map((z) => 0.5 * z),
    [`${name}.running_var`]: draw(3).map((z) => Math.exp(z)),
    [`${name}.num_batches_tracked`]: countOf(100),
  };
}

/** `values` with those of some channels replaced. */
export function replaced(values: Float64Array, changes: Readonly<Record<number, number>>): Float64Array {
  const copy = values.slice();
  for (const [channel, value] of Object.entries(changes)) copy[Number(channel)] = value;
  return copy;
}

/** A trained batch norm `bn` with some channels of one tensor replaced. */
export function withChannels(part: string, changes: Readonly<Record<number, number>>, size = 64): State {
  const state = trained("bn", size);
  return { ...state, [`bn.${part}`]: replaced(state[`bn.${part}`] as Float64Array, changes) };
}

/** The first layer of a state, inspected. */
export async function firstLayer(state: State, options?: InspectOptions): Promise<LayerInspection> {
  const { layers } = await inspect(checkpointOf(state), options);
  return layers[0];
}

/** `rule severity` of every finding in a state. */
export async function rulesOf(state: State, options?: InspectOptions): Promise<string[]> {
  const { findings } = await inspect(checkpointOf(state), options);
  return findings.map(({ rule, severity }): `${RuleName} ${string}` => `${rule} ${severity}`);
}
