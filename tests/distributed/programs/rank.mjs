// A rank of the tests that start real threads and processes; it runs the built package.
import { appendFileSync } from "node:fs";
import { SyncBatchNorm } from "../../../dist/distributed/index.js";
import { tensor } from "../../../dist/index.js";

/** Values in (-2, 2) without symmetry, the same on every rank. */
function wave(shape, phase) {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Float32Array.from({ length: size }, (_, i) => 2 * Math.sin(1.7 * i + phase));
}

/** The samples from `start` to `end` of a batch of (24, 3, 4, 5). */
function samples(phase, start, end) {
  const [each, ...rest] = [60, 3, 4, 5];
  return tensor(wave([24, ...rest], phase).slice(start * each, end * each), [end - start, ...rest]);
}

function bytesOf(...arrays) {
  return Buffer.concat(
    arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
}

/** Two training steps; what they left, as text. */
export function train(group, cuts) {
  const [start, end] = [[0, ...cuts][group.rank], [...cuts, 24][group.rank]];
  const bn = new SyncBatchNorm(3, { group, name: "layer1.bn1" });
  let [y, dx] = [];
  for (let step = 0; step < 2; step++) {
    y = bn.forward(samples(step, start, end));
    dx = bn.backward(samples(step + 9, start, end));
  }
  return {
    y: bytesOf(y.data).toString("hex"),
    dx: bytesOf(dx.data).toString("hex"),
    running: bytesOf(bn.runningMean.data, bn.runningVar.data).toString("hex"),
    batches: bn.numBatchesTracked,
  };
}

/** Blocks. */
function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** A good step, then one in which rank 1 does what `fault` says; how this rank ended, and what its layer became. */
export function fail(group, fault) {
  const bn = new SyncBatchNorm(3, { group, name: "layer1.bn1" });
  bn.forward(samples(0, 0, 4));
  bn.backward(samples(1, 0, 4));
  const state = () =>
    bytesOf(bn.runningMean.data, bn.runningVar.data, bn.weight.grad).toString("hex") + bn.numBatchesTracked;
  const before = state();
  const started = performance.now();
  try {
    if (group.rank === 1 && fault === "channels") {
      new SyncBatchNorm(2, { group, name: "layer1.bn1" }).forward(tensor(wave([2, 2], 0), [2, 2]));
    } else if (group.rank === 1 && fault === "dtype") {
      bn.forward(tensor(Float64Array.from(wave([2, 3], 0)), [2, 3]));
    } else if (group.rank === 1 && fault === "skip") bn.backward(samples(1, 0, 4));
    else if (group.rank === 1 && fault === "absent") pause(3000);
    else if (group.rank === 1 && (fault === "exit" || fault === "kill")) {
      // What the others have not read of the step before is lost with the connection.
      pause(500);
      if (fault === "exit") process.exit(3);
      process.kill(process.pid, "SIGKILL");
    } else bn.forward(samples(2, 0, 4));
    return { error: null };
  } catch ({ message }) {
    return { error: message, isUnchanged: state() === before, seconds: (performance.now() - started) / 1000 };
  }
}

/** A rank: what it returns also goes to a file, a line for each, since a launcher tells of one failure only. */
export function main(group, { task, argument, report }) {
  const result = task === "train" ? train(group, argument) : fail(group, argument);
  appendFileSync(report, `${JSON.stringify({ rank: group.rank, pid: process.pid, ...result })}\n`);
  return result;
}
