// Test-time adaptation on many ranks: a network meets images of a poor camera, and its batch norms adapt to them,
// without labels, by lowering the entropy of its answers (Wang et al. 2021, "Tent").
//
//   mpirun -n 4 node examples/data-parallel/train.js          processes, also on several machines
//   node examples/data-parallel/train.js --ranks 4            threads of this machine
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import { Tensor } from "evenkeel";
import { readNpy, readSafetensors } from "evenkeel/checkpoints";
import { mpi, workers } from "evenkeel/distributed";
import { digitsNetwork } from "./network.js";

/** Images in a step, of all ranks together. */
const batchSize = 64;
const learningRate = 0.15;
const momentum = 0.9;
const here = new URL("./", import.meta.url);

/**
 * What each rank does.
 *
 * @param group the ranks; null: one process alone
 * @param options `synchronized: false` leaves each rank to the statistics of its own images
 * @returns mean entropy and share of right answers, step by step; the same on every rank
 */
export async function main(group, { steps = 40, synchronized = true } = {}) {
  const { rank, size } = group ?? { rank: 0, size: 1 };
  const model = await readSafetensors(new URL("../digits/model.safetensors", here));
  const images = await readNpy(new URL("images.npy", here));
  const labels = await readNpy(new URL("labels.npy", here));
  const network = digitsNetwork(model, synchronized ? group : null);
  const parameters = Object.values(network.batchNorms).flatMap((bn) => [bn.weight, bn.bias]);
  const velocities = parameters.map(({ data }) => new Float64Array(data.length));
  const curve = [];
  for (let step = 0; step < steps; step++) {
    // Rank by rank the next images of the same global batch.
    const start = (step * batchSize) % images.shape[0];
    const [begin, end] = [rank, rank + 1].map((each) => start + Math.floor((each * batchSize) / size));
    const logits = network.forward(degraded(images, begin, end));
    const { entropies, gradient, right } = entropyOf(logits, labels.data.subarray(begin, end));
    for (const bn of Object.values(network.batchNorms)) bn.zeroGrad();
    network.backward(gradient);

    // One message for all that the ranks must agree on: their gradients, losses and answers.
    const all = gathered(group, [...parameters.map(({ grad }) => grad), entropies, right]);
    parameters.forEach(({ data }, p) => {
      const grad = treeSum(all.map((each) => each[p]));
      for (let i = 0; i < data.length; i++) {
        velocities[p][i] = momentum * velocities[p][i] + grad[i];
        data[i] -= learningRate * velocities[p][i];
      }
    });
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / batchSize;
    curve.push({
      loss: mean(all.flatMap((each) => [...each[parameters.length]])),
      accuracy: mean(all.flatMap((each) => [...each[parameters.length + 1]])),
    });
  }
  const { runningMean, runningVar } = network.batchNorms.bn1;
  group?.close();
  return { curve, bn1: { mean: [...runningMean.data], variance: [...runningVar.data] } };
}

/** Images as a poor camera takes them: little contrast, a shadow that grows from left to right, and noise. */
function degraded({ data, shape: [, ...shape] }, begin, end) {
  const values = Float64Array.from(data.subarray(begin * 64, end * 64), (value, at) => {
    const light = 1 - 0.7 * ((at % 8) / 7);
    const hash = Math.imul(begin * 64 + at + 1, 0x9e3779b1);
    const noise = (Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0) / 2 ** 32 - 0.5;
    return 0.3 + 0.5 * light * (value / 16) + 0.25 * noise;
  });
  return new Tensor("float64", [end - begin, ...shape], values);
}

/**
 * The entropy `H = -sum p log p` of each sample's answer `p = softmax(logits)`, and the gradient of their mean over the
 * batch of all ranks: `dH / dz = -p (log p + H)`.
 */
function entropyOf({ data, shape: [samples, classes] }, labels) {
  const entropies = new Float64Array(samples);
  const right = new Float64Array(samples);
  const gradient = new Float64Array(data.length);
  for (let n = 0; n < samples; n++) {
    const row = data.subarray(n * classes, (n + 1) * classes);
    const largest = Math.max(...row);
    const total = row.reduce((sum, z) => sum + Math.exp(z - largest), 0);
    const logP = row.map((z) => z - largest - Math.log(total));
    entropies[n] = -logP.reduce((sum, log) => sum + Math.exp(log) * log, 0);
    right[n] = row.indexOf(largest) === labels[n] ? 1 : 0;
    logP.forEach((log, c) => {
      gradient[n * classes + c] = (-Math.exp(log) * (log + entropies[n])) / batchSize;
    });
  }
  return { entropies, right, gradient: new Tensor("float64", [samples, classes], gradient) };
}

/** Every rank's arrays, sent in one message. */
function gathered(group, arrays) {
  if (group === null) return [arrays];
  const message = Float64Array.from(arrays.flatMap((values) => [...values]));
  const messages = group.allGather(new Uint8Array(message.buffer), { what: "gradients and losses" });
  const fixed = arrays.slice(0, -2).map(({ length }) => length);
  const ofParameters = fixed.reduce((sum, length) => sum + length, 0);
  return messages.map((bytes) => {
    const values = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    const samples = (values.length - ofParameters) / 2;
    let at = 0;
    return [...fixed, samples, samples].map((length) => {
      at += length;
      return values.subarray(at - length, at);
    });
  });
}

/**
 * Sums arrays in pairs, pairs of pairs and so on, as SyncBatchNorm merges samples: where the ranks hold equal powers of
 * two of samples, the sum has the bits that one process gets.
 */
function treeSum(arrays) {
  if (arrays.length === 1) return arrays[0];
  const half = 2 ** Math.ceil(Math.log2(arrays.length) - 1);
  const [left, right] = [treeSum(arrays.slice(0, half)), treeSum(arrays.slice(half))];
  return left.map((value, i) => value + right[i]);
}

if (isMainThread && process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      ranks: { type: "string" },
      steps: { type: "string", default: "40" },
      json: { type: "boolean" },
    },
  });
  const data = { steps: Number(values.steps) };
  const isUnderMpirun = process.env.OMPI_COMM_WORLD_SIZE !== undefined;
  const group = isUnderMpirun ? await mpi() : null;
  const { rank, size } = group ?? { rank: 0, size: Number(values.ranks ?? 1) };
  const [result] =
    size > 1 && group === null ? await workers(size, import.meta.url, { data }) : [await main(group, data)];
  if (rank === 0 && values.json) console.log(JSON.stringify(result));
  else if (rank === 0) {
    for (const [step, { loss, accuracy }] of result.curve.entries())
      console.log(`step ${step + 1}: entropy ${loss.toFixed(6)}, ${(100 * accuracy).toFixed(1)} % right`);
  }
}
