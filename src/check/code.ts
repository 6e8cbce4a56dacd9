import { pythonFloat } from "../layers/python.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Candidate } from "./candidate.ts";
import { type EpsForm, plainEps } from "./epsForms.ts";
import type { Named } from "./naming.ts";
import { short } from "./values.ts";

/** Lines of code that reproduce a candidate. */
export interface Code {
  readonly torch: string;
  readonly numpy: string;
  readonly layer: string;
}

/** The PyTorch, NumPy and evenkeel code of a candidate under one of its names. */
export function codeOf(candidate: Candidate, named: Named, shape: readonly number[]): Code {
  if (candidate.local !== undefined) return localCode(candidate);
  if (candidate.partition === null) return fixedCode(candidate, named, shape);
  const eps = plainEps(candidate.eps);
  const library = libraryCode(candidate, named, shape, eps);
  const byHand = (isTorch: boolean): string => handWritten(candidate, named, shape, eps, isTorch);
  return {
    numpy: byHand(false),
    torch: library?.torch ?? byHand(true),
    layer: library?.layer ?? momentsCode(candidate, named, eps),
  };
}

/** How weight and bias are shaped to multiply x, such as `weight.reshape(1, 64, 1, 1)`. */
function parameterText(candidate: Candidate, shape: readonly number[], name: "weight" | "bias"): string {
  const { affineAxes } = candidate;
  const isTrailing = affineAxes.every((axis, place) => axis === shape.length - affineAxes.length + place);
  if (isTrailing) return name;
  const extents = shape.map((extent, axis) => (affineAxes.includes(axis) ? extent : 1));
  return `${name}.reshape${shapeText(extents)}`;
}

function withAffine(candidate: Candidate, shape: readonly number[], core: string): string {
  if (!candidate.hasAffine) return core;
  const { solved, bias } = candidate;
  const hasBias = solved.bias || bias?.some((value) => value !== 0);
  const scaled = `${core} * ${parameterText(candidate, shape, "weight")}`;
  return hasBias ? `${scaled} + ${parameterText(candidate, shape, "bias")}` : scaled;
}

function divisor(variance: string, epsForm: EpsForm, eps: number, root: string, most: string): string {
  const text = pythonFloat(eps);
  if (epsForm === "inside") return `${root}(${variance} + ${text})`;
  if (epsForm === "outside") return `(${root}(${variance}) + ${text})`;
  if (epsForm === "max") return most.replace("{v}", variance).replace("{e}", text);
  return `${root}(${variance})`;
}

function handWritten(
  candidate: Candidate,
  { descriptor }: Named,
  shape: readonly number[],
  eps: number,
  isTorch: boolean,
): string {
  const { kind, deviation } = candidate;
  const { groupAxis, groups, reducedAxes } = descriptor;
  const axes = reducedAxes.map((axis) => (groupAxis !== null && axis >= groupAxis ? axis + 1 : axis));
  const over = `${isTorch ? "dim" : "axis"}=${shapeText(axes)}, ${isTorch ? "keepdim" : "keepdims"}=True`;
  const v = groupAxis === null ? "x" : "g";
  const variance =
    kind === "centered"
      ? isTorch
        ? `${v}.var(${over}, correction=${deviation.ddof})`
        : `${v}.var(${over}, ddof=${deviation.ddof})`
      : `(${v} ** 2).${kind === "rms" ? "mean" : "sum"}(${over})` +
        (deviation.ddof === 1
          ? ` * ${candidate.partition?.count} / ${(candidate.partition?.count ?? 0) - 1}`
          : "");
  const root = isTorch ? "torch.sqrt" : "np.sqrt";
  const most = isTorch ? "torch.sqrt(({v}).clamp(min={e}))" : "np.sqrt(np.maximum({v}, {e}))";
  const centered = kind === "centered" ? `(${v} - ${v}.mean(${over}))` : v;
  const core = `${centered} / ${divisor(variance, deviation.epsForm, eps, root, most)}`;
  if (groupAxis === null) return withAffine(candidate, shape, core);
  const cut = [...shape];
  cut.splice(groupAxis, 1, groups, shape[groupAxis] / groups);
  const back = `(${core}).reshape${shapeText(shape)}`;
  return `g = x.reshape${shapeText(cut)}; ${withAffine(candidate, shape, back)}`;
}

/** The evenkeel lines where no layer computes this. */
function momentsCode(candidate: Candidate, { descriptor }: Named, eps: number): string {
  const { kind, deviation } = candidate;
  const { reducedAxes, groups, groupAxis } = descriptor;
  if (kind === "l2" && reducedAxes.length === 1) {
    return `F.lpNormalize(x, { axis: ${reducedAxes[0]}, eps: ${short(Math.sqrt(eps))} })`;
  }
  const view = groupAxis === null ? "x" : `x seen as ${groups} groups along axis ${groupAxis}`;
  const places = reducedAxes.map((axis) => (groupAxis !== null && axis >= groupAxis ? axis + 1 : axis));
  const root = divisor("variance", deviation.epsForm, eps, "Math.sqrt", "Math.sqrt(Math.max({v}, {e}))");
  const over = `F.moments(${view}, { axes: [${places.join(", ")}], ddof: ${deviation.ddof} })`;
  if (kind === "centered") return `no layer: { mean, variance } = ${over}; (x - mean) / ${root}`;
  const square = kind === "rms" ? "mean(x^2)" : "sum(x^2)";
  return `no layer: x / ${root.replace("variance", `${square} over axes [${reducedAxes.join(", ")}]`)}`;
}

/** The call of a framework's own layer, where it computes just this. */
function libraryCode(
  candidate: Candidate,
  { op, descriptor, affine, channelsLast }: Named,
  shape: readonly number[],
  eps: number,
): { readonly torch: string; readonly layer: string } | null {
  const { deviation, hasAffine } = candidate;
  const isPlain = deviation.epsForm === "inside" || deviation.epsForm === "none";
  if (deviation.ddof === 1 || !isPlain) return null;
  const python = pythonFloat(eps);
  const parameters = hasAffine ? "weight=weight, bias=bias" : "";
  const join = (...parts: string[]): string => parts.filter((part) => part !== "").join(", ");
  const layout = channelsLast ? `, layout: "channels-last"` : "";
  const channels = channelsLast ? shape[shape.length - 1] : shape[1];
  const rank = shape.length;
  const first = `x.movedim(-1, 1)`;
  const wrap = (call: (x: string) => string): string =>
    channelsLast ? `${call(first)}.movedim(1, -1)` : call("x");
  if (/^(Batch|Instance)Norm/.test(op)) {
    if (affine !== "none" && affine !== "channel" && !(affine === "last" && (channelsLast || rank === 2)))
      return null;
    const isBatch = op.startsWith("Batch");
    const torch = wrap((x) =>
      isBatch
        ? `torch.nn.functional.batch_norm(${join(x, "None, None", parameters, "training=True", `eps=${python}`)})`
        : `torch.nn.functional.instance_norm(${join(x, parameters, `eps=${python}`)})`,
    );
    return { torch, layer: `new ${op}(${channels}, { eps: ${short(eps)}, affine: ${hasAffine}${layout} })` };
  }
  const normalized = shapeText(shape.slice(rank - descriptor.reducedAxes.length));
  const isElement =
    affine === "none" || affine === "element" || (affine === "last" && descriptor.reducedAxes.length === 1);
  if (op === "LayerNorm" || (op === "RMSNorm" && isElement)) {
    const isLayer = op === "LayerNorm";
    const call = isLayer ? "layer_norm" : "rms_norm";
    const given = isLayer ? parameters : hasAffine ? "weight=weight" : "";
    return {
      torch: `torch.nn.functional.${call}(${join("x", normalized, given, `eps=${python}`)})`,
      layer: `new ${op}([${shape.slice(rank - descriptor.reducedAxes.length).join(", ")}], { eps: ${short(eps)}, elementwiseAffine: ${hasAffine} })`,
    };
  }
  if (op === "GroupNorm") {
    const groups = descriptor.groups;
    return {
      torch: wrap(
        (x) => `torch.nn.functional.group_norm(${join(x, String(groups), parameters, `eps=${python}`)})`,
      ),
      layer: `new GroupNorm(${groups}, ${channels}, { eps: ${short(eps)}, affine: ${hasAffine}${layout} })`,
    };
  }
  return null;
}

function fixedCode(candidate: Candidate, { op, channelsLast }: Named, shape: readonly number[]): Code {
  if (candidate.freedom === 0) return { torch: "x", numpy: "x", layer: "x" };
  const core = `x * ${parameterText(candidate, shape, "weight")} + ${parameterText(candidate, shape, "bias")}`;
  const layout = channelsLast ? `, { layout: "channels-last" }` : "";
  const channels = channelsLast ? shape[shape.length - 1] : shape[1];
  const layer = op.startsWith("BatchNorm")
    ? `new ${op}(${channels}${layout}).eval() with weight * rstd and bias - mean * weight * rstd as solved`
    : "x * weight + bias";
  return { torch: core, numpy: core, layer };
}

function localCode({ local }: Candidate): Code {
  if (local === undefined) throw new TypeError("codeOf: expected a local response normalization");
  const { axis, before, after, size, scale, beta, k } = local;
  const alpha = short(scale * size, 12);
  const window = `window_sum(x ** 2, axis=${axis}, before=${before}, after=${after})`;
  const isTorch = before === Math.floor(size / 2) && axis === 1;
  const numpy = `x / (${k} + ${short(scale, 12)} * ${window}) ** ${beta}`;
  return {
    torch: isTorch
      ? `torch.nn.functional.local_response_norm(x, ${size}, alpha=${alpha}, beta=${beta}, k=${k})`
      : numpy,
    numpy,
    layer: isTorch
      ? `new LocalResponseNorm(${size}, { alpha: ${alpha}, beta: ${beta}, k: ${k} })`
      : `F.localResponseNorm(x, { size: ${size}, alpha: ${alpha}, beta: ${beta}, k: ${k}, channelsBefore: ${before}, axis: ${axis} })`,
  };
}
