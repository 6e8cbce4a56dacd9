import { describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
} from "../../src/index.ts";
import { thrownBy } from "./support.ts";

/** A value of the wrong kind, as JavaScript callers can pass it. */
const wrong = <T>(value: T) => value as never;

describe("an unknown option is named, with the known ones", () => {
  test.each([BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d])(
    "%o",
    (Norm) => {
      expect(thrownBy(() => new Norm(4, wrong({ epsilon: 1 })))).toBe(
        `TypeError: ${Norm.name}: unknown option "epsilon"; ` +
          "the options are eps, momentum, affine, trackRunningStats, layout, dtype, backend",
      );
    },
  );

  test.each([
    [
      "GroupNorm",
      () => new GroupNorm(2, 4, wrong({ momentum: 1 })),
      "momentum",
      "eps, affine, layout, dtype, backend",
    ],
    [
      "LayerNorm",
      () => new LayerNorm(4, wrong({ affine: true })),
      "affine",
      "eps, elementwiseAffine, bias, dtype, backend",
    ],
    [
      "RMSNorm",
      () => new RMSNorm(4, wrong({ bias: true })),
      "bias",
      "eps, elementwiseAffine, dtype, backend",
    ],
    ["LocalResponseNorm", () => new LocalResponseNorm(4, wrong({ eps: 1 })), "eps", "alpha, beta, k, layout"],
  ])("%s", (name, make, option, known) => {
    expect(thrownBy(make)).toBe(`TypeError: ${name}: unknown option "${option}"; the options are ${known}`);
  });

  test("a name from Object.prototype is unknown too", () => {
    expect(() => new LayerNorm(4, wrong({ toString: 1 }))).toThrow('unknown option "toString"');
  });
});

test.each([
  [null, "null"],
  [5, "5"],
  ["eps", '"eps"'],
])("options %s are refused", (options, described) => {
  expect(thrownBy(() => new BatchNorm2d(4, wrong(options)))).toBe(
    `TypeError: BatchNorm2d: expected an object of options, got ${described}`,
  );
});

test("an option that is undefined has its default", () => {
  expect(new BatchNorm2d(4, wrong({ eps: undefined, momentum: undefined })).eps).toBe(1e-5);
});

describe.each([
  ["BatchNorm2d", (options: object) => new BatchNorm2d(4, options)],
  ["InstanceNorm1d", (options: object) => new InstanceNorm1d(4, options)],
  ["GroupNorm", (options: object) => new GroupNorm(2, 4, options)],
  ["LayerNorm", (options: object) => new LayerNorm(4, options)],
  ["RMSNorm", (options: object) => new RMSNorm(4, options)],
])("%s", (name, make) => {
  test("eps must be a finite number", () => {
    expect(thrownBy(() => make({ eps: "1e-5" }))).toBe(
      `TypeError: ${name}: expected eps to be a number, got "1e-5"`,
    );
    expect(thrownBy(() => make({ eps: Number.NaN }))).toBe(
      `RangeError: ${name}: expected eps to be finite, got NaN`,
    );
    expect(thrownBy(() => make({ eps: Number.POSITIVE_INFINITY }))).toBe(
      `RangeError: ${name}: expected eps to be finite, got Infinity`,
    );
  });

  test.each([
    ["int32", '"int32"'],
    ["half", '"half"'],
    [32, "32"],
    [null, "null"],
  ])("dtype %s is refused", (dtype, described) => {
    expect(thrownBy(() => make({ dtype }))).toBe(
      `TypeError: ${name}: expected dtype float32, float64, float16 or bfloat16, got ${described}`,
    );
  });

  test("an unknown backend is refused", () => {
    expect(thrownBy(() => make({ backend: "cuda" }))).toMatch(
      new RegExp(`^RangeError: ${name}: expected one of .*reference.*, got "cuda"$`),
    );
  });

  test("a boolean option takes nothing else", () => {
    const option = name === "LayerNorm" || name === "RMSNorm" ? "elementwiseAffine" : "affine";
    expect(thrownBy(() => make({ [option]: "false" }))).toBe(
      `TypeError: ${name}: expected ${option} to be a boolean, got "false"`,
    );
  });
});

test("eps null is RMSNorm's alone", () => {
  expect(new RMSNorm(4, { eps: null }).eps).toBeNull();
  expect(() => new LayerNorm(4, wrong({ eps: null }))).toThrow(
    new TypeError("LayerNorm: expected eps to be a number, got null"),
  );
});

describe("momentum", () => {
  test.each([BatchNorm1d, InstanceNorm2d])("%o", (Norm) => {
    expect(thrownBy(() => new Norm(4, { momentum: wrong("0.1") }))).toBe(
      `TypeError: ${Norm.name}: expected momentum to be a number, got "0.1"`,
    );
    expect(thrownBy(() => new Norm(4, { momentum: Number.NaN }))).toBe(
      `RangeError: ${Norm.name}: expected momentum to be finite, got NaN`,
    );
    expect(new Norm(4, { momentum: null }).momentum).toBeNull();
  });
});

test.each([
  ["BatchNorm2d", () => new BatchNorm2d(4, { layout: wrong("NHWC") })],
  ["InstanceNorm3d", () => new InstanceNorm3d(4, { layout: wrong("NHWC") })],
  ["GroupNorm", () => new GroupNorm(2, 4, { layout: wrong("NHWC") })],
  ["LocalResponseNorm", () => new LocalResponseNorm(4, { layout: wrong("NHWC") })],
])("%s: an unknown layout is refused", (name, make) => {
  expect(thrownBy(make)).toBe(
    `RangeError: ${name}: expected layout "channels-first" or "channels-last", got "NHWC"`,
  );
});

describe("sizes", () => {
  test.each([
    [
      () => new BatchNorm2d(wrong("64")),
      'TypeError: BatchNorm2d: expected numFeatures to be an integer, got "64"',
    ],
    [() => new BatchNorm1d(1.5), "TypeError: BatchNorm1d: expected numFeatures to be an integer, got 1.5"],
    [() => new BatchNorm3d(-1), "RangeError: BatchNorm3d: expected numFeatures to be at least 0, got -1"],
    [
      () => new InstanceNorm1d(wrong(undefined)),
      "TypeError: InstanceNorm1d: expected numFeatures to be an integer, got undefined",
    ],
    [() => new GroupNorm(0, 4), "RangeError: GroupNorm: expected numGroups to be at least 1, got 0"],
    [
      () => new GroupNorm(wrong([2]), 4),
      "TypeError: GroupNorm: expected numGroups to be an integer, got an array [2]",
    ],
    [() => new GroupNorm(2, -4), "RangeError: GroupNorm: expected numChannels to be at least 0, got -4"],
    [
      () =>
        new GroupNorm(
          2,
          wrong(() => 4),
        ),
      "TypeError: GroupNorm: expected numChannels to be an integer, got a function",
    ],
    [
      () => new GroupNorm(3, 4),
      "RangeError: GroupNorm: num_channels (4) must be divisible by num_groups (3)",
    ],
    [() => new LocalResponseNorm(0), "RangeError: LocalResponseNorm: expected size to be at least 1, got 0"],
    [
      () => new LocalResponseNorm(2.5),
      "TypeError: LocalResponseNorm: expected size to be an integer, got 2.5",
    ],
    [
      () => new LocalResponseNorm(2, { alpha: wrong("1") }),
      'TypeError: LocalResponseNorm: expected alpha to be a number, got "1"',
    ],
    [
      () => new LocalResponseNorm(2, { beta: Number.NaN }),
      "RangeError: LocalResponseNorm: expected beta to be finite, got NaN",
    ],
    [
      () => new LocalResponseNorm(2, { k: wrong(null) }),
      "TypeError: LocalResponseNorm: expected k to be a number, got null",
    ],
  ])("%o", (make, message) => {
    expect(thrownBy(make)).toBe(message);
  });

  test.each([LayerNorm, RMSNorm])("normalizedShape of %o", (Norm) => {
    const kind = `TypeError: ${Norm.name}: expected normalizedShape to be an integer or a list of integers, got`;
    expect(thrownBy(() => new Norm(wrong("768")))).toBe(`${kind} "768"`);
    expect(thrownBy(() => new Norm(1.5))).toBe(`${kind} 1.5`);
    expect(thrownBy(() => new Norm([2, wrong("3")]))).toBe(`${kind} an array [2, 3]`);
    expect(thrownBy(() => new Norm(wrong({ length: 1 })))).toBe(`${kind} a Object`);
    const value =
      `RangeError: ${Norm.name}: Expected normalized_shape to be at least 1-dimensional, ` +
      "i.e., containing at least one element, but got normalized_shape =";
    expect(thrownBy(() => new Norm([]))).toBe(`${value} []`);
    expect(thrownBy(() => new Norm([2, -1]))).toBe(`${value} [2, -1]`);
  });
});
