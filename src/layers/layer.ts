import { type BackendName, checkBackend } from "../backends/select.ts";
import type { Backward, Forward } from "../functional/core.ts";
import { storeFloat64 } from "../tensor/cast.ts";
import { type FloatType, isDType, isFloatType } from "../tensor/dtype.ts";
import { describe } from "../tensor/shape.ts";
import { asTensor, sameStorage, type Tensor, type TensorLike } from "../tensor/tensor.ts";
import { Parameter } from "./parameter.ts";
import {
  type LoadOptions,
  type LoadResult,
  loadStateDict,
  type StateDict,
  type StateDictLike,
  type StateEntry,
  stateDictOf,
} from "./stateDict.ts";

/** Options that every layer takes. */
export interface LayerOptions {
  /** Element type of parameters and running statistics. Default float32. */
  readonly dtype?: FloatType;
  /** Which backend computes; by default the one of `setBackend`. */
  readonly backend?: BackendName | undefined;
}

/** Options of `forward` and `backward`. */
export interface CallOptions {
  /** Where the result goes: a tensor of the input's dtype and shape; may be the input itself where no backward follows. */
  readonly out?: TensorLike;
}

/** Where the channels are: (N, C, *) or (N, *, C). */
export type Layout = "channels-first" | "channels-last";

/** The modes, parameters, gradients and state dict that every layer has. */
export abstract class Layer {
  /** The class's name, as PyTorch prints it. */
  abstract readonly name: string;
  /** Whether batch statistics normalize and running ones move; set by `train()` and `eval()`. */
  training = true;
  /** Scale, or null where the layer has none. */
  weight: Parameter | null = null;
  /** Shift, or null where the layer has none. */
  bias: Parameter | null = null;
  readonly dtype: FloatType;
  readonly backend: BackendName | undefined;
  #frozen = false;
  #backward: Backward | null = null;

  constructor(who: string, options: LayerOptions) {
    const { dtype = "float32" } = options;
    if (!isDType(dtype) || !isFloatType(dtype)) {
      throw new TypeError(
        `${who}: expected dtype float32, float64, float16 or bfloat16, got ${describe(dtype)}`,
      );
    }
    this.dtype = dtype;
    if (options.backend !== undefined) checkBackend(options.backend, who);
    this.backend = options.backend;
  }

  /** Whether the layer normalizes by its running statistics and its parameters get no gradient. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /**
   * Normalizes `input`; in training the running statistics move.
   *
   * @returns y, of the input's dtype and shape
   * @throws TypeError if the input is no float tensor; RangeError if its shape does not fit
   */
  forward(input: TensorLike, options: CallOptions = {}): Tensor {
    const x = asTensor(this.name, "input", input);
    const { y, backward } = this.compute(x, options.out);
    this.#backward = y.size > 0 && sameStorage(y, x) ? refusalAfterInPlace(this.name) : backward;
    return y;
  }

  /**
   * Gradient of the last forward's input; adds to `weight.grad` and `bias.grad` unless frozen.
   *
   * @param dy gradient of the output, of its shape
   * @throws RangeError if no forward came before, if it overwrote its input, or if dy's shape differs
   */
  backward(dy: TensorLike, options: CallOptions = {}): Tensor {
    if (this.#backward === null) throw new RangeError(`${this.name}: backward needs a forward before it`);
    const { dx, dWeight, dBias } = this.#backward(dy, options.out);
    if (!this.#frozen) {
      if (dWeight) this.weight?.accumulate(dWeight);
      if (dBias) this.bias?.accumulate(dBias);
    }
    return dx;
  }

  /** Turns training on (or off, with false). */
  train(mode = true): this {
    this.training = mode;
    return this;
  }

  /** Turns training off. */
  eval(): this {
    return this.train(false);
  }

  /** Holds the running statistics and the parameters still, in training too, until `unfreeze()`. */
  freeze(): this {
    this.#frozen = true;
    return this;
  }

  /** Ends `freeze()`. */
  unfreeze(): this {
    this.#frozen = false;
    return this;
  }

  /** Sets the gradients to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** The parameters that the layer has, weight first. */
  parameters(): Parameter[] {
    return [this.weight, this.bias].filter((parameter) => parameter !== null);
  }

  /** Sets weight to 1 and bias to 0. */
  resetParameters(): void {
    if (this.weight) fill(this.weight, 1);
    if (this.bias) fill(this.bias, 0);
  }

  /**
   * Copies of the parameters and statistics by PyTorch's names; keys of what is off are absent.
   *
   * @example
   * layer.stateDict({ prefix: "layer1.0.bn1." });
   */
  stateDict({ prefix = "" }: { readonly prefix?: string } = {}): StateDict {
    return stateDictOf(this.stateEntries(), prefix);
  }

  /**
   * Copies a state dict into the layer, converted to its dtype; nothing changes unless everything fits.
   *
   * @throws RangeError naming, all in one, missing keys, unexpected keys (both unless `strict: false`) and size mismatches
   * @example
   * layer.loadStateDict(await readSafetensors("model.safetensors"), { prefix: "bn1." });
   */
  loadStateDict(dict: StateDictLike, options: LoadOptions = {}): LoadResult {
    return loadStateDict(this.name, this.stateEntries(dict, options.prefix ?? ""), dict, options);
  }

  /** As PyTorch prints it: `LayerNorm((768,), eps=1e-05, elementwise_affine=True)`. */
  toString(): string {
    return `${this.name}(${this.describeOptions()})`;
  }

  /** The forward of this layer's kind on a checked tensor. */
  protected abstract compute(x: Tensor, out: TensorLike | undefined): Forward;

  /** What stands between the parentheses of `toString()`. */
  protected abstract describeOptions(): string;

  /** The state dict's tensors; `dict` is what will be loaded, for layers that take their size from it. */
  protected stateEntries(_dict?: StateDictLike, _prefix?: string): StateEntry[] {
    const entries: StateEntry[] = [];
    if (this.weight) entries.push({ key: "weight", value: this.weight });
    if (this.bias) entries.push({ key: "bias", value: this.bias });
    return entries;
  }

  /** Makes weight and bias of this shape, each only where asked for. */
  protected makeParameters(shape: readonly number[], hasWeight: boolean, hasBias: boolean): void {
    this.weight = hasWeight ? new Parameter(shape, this.dtype) : null;
    this.bias = hasBias ? new Parameter(shape, this.dtype) : null;
    this.resetParameters();
  }
}

/** Fills a parameter or statistic with one value of its dtype. */
export function fill(
  target: { readonly dtype: FloatType; readonly data: Tensor["data"] },
  value: number,
): void {
  storeFloat64(new Float64Array(target.data.length).fill(value), target.data, target.dtype);
}

/**
 * The channel axis of a layout.
 *
 * @throws RangeError if it is no layout
 */
export function channelAxisOf(who: string, layout: Layout): number {
  if (layout === "channels-first") return 1;
  if (layout === "channels-last") return -1;
  throw new RangeError(
    `${who}: expected layout "channels-first" or "channels-last", got ${describe(layout)}`,
  );
}

function refusalAfterInPlace(who: string): Backward {
  return () => {
    throw new RangeError(`${who}: backward needs the input, which forward overwrote by its out option`);
  };
}
