import { type DType, type FloatType, Tensor, tensor } from "../../src/index.ts";
import { castArray } from "../../src/tensor/cast.ts";

/** A tensor as the suites write it: NaN and infinities are strings. */
export interface JsonTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: readonly (number | string)[];
}

/** Closeness that a case asks for; null where it expects an error. */
export type JsonTolerance =
  | {
      readonly rtol?: number;
      readonly atol?: number;
      readonly exact?: boolean;
      readonly ulp?: number;
      readonly float32?: { readonly rtol?: number; readonly atol?: number; readonly ulp?: number };
      readonly float64?: { readonly rtol?: number; readonly atol?: number; readonly ulp?: number };
    }
  | null
  | undefined;

/** One action of a case with steps. */
export interface JsonStep {
  readonly action: string;
  readonly inputs?: Readonly<Record<string, JsonTensor>>;
  readonly expected: Readonly<Record<string, JsonTensor | null>>;
}

/** One case of a suite. */
export interface JsonCase {
  readonly name: string;
  readonly op: string;
  readonly opset?: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly layout?: string | null;
  readonly inputs: Readonly<Record<string, JsonTensor>> & { readonly fileBase64?: string };
  readonly expected: Readonly<Record<string, JsonTensor | null>>;
  readonly tolerance?: JsonTolerance;
  readonly steps?: readonly JsonStep[];
  readonly expectError?: { readonly type?: string; readonly message?: string };
  readonly expectNoError?: boolean;
  readonly optional?: boolean;
}

/** One file of cases. */
export interface JsonSuite {
  readonly schemaVersion: number;
  readonly suite: string;
  readonly cases: readonly JsonCase[];
}

/** The tensor of a JSON tensor, in the dtype of the run. */
export function decode(json: JsonTensor, dtype: FloatType): Tensor {
  return tensor(Float64Array.from(json.data, Number), json.shape, { dtype }) as Tensor;
}

/** What an operation gave: arrays by the suites' names. */
export type Outputs = Record<
  string,
  { readonly shape: readonly number[]; readonly data: ArrayLike<unknown> }
>;

/** A case in the dtype of the run, with typed access to its attributes. */
export class CaseView {
  readonly case: JsonCase;
  readonly dtype: FloatType;
  readonly framework: string;
  /** The op without its framework. */
  readonly op: string;

  constructor(json: JsonCase, suite: string, dtype: FloatType) {
    const [head, ...rest] = json.op.split(".");
    this.case = json;
    this.dtype = dtype;
    this.op = rest.length === 0 ? head : rest.join(".");
    this.framework = (rest.length === 0 ? suite : head).toLowerCase();
  }

  /** The input under the first of these names that the case has. */
  input(...names: string[]): Tensor | undefined {
    const name = names.find((candidate) => this.case.inputs[candidate]);
    return name === undefined ? undefined : decode(this.case.inputs[name] as JsonTensor, this.dtype);
  }

  /** The input under one of these names. */
  required(...names: string[]): Tensor {
    const found = this.input(...names);
    if (found === undefined) throw new Error(`the case has no input ${names.join(" or ")}`);
    return found;
  }

  /** The attribute under the first of these names that the case has, else `fallback`. */
  attribute<T>(names: string | readonly string[], fallback: T): T {
    const name = [names].flat().find((candidate) => this.case.attributes[candidate] !== undefined);
    return name === undefined ? fallback : (this.case.attributes[name] as T);
  }

  /** The attributes of these names that the case has. */
  only(...names: string[]): Record<string, unknown> {
    return Object.fromEntries(
      names
        .filter((name) => this.case.attributes[name] !== undefined)
        .map((name) => [name, this.case.attributes[name]]),
    );
  }

  /** Whether the layout names the channels last. */
  get channelsLast(): boolean {
    const layout = this.case.layout ?? "";
    return /^N.*C$/i.test(layout) && layout.length > 2;
  }

  /** The channel axis by the layout, unless the attributes name one. */
  axis(): number {
    return this.attribute("axis", this.channelsLast ? -1 : 1);
  }
}

/** An operation's outputs for a case; layers with state run the case's steps through `step`. */
export type Adapter = (view: CaseView) => Outputs | Promise<Outputs>;

/** A tensor of another dtype with the same values. */
export function cast<D extends DType>(value: Tensor<DType>, dtype: D): Tensor<D> {
  return new Tensor(dtype, value.shape, castArray(value.data, value.dtype, dtype));
}
