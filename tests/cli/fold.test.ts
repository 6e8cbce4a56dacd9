import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/checkpoints/index.ts";
import { foldCommand } from "../../src/cli/fold.ts";
import { rejection } from "../checkpoints/files.ts";
import { filesIn, makeFolder, model, removeFolder, runInProcess } from "./support.ts";

let folder: string;
let output: string;

beforeEach(() => {
  folder = makeFolder();
  output = join(folder, "folded.safetensors");
});

afterEach(() => removeFolder(folder));

function fold(...args: string[]): Promise<string> {
  return runInProcess(foldCommand(), args);
}

test("folds what it finds, and says what it did, what not, and what it assumed", async () => {
  const text = await fold(model, "-o", output, "--eps", "bn3=0.001");
  expect(text).toMatch(/stem:bn1 .* order .* 1e-05 \(default\)/);
  expect(text).toContain("fc1:bn3");
  expect(text).toContain("0.001");
  expect(text).toMatch(/not folded {2}\?:gn: GroupNorm takes/);
  expect(text).toMatch(/note: eps 1e-05 is the default, for bn1, bn2/);
  expect(text).toContain("the model needs bias=True in stem");
  expect(text).toMatch(/for eval mode only; the model must leave out bn1, bn2, bn3/);
  expect(text).toContain(`${output}: 3 folded, 21 tensors`);
  expect([...(await readSafetensors(output)).keys()].some((key) => key.startsWith("bn"))).toBe(false);
});

test("--json, given pairs, nothing written without --output", async () => {
  const out = JSON.parse(
    await fold(model, "--json", "--eps", "0.001", "--pair", "fc1:bn3", "--pair", "conv4:bn2"),
  );
  expect(out).toMatchObject({ input: model, output: null, refused: [] });
  expect(out.folded.map((pair: { pair: string; eps: number }) => [pair.pair, pair.eps])).toEqual([
    ["fc1:bn3", 0.001],
    ["conv4:bn2", 0.001],
  ]);
  expect(out.folded[0].scale).toHaveLength(64);
  expect(filesIn(folder)).toEqual([]);
  expect(await fold(model)).toContain("nothing written (3 folded, 21 tensors); say --output");
});

test("a transposed convolution and its groups", async () => {
  const path = join(folder, "up.safetensors");
  const statistics = [...(await readSafetensors(model))].filter(([key]) => key.startsWith("bn1."));
  const weight = { data: new Float32Array(4 * 8 * 3).fill(0.5), shape: [4, 8, 3] };
  await writeSafetensors(path, [["up.weight", weight], ...statistics]);
  const text = await fold(path, "--pair", "up:bn1", "--transposed", "up", "--groups", "up=2");
  expect(text).toContain("up:bn1");
});

test.each<[string[], RegExp]>([
  [["no.safetensors"], /no\.safetensors: ENOENT/],
  [[model, "-o", "x.bin"], /expected an output that ends in .safetensors or .npz, got x.bin/],
  [[model, "--pair", "conv2:gn"], /conv2:gn: GroupNorm takes/],
  [[model, "--pair", "conv9:bn1"], /a convolution or linear layer, .* got "conv9"/],
  [[model, "--eps", "x"], /'x' is invalid/],
  [[model, "--eps", "1", "--eps", "bn1=1"], /got both/],
  [[model, "--eps", "bn1=1", "--eps", "1"], /got both/],
  [[model, "--groups", "3"], /expected layer=count/],
  [["examples/digits/eval.safetensors"], /nothing to fold .*: it holds no batch norm|nothing to fold/],
])("%j is refused, and nothing is written", async (args, message) => {
  expect((await rejection(fold(...args))).message).toMatch(message);
  expect(filesIn(folder)).toEqual([]);
});
