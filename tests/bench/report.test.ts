import { describe, expect, it } from "vitest";
import { cases } from "../../bench/cases.ts";
import { withReport } from "../../bench/docs.ts";
import { busiest, parseList } from "../../bench/pin.ts";
import type { Outcome, Report } from "../../bench/report.ts";
import { absences, markdownOf, ratioTables } from "../../bench/table.ts";
import { timeCalls } from "../../bench/timing.ts";

const outcome = (
  entrant: string,
  threads: number,
  rounds: number[],
  reason: string | null = null,
): Outcome => ({
  entrant,
  threads,
  rounds,
  reason,
  error: 0,
  pinned: null,
  pageFaults: null,
});
const participant = (name: string, threads: number, skipped: string | null = null) => ({
  name,
  threads,
  skipped,
  version: "1",
  note: null,
  tolerance: 1e-4,
});
const report: Report = {
  date: "2026-01-02T03:04:05.000Z",
  commit: "abc",
  machine: { processor: "p", processors: 2, system: "s", node: "20" },
  options: { rounds: 2, milliseconds: 10, source: "dist", threads: [1, 2] },
  participants: [
    participant("evenkeel", 1),
    participant("copy floor", 1),
    participant("slow", 1),
    participant("liar", 1),
    participant("absent", 1, "not installed"),
    participant("evenkeel", 2),
  ],
  cases: [
    {
      case: cases[0]!,
      outcomes: [
        outcome("evenkeel", 1, [2e6, 4e6]),
        outcome("copy floor", 1, [1e6, 2e6]),
        outcome("slow", 1, [6e6, 12e6]),
        outcome("liar", 1, [], "wrong: y is off by 1.0e+0"),
        outcome("evenkeel", 2, [1e6, 2e6]),
      ],
    },
  ],
};

describe("ratioTables", () => {
  it("divides by evenkeel's time at equal threads, and evenkeel's by the floor's", () => {
    const [one, two] = ratioTables(report);
    expect(one?.header).toEqual(["case", "evenkeel", "evenkeel / copy floor", "slow", "liar"]);
    expect(one?.rows).toEqual([[cases[0]!.name, "3.00 ms", "2.00", "3.00", "wrong"]]);
    expect(two?.rows).toEqual([[cases[0]!.name, "1.50 ms", "2.00"]]);
  });

  it("lists what did not run, and why", () => {
    expect(absences(report)).toEqual([
      "absent (1 thread): skipped, not installed",
      `liar (1 thread): wrong: y is off by 1.0e+0 (${cases[0]!.name})`,
    ]);
  });

  it("names those whom one reason kept from the same cases in one line", () => {
    const outcomes = [outcome("a", 1, [], "no memory"), outcome("b", 1, [], "no memory")];
    const both = { ...report, participants: [], cases: [{ case: cases[0]!, outcomes }] };
    const one = { case: cases[1]!, outcomes: [outcome("b", 2, [], "no memory")] };
    expect(absences(both)).toEqual([`a (1 thread), b (1 thread): no memory (${cases[0]!.name})`]);
    expect(absences({ ...both, cases: [...both.cases, one] })).toEqual([
      `a (1 thread), b (1 thread): no memory (${cases[0]!.name})`,
      `b (2 threads): no memory (${cases[1]!.name})`,
    ]);
  });

  it("becomes Markdown", () => {
    expect(markdownOf({ title: "t", header: ["a", "b"], rows: [["x", "1"]] })).toBe(
      "| a | b |\n| --- | ---: |\n| x | 1 |",
    );
  });
});

describe("withReport", () => {
  it("replaces what is between the markers, again and again", () => {
    const page =
      "before\n<!-- bench: written by `npm run bench -- --write-docs` -->\nold\n<!-- /bench -->\nafter\n";
    const once = withReport(page, report);
    expect(once).toMatch(/^before\n<!-- bench[\s\S]*\| slow \|[\s\S]*<!-- \/bench -->\nafter\n$/);
    expect(once).not.toContain("old");
    expect(withReport(once, report)).toBe(once);
  });

  it("refuses a page without the markers", () => {
    expect(() => withReport("nothing", report)).toThrow(RangeError);
  });
});

describe("pinning", () => {
  it("finds the threads that worked most between two readings", () => {
    const before = new Map([
      [1, 100],
      [2, 5],
      [3, 7],
    ]);
    const after = new Map([
      [1, 110],
      [2, 50],
      [3, 7],
      [4, 30],
    ]);
    expect(busiest(before, after, 2)).toEqual([2, 4]);
    expect(busiest(before, after, 9)).toEqual([2, 4, 1]);
  });

  it("reads lists of processors", () => {
    expect(parseList("0-2,5")).toEqual([0, 1, 2, 5]);
    expect(parseList("")).toEqual([]);
  });
});

describe("timeCalls", () => {
  it("times a slow call once", async () => {
    let calls = 0;
    const slow = {
      repeat: async (count: number) => {
        calls += count;
        await new Promise((resolve) => setTimeout(resolve, 15));
      },
    };
    const { nanoseconds, calls: timed } = await timeCalls(slow, 20);
    expect([calls, timed]).toEqual([1, 1]);
    expect(nanoseconds).toBeGreaterThan(10e6);
  });

  it("batches a fast one", async () => {
    const { nanoseconds, calls } = await timeCalls({ repeat: () => {} }, 2);
    expect(calls).toBeGreaterThan(100);
    expect(nanoseconds).toBeLessThan(1e5);
  });
});
