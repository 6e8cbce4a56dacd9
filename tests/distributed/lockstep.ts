import type { ParameterGrads } from "../../src/backends/backend.ts";
import type { BackendName } from "../../src/backends/select.ts";
import { pooledChoice } from "../../src/backends/wasm/choice.ts";
import { wasmFor } from "../../src/backends/wasm/wasm.ts";
import type { Rounds, Spread } from "../../src/distributed/reduction.ts";
import { type SyncForward, syncBackward, syncForward } from "../../src/distributed/syncBatch.ts";
import { type DataOf, type FloatType, Tensor } from "../../src/index.ts";
import { channelPlan } from "../../src/plan/plan.ts";
import { emptyLike } from "../../src/tensor/tensor.ts";

/** As batch normalization has it. */
const wasm = wasmFor(pooledChoice);

/** Runs the rounds of all ranks side by side, as a group would, and counts them. */
export function lockstep<Result>(ranks: readonly Rounds<Result>[]): {
  readonly results: Result[];
  readonly rounds: number;
} {
  let rounds = 0;
  let steps = ranks.map((rank) => rank.next());
  while (steps.some(({ done }) => !done)) {
    if (steps.some(({ done }) => done)) throw new Error("the ranks do not end in the same round");
    rounds++;
    // As a transport does: everyone gets a copy.
    const messages = steps.map(({ value }) => (value as Float64Array).slice());
    steps = ranks.map((rank) => rank.next(messages.map((message) => message.slice())));
  }
  return { results: steps.map(({ value }) => value as Result), rounds };
}

/** A batch and what it is normalized with. */
export interface Batch {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly channelAxis: number;
  readonly eps: number;
  readonly backend?: BackendName;
}

/** What the ranks computed, the samples of all joined again. */
export interface SyncStep {
  readonly y: DataOf<FloatType>;
  readonly dx: DataOf<FloatType>;
  readonly forwards: readonly SyncForward[];
  readonly grads: readonly ParameterGrads[];
  readonly rounds: readonly [number, number];
}

/** Forward and backward of a batch whose samples are cut among ranks at these places; `before` is how the ranks think that they are, `place` puts a share elsewhere. */
export function syncStep(
  batch: Batch,
  cuts: readonly number[],
  before?: Spread,
  place: (share: Tensor) => Tensor = (share) => share,
): SyncStep {
  const { x, dy, weight, bias, eps, channelAxis, backend } = batch;
  const edges = [0, ...cuts, x.shape[0]];
  const size = edges.length - 1;
  const shares = edges.slice(1).map((end, rank) => ({
    x: place(samplesFrom(x, edges[rank], end)),
    dy: place(samplesFrom(dy, edges[rank], end)),
  }));
  const forward = lockstep(
    shares.map((share, rank) => {
      const plan = channelPlan(share.x.shape, channelAxis, false);
      const request = { who: "test", plan, x: share.x, weight, bias, eps, out: undefined, backend, wasm };
      return syncForward(request, { rank, size, before });
    }),
  );
  const dxs = shares.map((share) => emptyLike(share.x));
  const backward = lockstep(
    forward.results.map(({ saved, spread }, rank) =>
      syncBackward(saved, shares[rank].dy, dxs[rank], rank, spread),
    ),
  );
  return {
    y: joined(
      x,
      forward.results.map(({ y }) => y),
    ),
    dx: joined(x, dxs),
    forwards: forward.results,
    grads: backward.results,
    rounds: [forward.rounds, backward.rounds],
  };
}

function samplesFrom(tensor: Tensor, start: number, end: number): Tensor {
  const each = tensor.size / tensor.shape[0];
  const data = tensor.data.slice(start * each, end * each) as DataOf<FloatType>;
  return new Tensor(tensor.dtype, [end - start, ...tensor.shape.slice(1)], data);
}

function joined(like: Tensor, parts: readonly Tensor[]): DataOf<FloatType> {
  const whole = like.data.slice() as DataOf<FloatType>;
  let at = 0;
  for (const part of parts) {
    (whole as Float64Array).set(part.data as Float64Array, at);
    at += part.size;
  }
  return whole;
}
