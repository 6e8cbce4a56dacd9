import { describe, expect, it } from "vitest";
import {
  cases,
  casesNamed,
  channelAxisOf,
  elementsOf,
  isColumns,
  parametersOf,
  shrunken,
} from "../../bench/cases.ts";
import { checkResults, expectedOf, requiredResults } from "../../bench/expected.ts";
import { inputsOf, type ResultName } from "../../bench/inputs.ts";
import { inPlainArrays, inPool, prepareCase } from "../../bench/library.ts";
import { open as openLoop } from "../../bench/peers/loop.ts";
import * as library from "../../src/index.ts";

/** float32 results of float64 statistics on small shapes: a few roundings. */
const tolerance = 2e-6;

describe("the case list", () => {
  it("names each case once", () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it.each(cases)("$name is well formed", (c) => {
    expect(c.shape.every((extent) => Number.isInteger(extent) && extent > 0)).toBe(true);
    expect(parametersOf(c) % (c.groups ?? 1)).toBe(0);
    expect(c.groups !== null).toBe(c.layer === "GroupNorm");
    expect(["train", "eval"].includes(c.mode)).toBe(
      c.layer.startsWith("BatchNorm") && c.mode !== "forward+backward",
    );
    expect(c.name).toContain(`(${c.shape.join(",")})`);
  });

  it("knows where the channels are", () => {
    const last = cases.find(({ layout }) => layout === "channels-last")!;
    expect([channelAxisOf(last), isColumns(last)]).toEqual([last.shape.length - 1, true]);
    const planes = casesNamed(["BatchNorm2d train (32,64,56,56)"])[0]!;
    expect([channelAxisOf(planes), isColumns(planes), parametersOf(planes)]).toEqual([1, false, 64]);
    expect(elementsOf(planes)).toBe(32 * 64 * 56 * 56);
  });
});

describe("casesNamed", () => {
  it("ignores case and takes any of the words", () => {
    const names = casesNamed(["layerNorm", "RMSNORM"]).map(({ layer }) => layer);
    expect(new Set(names)).toEqual(new Set(["LayerNorm", "RMSNorm"]));
    expect(casesNamed(["(2,2,3,2)"]).length).toBeGreaterThan(1);
  });

  it("is everything without words, and nothing for an unknown one", () => {
    expect(casesNamed([])).toBe(cases);
    expect(casesNamed(["no such case"])).toEqual([]);
  });
});

describe("each case on a small shape", () => {
  const small = cases.map((c) => shrunken(c, 6));

  it.each(small)("$name: evenkeel gives the reference's results in either memory", (c) => {
    const inputs = inputsOf(c);
    const expected = expectedOf(library, c, inputs);
    expect(requiredResults(c).every((name) => expected[name] !== undefined)).toBe(true);
    for (const place of [inPlainArrays(library), inPool(library)]) {
      const results = prepareCase(library, c, inputsOf(c), place).results();
      const names = Object.keys(results) as ResultName[];
      expect(checkResults(c, expected, names, (name) => results[name]!, tolerance).problem).toBeNull();
    }
  });

  it.each(small)("$name: the plain loop agrees, so the check has two witnesses", async (c) => {
    const prepared = await (await openLoop()).prepare(c, inputsOf(c));
    if ("skip" in prepared) throw new Error(prepared.skip);
    const results = await prepared.results();
    const expected = expectedOf(library, c, inputsOf(c));
    const names = Object.keys(results) as ResultName[];
    expect(checkResults(c, expected, names, (name) => results[name]!, tolerance).problem).toBeNull();
  });
});

describe("checkResults", () => {
  const c = shrunken(casesNamed(["LayerNorm forward+backward"])[0]!, 4);
  const expected = expectedOf(library, c, inputsOf(c));
  const names = requiredResults(c);

  it("fails a wrong result and names it", () => {
    const wrong = (name: ResultName) =>
      Array.from(expected[name]!, (value) => (name === "dx" ? value * 1.01 : value));
    expect(checkResults(c, expected, names, wrong, tolerance).problem).toMatch(
      /^dx is off by \S+; tolerance/,
    );
  });

  it("fails an absent result", () => {
    const given = names.filter((name) => name !== "dBias");
    expect(checkResults(c, expected, given, (name) => expected[name]!, tolerance).problem).toBe("no dBias");
  });
});
