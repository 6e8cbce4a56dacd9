import { toFloat64 } from "../tensor/cast.ts";
import { describe } from "../tensor/shape.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { conventions } from "./conventions.ts";
import { type LayerLevel, levelOf } from "./health/exploding.ts";
import { type Finding, type RuleName, ruleNames, type Severity } from "./health/finding.ts";
import { type ChannelTensor, channelTensors, type LayerValues, scaleOf } from "./health/layerValues.ts";
import { layerRules, networkRules, tensorRules } from "./health/rules.ts";
import { isReadable } from "./health/tensors.ts";
import type { Inspection, LayerInspection, Quantity } from "./inspection.ts";
import { inModelOrder } from "./layerOrder.ts";
import { findNormLayers, type NormLayer } from "./normLayers.ts";
import { type Summary, summarize } from "./summary.ts";

/** How {@link inspect} looks. */
export interface InspectOptions {
  /** eps of every layer; default that of the layer's framework, as checkpoints do not hold it. */
  readonly eps?: number | undefined;
  /** Rules that are not applied. */
  readonly ignore?: readonly RuleName[] | undefined;
  /** Called after each layer. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

type Source = Pick<Checkpoint, "entries" | "tensor">;

/** Scales that are kept, of all layers together: 32 MB. */
const mostScales = 2 ** 22;

/** eps of a layer that its framework does not have. */
const commonEps = 1e-5;

/** Machine epsilon of float32, PyTorch's eps of an RMSNorm whose eps is None. */
const floatEpsilon = 2 ** -23;

/**
 * Finds every normalization layer of a checkpoint and says how healthy it is.
 *
 * Only the layers' own tensors are read, one after the other, so that a file of many gigabytes takes little memory. The
 * scale of a channel is weight / sqrt(running variance + eps).
 *
 * @throws TypeError if `checkpoint` is none or an option is of the wrong kind; RangeError if eps is negative or a rule
 * is unknown; whatever reading a tensor throws
 * @example
 * const file = await openSafetensors("examples/digits/model.safetensors");
 * const { layers, findings } = await inspect(file);
 * for (const { layer, severity, message } of findings) console.log(layer, severity, message);
 */
export async function inspect(checkpoint: Source, options: InspectOptions = {}): Promise<Inspection> {
  checkArguments(checkpoint, options);
  const layers = inModelOrder(findNormLayers(checkpoint));
  const inspected: LayerInspection[] = [];
  const levels: LayerLevel[] = [];
  let kept = 0;
  for (const layer of layers) {
    const values = await valuesOf(checkpoint, layer, options.eps ?? epsOf(layer));
    const found = [
      ...tensorRules.flatMap((rule) => rule(layer, checkpoint.entries)),
      ...layerRules.flatMap((rule) => rule(values)),
    ];
    kept += values.scale?.length ?? 0;
    inspected.push(inspectionOf(layer, values, found, kept <= mostScales));
    levels.push(levelOf(values));
    options.onProgress?.(inspected.length, layers.length);
  }
  const overall = networkRules.flatMap((rule) => rule(levels));
  return gather(inspected, overall, new Set(options.ignore));
}

function checkArguments(checkpoint: unknown, { eps, ignore = [] }: InspectOptions): void {
  const entries = (checkpoint as Partial<Source> | null | undefined)?.entries;
  if (!(entries instanceof Map)) {
    throw new TypeError(
      `inspect: expected an open checkpoint, as openSafetensors gives, got ${describe(checkpoint)}`,
    );
  }
  if (eps !== undefined && typeof eps !== "number") {
    throw new TypeError(`inspect: expected eps to be a number, got ${describe(eps)}`);
  }
  if (eps !== undefined && !(eps >= 0 && eps < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`inspect: expected eps of at least 0, got ${eps}`);
  }
  if (!Array.isArray(ignore)) {
    throw new TypeError(`inspect: expected ignore to be a list of rules, got ${describe(ignore)}`);
  }
  const unknown = ignore.find((rule) => !ruleNames.includes(rule));
  if (unknown !== undefined) {
    throw new RangeError(`inspect: expected a rule among ${ruleNames.join(", ")}, got ${describe(unknown)}`);
  }
}

function epsOf({ convention, kind }: NormLayer): number {
  const eps = conventions[convention].eps[kind];
  return eps === null ? floatEpsilon : (eps ?? commonEps);
}

async function valuesOf(checkpoint: Source, layer: NormLayer, eps: number): Promise<LayerValues> {
  const read = async (role: ChannelTensor | "numBatchesTracked"): Promise<Float64Array | null> => {
    const key = layer.keys[role];
    const entry = key === undefined ? undefined : checkpoint.entries.get(key);
    if (key === undefined || entry === undefined || !isReadable(entry)) return null;
    const { data, dtype } = await checkpoint.tensor(key);
    return toFloat64(data, dtype);
  };
  const weight = await read("weight");
  const runningVar = await read("runningVar");
  const count = await read("numBatchesTracked");
  return {
    name: layer.name,
    kind: layer.kind,
    kindBy: layer.kindBy,
    eps,
    weight,
    bias: await read("bias"),
    runningMean: await read("runningMean"),
    runningVar,
    numBatchesTracked: count?.[0] ?? null,
    scale: scaleOf(weight, runningVar, eps),
  };
}

function inspectionOf(
  layer: NormLayer,
  values: LayerValues,
  findings: readonly Finding[],
  keepsScale: boolean,
): LayerInspection {
  const statistics: { [Name in Quantity]?: Summary } = {};
  for (const role of channelTensors) {
    const tensor = values[role];
    if (tensor !== null) statistics[role] = summarize(tensor);
  }
  if (values.runningVar !== null) statistics.deviation = summarize(values.runningVar.map(Math.sqrt));
  if (values.scale !== null) statistics.scale = summarize(values.scale.map(Math.abs));
  return {
    ...layer,
    eps: values.eps,
    numBatchesTracked: values.numBatchesTracked,
    statistics,
    scale: keepsScale ? values.scale : null,
    findings,
  };
}

function gather(
  layers: readonly LayerInspection[],
  overall: readonly Finding[],
  ignored: ReadonlySet<RuleName>,
): Inspection {
  const withOverall = layers.map((layer) => {
    const findings = [...layer.findings, ...overall.filter((each) => each.layer === layer.name)];
    return { ...layer, findings: worstFirst(findings.filter(({ rule }) => !ignored.has(rule))) };
  });
  const findings = worstFirst(withOverall.flatMap((layer) => layer.findings));
  const count = (severity: Severity): number => findings.filter((each) => each.severity === severity).length;
  return {
    layers: withOverall,
    findings,
    errors: count("error"),
    warnings: count("warning"),
    notes: count("note"),
  };
}

const ranks: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

function worstFirst(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => ranks[a.severity] - ranks[b.severity]);
}
