import { PoolBlock } from "../../tensor/block.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { pairsFor, parameterSums } from "./coefficients.ts";
import { type Compute, computeOf, elementBytes, finishOutput, input, output } from "./operands.ts";
import type {
  BackwardCall,
  ForwardCall,
  GradInputCall,
  LoopShape,
  NormalizeCall,
  SumsAt,
} from "./request.ts";
import { elementSlices, type Slice, statisticSlices } from "./slices.ts";
import { blockBytes, needsStage, type Operand, runBlocks } from "./stage.ts";
import { float64At, inPart } from "./workspace.ts";

// A call on tensors that kernels cannot take from where they are goes slice by slice: each is a plan of its own, whose
// elements are copied into a scratch of the cache's size and back. The loop shapes do not know of it, and results have
// the same bits: statistics are never divided, and where a shape divides them by the size of the plan it gets the whole.

/** A forward, without the addresses of its tensors. */
export type Forward = Omit<ForwardCall, "x" | "y">;

/** A normalization, without the addresses of its tensors. */
export type Normalize = Omit<NormalizeCall, "x" | "y">;

/** A backward, without the addresses of its tensors. */
export type Backward = Omit<BackwardCall, "x" | "dy" | "dx">;

/** dx by sums that are known, without the addresses of its tensors. */
export type GradInput = Omit<GradInputCall, "x" | "dy" | "dx">;

/** The statistics of x and, unless y is null, y. */
export function forward(shape: LoopShape, call: Forward, x: Tensor, y: Tensor | null): void {
  const { plan, compute, weight, bias, mean, m2, rstd, eps } = call;
  if (!isLarge(call) || !needsStages(x, y)) {
    const from = input(x, compute);
    const to = y === null ? null : output(y, needsStage(x) ? from : 0);
    const target = to === null ? 0 : to.pointer;
    // Spelled out: for a few elements, spreading the call would take longer than the kernel.
    shape.forward({ plan, compute, x: from, y: target, weight, bias, mean, m2, rstd, eps });
    if (to !== null) finishOutput(to);
  } else if (shape.isCutByPlan) {
    // Blocks of rows are cut by the size of the whole plan, and their shifts are sampled over all of it.
    const whole = inKernelMemory(x, compute);
    shape.forward({ ...call, x: input(whole, compute), y: 0 });
    if (y !== null) normalize(shape, call, whole, y);
  } else {
    runBlocks(readAndWrite(x, y), slicesOf(shape, call, 1), ([from, to], slice) => {
      inPart(() => {
        const y0 = y === null ? 0 : (to ?? from);
        shape.forward({
          ...call,
          ...partOf(call, slice),
          ...{ m2: call.m2 + slice.statistic * 8, bias: parameterAt(call.bias, call, slice) },
          ...{ x: from, y: y0 },
        });
      });
    });
  }
}

/** y by given statistics. */
export function normalize(shape: LoopShape, call: Normalize, x: Tensor, y: Tensor): void {
  const { plan, compute, weight, bias, mean, rstd } = call;
  if (!isLarge(call) || !needsStages(x, y)) {
    const from = input(x, compute);
    const to = output(y, needsStage(x) ? from : 0);
    shape.normalize({ plan, compute, x: from, y: to.pointer, weight, bias, mean, rstd });
    finishOutput(to);
    return;
  }
  runBlocks(readAndWrite(x, y), elementSlices(plan, elementsOf(compute, 1)), ([from, to = from], slice) => {
    inPart(() => {
      const bias = parameterAt(call.bias, call, slice);
      shape.normalize({ ...call, ...partOf(call, slice), bias, x: from, y: to });
    });
  });
}

/** The sums of a backward and, unless dx is null, dx. */
export function backward(shape: LoopShape, call: Backward, x: Tensor, dy: Tensor, dx: Tensor | null): SumsAt {
  const { plan, compute, weight, mean, rstd, fixed, parameters } = call;
  const isWhole = shape.isCutByPlan || (shape.areParametersCutByPlan && parameters);
  if (isWhole || !isLarge(call) || !needsStages(x, dy, dx)) {
    const from = input(x, compute);
    const upstream = input(dy, compute);
    const to = dx === null ? null : output(dx, needsStage(dy) ? upstream : 0);
    const target = to === null ? 0 : to.pointer;
    // Spelled out as in the forward.
    const whole = { plan, compute, x: from, dy: upstream, dx: target, weight, mean, rstd, fixed, parameters };
    const sums = shape.backward(whole);
    if (to !== null) finishOutput(to);
    return sums;
  }
  const pairs = parameters ? pairsFor(plan) : 0;
  const operands: Operand[] = [{ tensor: x, access: "read" }, ...readAndWrite(computed(dy, compute), dx)];
  runBlocks(operands, slicesOf(shape, call, 2), ([from, upstream, to], slice) => {
    inPart(() => {
      const dx0 = dx === null ? 0 : (to ?? upstream);
      const part = partOf(call, slice);
      const sums = shape.backward({ ...call, ...part, x: from, dy: upstream, dx: dx0 });
      if (!parameters) return;
      const n = part.plan.batch * part.plan.parameters * 2;
      const first = slice.statistic * plan.channel * 16;
      float64At(pairs + first, n).set(float64At(sums.pairs as number, n));
    });
  });
  return parameters ? parameterSums(plan, pairs) : { parameters: 0 };
}

/** dx by sums that are known. */
export function gradInput(
  kernel: (call: GradInputCall) => void,
  call: GradInput,
  x: Tensor,
  dy: Tensor,
  dx: Tensor,
): void {
  const { plan, compute } = call;
  if (!isLarge(call) || !needsStages(x, dy, dx)) {
    const from = input(x, compute);
    const upstream = input(dy, compute);
    const to = output(dx, needsStage(dy) ? upstream : 0);
    kernel({ ...call, x: from, dy: upstream, dx: to.pointer });
    finishOutput(to);
    return;
  }
  const operands: Operand[] = [{ tensor: x, access: "read" }, ...readAndWrite(computed(dy, compute), dx)];
  runBlocks(
    operands,
    elementSlices(plan, elementsOf(compute, 2)),
    ([from, upstream, to = upstream], slice) => {
      inPart(() => {
        const offset = slice.statistic * 8;
        const sums = call.sums && { g: call.sums.g + offset, gXhat: call.sums.gXhat + offset };
        kernel({ ...call, ...partOf(call, slice), sums, x: from, dy: upstream, dx: to });
      });
    },
  );
}

/** Whether tensors of the plan's size are larger than a block. */
function isLarge({ plan, compute }: Pick<Normalize, "plan" | "compute">): boolean {
  return plan.size * elementBytes(compute) > blockBytes;
}

function needsStages(...tensors: readonly (Tensor | null)[]): boolean {
  return tensors.some((tensor) => tensor !== null && needsStage(tensor));
}

/** Slices with whole statistics, of which `streams` arrays are in the cache at once. */
function slicesOf(
  shape: LoopShape,
  { plan, compute }: Pick<Normalize, "plan" | "compute">,
  streams: number,
): Iterable<Slice> {
  const together = shape.groupsTogether?.(plan, compute);
  return statisticSlices(plan, elementsOf(compute, streams), together);
}

/** Elements of a slice of which `streams` arrays are in the cache at once. */
function elementsOf(compute: Compute, streams: number): number {
  return Math.floor(blockBytes / streams / elementBytes(compute));
}

/** `from` read and `to` written; where both are staged, in place in one scratch. */
function readAndWrite(from: Tensor, to: Tensor | null): Operand[] {
  if (to === null) return [{ tensor: from, access: "read" }];
  if (from.dtype === to.dtype && needsStage(from) && needsStage(to)) {
    return [{ tensor: from, access: "update", into: to }];
  }
  return [
    { tensor: from, access: "read" },
    { tensor: to, access: "write" },
  ];
}

/** What differs in a slice's call: the plan, and where its statistics and parameters begin. */
function partOf(
  call: Pick<Normalize, "compute" | "weight" | "mean" | "rstd">,
  slice: Slice,
): Pick<NormalizeCall, "plan" | "weight" | "mean" | "rstd"> {
  const offset = slice.statistic * 8;
  return {
    plan: slice.plan,
    weight: parameterAt(call.weight, call, slice),
    mean: call.mean + offset,
    rstd: call.rstd + offset,
  };
}

function parameterAt(pointer: number, { compute }: { readonly compute: Compute }, slice: Slice): number {
  return pointer === 0 ? 0 : pointer + slice.parameter * elementBytes(compute);
}

/** dy in the element type that x is computed in. */
function computed(dy: Tensor, compute: Compute): Tensor {
  return computeOf(dy) === compute ? dy : inKernelMemory(dy, compute);
}

/** The tensor in the compute type, as one that kernels can take from where it is. */
function inKernelMemory(tensor: Tensor, compute: Compute): Tensor {
  const dtype = compute === "F64" ? "float64" : "float32";
  return new Tensor(dtype, tensor.shape, new PoolBlock(input(tensor, compute)));
}
