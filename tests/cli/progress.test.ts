import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { progressBar } from "../../src/cli/progress.ts";

const wasTerminal = process.stderr.isTTY;
let written: string[];

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});

afterEach(() => {
  process.stderr.isTTY = wasTerminal;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("nothing is shown within a second", () => {
  process.stderr.isTTY = true;
  const progress = progressBar("samples", 10);
  progress.update(1);
  vi.advanceTimersByTime(1000);
  progress.update(2);
  progress.stop();
  expect(written).toEqual([]);
});

test("after a second the bar shows what is done, of how many, and goes on", () => {
  process.stderr.isTTY = true;
  const progress = progressBar("samples", 10);
  vi.advanceTimersByTime(1001);
  expect(written).toEqual([]);
  progress.update(3);
  expect(written.join("")).toContain("30% | 3/10 samples");
  vi.advanceTimersByTime(500);
  progress.update(10);
  progress.stop();
  expect(written.join("")).toContain("100% | 10/10 samples");
  const length = written.length;
  vi.advanceTimersByTime(5000);
  expect(written).toHaveLength(length);
});

test("where stderr is no terminal it is silent", () => {
  process.stderr.isTTY = false;
  const progress = progressBar("samples", 10);
  vi.advanceTimersByTime(5000);
  progress.update(5);
  progress.stop();
  expect(written).toEqual([]);
});
