import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  encodeSafetensors,
  fold,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
} from "../../src/checkpoints/index.ts";
import { type Tensor, type TensorLike, tensor } from "../../src/index.ts";
import { toFloat64 } from "../../src/tensor/cast.ts";
import { normals } from "../random.ts";
import { digitsForward, digitsImages, digitsLogits, digitsModel, digitsPairs } from "./digits.ts";
import { rejection, temporaryDirectory } from "./files.ts";

/** The bound on the change of a logit; logits are about 10 and weights float32. */
const logitBound = 1e-5;
/** PyTorch's own float32 forward against the same network in float64. */
const torchBound = 1e-4;

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

async function open(tensors: Record<string, TensorLike> | [string, TensorLike][]) {
  const pairs = Array.isArray(tensors) ? tensors : Object.entries(tensors);
  return openSafetensors(encodeSafetensors(pairs));
}

function filled(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(Float32Array.from(normals(size, seed)), shape);
}

/** A batch norm of these channels, without degenerate statistics. */
function norm(name: string, channels: number): [string, Tensor][] {
  const variance = tensor(
    Float32Array.from({ length: channels }, (_, c) => 0.5 + c / channels),
    [channels],
  );
  return [
    [`${name}.weight`, filled([channels], 1)],
    [`${name}.bias`, filled([channels], 2)],
    [`${name}.running_mean`, filled([channels], 3)],
    [`${name}.running_var`, variance],
  ];
}

describe("digits", () => {
  test("folding stem, conv4 and fc1 changes no logit by 1e-5, and the file loads", async () => {
    const file = await openSafetensors(digitsModel);
    const { tensors, folded, refused } = await fold(file, { eps: { bn3: 1e-3 } });
    expect(folded.map(({ pair, foundBy }) => `${pair} ${foundBy}`)).toEqual(
      digitsPairs.map((pair) => `${pair} order`),
    );
    expect(refused.map(({ pair }) => pair)).toEqual(["?:gn", "?:inorm", "?:ln"]);
    const path = join(await temporaryDirectory(), "folded.safetensors");
    await writeSafetensors(path, tensors, { metadata: file.metadata });
    await file.close();
    const after = (await readSafetensors(path)) as Map<string, Tensor>;
    expect([...after.keys()].filter((key) => /^bn/.test(key))).toEqual([]);
    expect(after.has("stem.bias")).toBe(true);
    const before = (await readSafetensors(digitsModel)) as Map<string, Tensor>;
    const images = await digitsImages(32);
    const logits = digitsForward(before, images).data;
    expect(largestDifference(logits, await digitsLogits(32))).toBeLessThan(torchBound);
    const change = largestDifference(digitsForward(after, images).data, logits);
    console.log(`digits: the largest change of a logit by folding is ${change.toExponential(2)}`);
    expect(change).toBeLessThan(logitBound);
    expect(change).toBeGreaterThan(0);
  });
});
