import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bytesOf } from "../../src/checkpoints/bytes.ts";
import { checkpointOf } from "../../src/checkpoints/convertedCheckpoint.ts";
import {
  type Checkpoint,
  encodeSafetensors,
  type FoldOptions,
  fold,
  lazyTensors,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
} from "../../src/checkpoints/index.ts";
import { safetensorsDType } from "../../src/checkpoints/safetensorsHeader.ts";
import { type Tensor, tensor } from "../../src/index.ts";
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
    await writeSafetensors(path, lazyTensors(tensors), { metadata: file.metadata });
    await file.close();
    const after = (await readSafetensors(path)) as Map<string, Tensor>;
    expect([...after.keys()].filter((key) => /^bn/.test(key))).toEqual([]);
    expect(after.has("stem.bias")).toBe(true);
    const before = (await readSafetensors(digitsModel)) as Map<string, Tensor>;
    const images = await digitsImages(16);
    const logits = digitsForward(before, images).data;
    expect(largestDifference(logits, await digitsLogits(16))).toBeLessThan(torchBound);
    const change = largestDifference(digitsForward(after, images).data, logits);
    console.log(`digits: the largest change of a logit by folding is ${change.toExponential(2)}`);
    expect(change).toBeLessThan(logitBound);
    expect(change).toBeGreaterThan(0);
  });

  const python = "/usr/bin/python3";
  const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;
  const mustHave = process.env.CI !== undefined;

  test.skipIf(!hasTorch && !mustHave)(`PyTorch loads the folded file (${python} with torch)`, async () => {
    const file = await openSafetensors(digitsModel);
    const { tensors } = await fold(file, { eps: { bn3: 1e-3 } });
    const path = join(await temporaryDirectory(), "folded.safetensors");
    await writeSafetensors(path, lazyTensors(tensors));
    await file.close();
    const script = `
import json, struct, sys, numpy as np, torch
from torch import nn
raw = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
kinds = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
state = {k: torch.tensor(np.frombuffer(raw, kinds[v["dtype"]], int(np.prod(v["shape"])), 8 + n + v["data_offsets"][0]).reshape(v["shape"]).copy())
         for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}
class Folded(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, stride=2)
        self.gn = nn.GroupNorm(8, 32)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.inorm = nn.InstanceNorm2d(32, affine=True, track_running_stats=True)
        self.conv4 = nn.Conv2d(32, 32, 3, padding=1)
        self.ln = nn.LayerNorm([32, 4, 4])
        self.fc1 = nn.Linear(32, 64)
        self.fc2 = nn.Linear(64, 10)
    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.gn(self.conv2(x)))
        x = torch.relu(self.inorm(self.conv3(x)))
        x = torch.relu(self.conv4(x))
        return self.fc2(torch.relu(self.fc1(self.ln(x).mean((2, 3)))))
model = Folded()
print(model.load_state_dict(state))
model.double().eval()
images = torch.tensor(np.load("tests/fixtures/digits/images.npy") / 16.0)
print(json.dumps(model(images).flatten().tolist()))
`;
    const out = execFileSync(python, ["-c", script, path], { encoding: "utf8" }).trim().split("\n");
    expect(out[0]).toBe("<All keys matched successfully>");
    expect(largestDifference(JSON.parse(out[1]) as number[], await digitsLogits())).toBeLessThan(torchBound);
  });

  test("a file sorted by name does not tell the pairs of digits; given ones fold", async () => {
    const before = await readSafetensors(digitsModel);
    const file = await openSafetensors(encodeSafetensors(before));
    expect((await fold(file)).folded).toEqual([]);
    const { folded, refused } = await fold(file, { pairs: digitsPairs });
    expect(folded.map(({ pair, foundBy }) => `${pair} ${foundBy}`)).toEqual(
      digitsPairs.map((pair) => `${pair} given`),
    );
    expect(refused).toEqual([]);
  });
});

/** A checkpoint in memory, in the order given. */
function inOrder(tensors: readonly (readonly [string, Tensor])[]): Checkpoint {
  const lazy = tensors.map(([name, { dtype, shape, data }]) => {
    return [name, { dtype: safetensorsDType(dtype), shape, bytes: () => bytesOf(data) }] as const;
  });
  return checkpointOf("test", new Map(lazy), new Map(), async () => {});
}

/** The same, sorted as the safetensors library does. */
async function sorted(tensors: readonly (readonly [string, Tensor])[]): Promise<Checkpoint> {
  return openSafetensors(encodeSafetensors(tensors));
}

/** The tensors of modules such as `conv1 8,4,3,3` and `bn1 8`; batch and instance norms have running statistics. */
function network(...modules: readonly string[]): (readonly [string, Tensor])[] {
  return modules.flatMap((module): (readonly [string, Tensor])[] => {
    const [name, sizes] = module.split(" ");
    const shape = sizes.split(",").map(Number);
    if (shape.length > 1) return [[`${name}.weight`, filled(shape, 4)]];
    const tracks = !/gn|ln/.test(name);
    return norm(name, shape[0]).filter(([key]) => tracks || !/running/.test(key));
  });
}

async function pairsOf(checkpoint: Checkpoint, options: FoldOptions = {}): Promise<string[]> {
  const { folded, refused } = await fold(checkpoint, options);
  return [
    ...folded.map(({ pair, foundBy }) => `${pair} ${foundBy}`),
    ...refused.map(({ pair, reason }) => `${pair} refused: ${reason}`),
  ];
}

describe("pairs in a file of the network's order", () => {
  test.each<[string, string[], (string | RegExp)[]]>([
    ["order", ["conv1 8,4,3,3", "bn1 8", "conv2 8,8,1,1", "bn2 8"], ["conv1:bn1 order", "conv2:bn2 order"]],
    [
      "names that disagree",
      ["conv2 8,4,3", "conv1 8,8,3", "bn2 8"],
      [/follows conv1, by its name conv2; name the pair/],
    ],
    [
      "a namesake with a norm of its own",
      ["conv2 8,4,3", "gn 8", "conv1 8,8,3", "bn2 8"],
      ["conv1:bn2 order", /gn refused: GroupNorm/],
    ],
    [
      "all layers first",
      ["conv1 8,8,3", "conv2 8,8,3", "bn1 8", "bn2 8"],
      ["conv1:bn1 name", "conv2:bn2 name"],
    ],
    ["norms first", ["bn1 8", "conv1 8,8,3"], [/conv1:bn1 refused: conv1 has its number but comes after it/]],
    ["another module's layer", ["a.conv 8,8,3", "b.bn 8"], [/refused: no name tells which layer/]],
    [
      "a Sequential",
      ["f.0 8,4,3,3", "f.1 8", "d.0.0 8,8,1,1", "d.0.1 8"],
      ["f.0:f.1 index", "d.0.0:d.0.1 index"],
    ],
    [
      "a gap in a Sequential",
      ["f.0 8,4,3,3", "f.2 8"],
      [/\?:f\.2 refused: f\.1 is no convolution .* activation/],
    ],
    [
      "lists side by side",
      ["convs.0 8,4,3", "convs.1 8,8,3", "bns.0 8", "bns.1 8"],
      ["convs.0:bns.0 name", "convs.1:bns.1 name"],
    ],
    ["one of each", ["b.bottleneck 8,4,3", "b.extra_gain 1,1,1,1,1", "b.bn 8"], [/refused/]],
    [
      "other channels",
      ["conv1 6,4,3,3", "bn1 8"],
      [/conv1:bn1 refused: it has 8 channels, .* \(6, 4, 3, 3\); a transposed/],
    ],
    [
      "two layers of a number",
      ["conv1 8,4,3", "fc1 8,4", "x 2,2", "bn1 8"],
      [/by its name it follows conv1 or fc1/],
    ],
    [
      "kinds that cannot",
      ["conv1 8,4,3", "in1 8", "conv2 8,8,3", "ln1 8"],
      [/InstanceNorm takes its statistics/, /LayerNorm/],
    ],
  ])("%s", async (_, modules, expected) => {
    const found = await pairsOf(inOrder(network(...modules)));
    expect(found).toHaveLength(expected.length);
    expected.forEach((each, place) => {
      if (typeof each === "string") expect(found[place]).toBe(each);
      else expect(found[place]).toMatch(each);
    });
  });
});

describe("pairs in a file sorted by name", () => {
  test.each<[string, string[], (string | RegExp)[]]>([
    [
      "numbers",
      ["l.conv1 8,4,3,3", "l.bn1 8", "l.conv2 8,8,1,1", "l.bn2 8"],
      ["l.conv1:l.bn1 name", "l.conv2:l.bn2 name"],
    ],
    [
      "one of each",
      ["b.conv 8,4,3", "b.bn 8", "c.proj 8,4,3", "c.norm_bn 8"],
      ["b.conv:b.bn name", "c.proj:c.norm_bn only"],
    ],
    [
      "a layer without its norm",
      ["conv1 8,8,3", "conv2 8,8,3", "bn1 8"],
      [/conv2 has no norm of its number/],
    ],
    [
      "a norm without its layer",
      ["conv1 8,8,3", "bn1 8", "bn4 8"],
      [/numbers do not tell/, /sorted by name/],
    ],
    [
      "norms first",
      ["a.bn1 8", "a.conv1 8,8,3,3", "b.bn1 8", "b.conv1 16,8,3,3"],
      [/the norms of this network may come before/, /it has 8 channels/],
    ],
  ])("%s", async (_, modules, expected) => {
    const found = (await pairsOf(await sorted(network(...modules)))).sort();
    expect(found).toHaveLength(expected.length);
    for (const each of expected) {
      expect(
        found.some((line) => (typeof each === "string" ? line === each : each.test(line))),
        `${each}`,
      ).toBe(true);
    }
  });
});

test("a transposed convolution is told by the caller, its groups by the channels", async () => {
  const modules = network("up1 8,3,2,2", "bn1 6");
  expect((await pairsOf(inOrder(modules)))[0]).toMatch(/refused/);
  const { folded, tensors } = await fold(inOrder(modules), { transposed: ["up1"] });
  expect(folded[0]).toMatchObject({ kind: "convTranspose", groups: 2, isBiasAdded: true });
  expect(folded[0].error.maxRelative).toBeLessThan(1e-6);
  expect(tensors.names).toEqual(["up1.weight", "up1.bias"]);
  expect((await tensors.tensor("up1.bias")).shape).toEqual([6]);
  const wrong = await pairsOf(inOrder(modules), {
    transposed: ["up1"],
    groups: { up1: 4 },
    pairs: ["up1:bn1"],
  });
  expect(wrong[0]).toMatch(/refused: expected a convTranspose weight of 6 output channels .* got 12/);
});

test("eps of all norms, of some, or the default", async () => {
  const modules = network("conv1 8,4,3,3", "bn1 8", "conv2 8,8,1,1", "bn2 8");
  const epsOf = async (eps: FoldOptions["eps"]): Promise<unknown> =>
    (await fold(inOrder(modules), { eps })).folded.map((pair) => [pair.eps, pair.isEpsGiven]);
  expect(await epsOf(1e-3)).toEqual([
    [1e-3, true],
    [1e-3, true],
  ]);
  expect(await epsOf({ bn2: 0 })).toEqual([
    [1e-5, false],
    [0, true],
  ]);
});

test("statistics and dtypes that cannot be folded are refused, the rest folds", async () => {
  const modules = network("conv1 8,4,3,3", "bn1 8", "conv2 2,8,1,1", "bn2 2");
  const state = new Map(modules);
  state.set("bn1.running_var", tensor(new Float32Array(8).fill(-1), [8]));
  const { folded, refused, tensors } = await fold(inOrder([...state]));
  expect(folded.map(({ pair }) => pair)).toEqual(["conv2:bn2"]);
  expect(refused[0].reason).toMatch(
    /^expected runningVar to be 0 or more in every channel, got -1 in channel 0/,
  );
  expect(tensors.names).toEqual([
    ...network("conv1 8,4,3,3", "bn1 8").map(([name]) => name),
    "conv2.weight",
    "conv2.bias",
  ]);
  const integers = new Map<string, Tensor>(modules).set(
    "conv1.weight",
    tensor(new Int8Array(32), [8, 4, 1]) as unknown as Tensor,
  );
  expect((await pairsOf(inOrder([...integers]))).at(-1)).toMatch(
    /expected conv1.weight to be F64, F32, F16 or BF16, got I8/,
  );
});

describe("options that name nothing", () => {
  const modules = network("conv1 8,4,3,3", "bn1 8");
  test.each<[object, RegExp]>([
    [{ pairs: ["conv1"] }, /expected a pair "layer:norm", got "conv1"/],
    [{ pairs: ["conv9:bn1"] }, /a convolution or linear layer, conv1, got "conv9"/],
    [{ pairs: ["conv1:bn9"] }, /the name of a norm, bn1, got "bn9"/],
    [{ pairs: "conv1:bn1" }, /expected pairs to be a list of names/],
    [{ eps: { bn9: 1 } }, /the name of a norm, bn1, got "bn9"/],
    [{ eps: Number.NaN }, /eps to be finite/],
    [{ eps: null }, /expected eps to be an object of numbers by name, got null/],
    [{ transposed: ["x"] }, /got "x"/],
    [{ groups: { conv1: 0 } }, /groups of conv1 to be at least 1/],
  ])("%j", async (options, message) => {
    expect((await rejection(fold(inOrder(modules), options as FoldOptions))).message).toMatch(message);
  });

  test("a layer twice, a kind that has nothing to fold", async () => {
    const twice = await pairsOf(inOrder(modules), { pairs: ["conv1:bn1", "conv1:bn1"] });
    expect(twice).toEqual(["conv1:bn1 given", "conv1:bn1 refused: another pair has one of the two already"]);
    const plain = network("conv1 8,4,3", "gn1 8");
    expect((await pairsOf(inOrder(plain), { pairs: ["conv1:gn1"] }))[0]).toMatch(/GroupNorm takes/);
    const untracked = network("conv1 8,4,3", "bn1 8").filter(([name]) => !name.includes("running"));
    expect((await pairsOf(inOrder(untracked)))[0]).toMatch(/no running statistics/);
  });
});
