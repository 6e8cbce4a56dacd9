import { describe, it } from "vitest";
import { functional as F } from "../../src/index.ts";
import { mapped, randomTensor } from "./arbitraries.ts";
import { expectGradient, project } from "./differences.ts";

// A large alpha: at the default 1e-4 the neighbours' share would hide below the tolerance.
const windows: readonly F.LocalResponseNormOptions[] = [
  { size: 1, alpha: 0.5 },
  { size: 2, alpha: 0.5 },
  { size: 3 },
  { size: 3, alpha: 0.8, beta: 0.5, k: 2 },
  { size: 4, alpha: 0.8, beta: 1.25 },
  { size: 4, alpha: 0.8, channelsBefore: 1 },
  { size: 4, alpha: 0.8, channelsBefore: 0 },
  { size: 4, alpha: 0.8, channelsBefore: 3, channelsAfter: 0 },
  { size: 5, alpha: 0.3, channelsBefore: 2, channelsAfter: 1 },
  { size: 5, alpha: 0.3, alphaDivisor: 1 },
  { size: 5, alpha: 0.3, alphaDivisor: 2.5, k: 0.7 },
  { size: 9, alpha: 0.8 },
  { size: 3, alpha: 0.8, beta: 0 },
  { size: 3, alpha: 0.8, beta: -0.5 },
];

const layouts = [
  { shape: [2, 5, 3], axis: 1 },
  { shape: [2, 3, 5], axis: -1 },
  { shape: [5, 2, 2], axis: 0 },
];

describe.each(layouts)("gradient of localResponseNorm on $shape, channels at $axis", ({ shape, axis }) => {
  it.each(windows)("$size channels: %j", (window) => {
    const options = { ...window, axis };
    const x = randomTensor(shape, 1, { std: 1.5 });
    const dy = randomTensor(shape, 2);
    const { dx } = F.localResponseNormBackward(x, dy, options);
    expectGradient(dx.data, x, () => project(F.localResponseNorm(x, options), dy));
  });
});

const vectors: readonly F.LpNormalizeOptions[] = [
  {},
  ...[1, 1.5, 2, 3].flatMap((p) => [
    { p },
    { p, axis: 0 },
    { p, axis: -1, eps: 1e-3 },
    // Every norm is below this divisor, so that y = x / eps.
    { p, eps: 1e3 },
  ]),
];

describe("gradient of lpNormalize", () => {
  it.each(vectors)("%j", (options) => {
    // The norm has a kink where an element is 0, further away here than the stencil reaches.
    const x = mapped(randomTensor([2, 4, 3], 3), (value) => value + 0.2 * Math.sign(value));
    const scale = options.eps === 1e3 ? 1e3 : 1;
    const dy = mapped(randomTensor([2, 4, 3], 4), (value) => value * scale);
    const { dx } = F.lpNormalizeBackward(x, dy, options);
    expectGradient(dx.data, x, () => project(F.lpNormalize(x, options), dy));
  });
});
