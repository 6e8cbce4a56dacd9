import { afterEach, expect, test, vi } from "vitest";
import { demoCommand } from "../../src/cli/demo.ts";
import { type DemoRow, digitsRows } from "../../src/cli/demoDigits.ts";
import { runInProcess } from "./support.ts";

vi.mock("../../src/cli/demoDigits.ts", async (original) => ({
  ...(await original<typeof import("../../src/cli/demoDigits.ts")>()),
  digitsRows: vi.fn(),
}));

afterEach(() => {
  process.exitCode = undefined;
});

function rowOf(ulp: number): DemoRow {
  const y = { abs: ulp * 2 ** -23, ulp };
  return { layer: "bn1", module: "BatchNorm2d(1)", mode: "eval", shape: [1, 1, 1, 1], distances: { y } };
}

test.each([
  [2, true, undefined],
  [2.01, false, 1],
  [Number.POSITIVE_INFINITY, false, 1],
])("a difference of %d ULP: within the bound is %s, exit code %s", async (ulp, isWithinBound, code) => {
  vi.mocked(digitsRows).mockResolvedValue([rowOf(0.5), rowOf(ulp)]);
  const printed = JSON.parse(await runInProcess(demoCommand(), ["--json"]));
  expect(printed.isWithinBound).toBe(isWithinBound);
  expect(process.exitCode).toBe(code);
});
