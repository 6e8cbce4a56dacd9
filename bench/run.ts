import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readArray, writeArrays } from "./arrayFiles.ts";
import { type Case, elementsOf } from "./cases.ts";
import { checkResults, expectedOf } from "./expected.ts";
import { type Inputs, inputsOf, type Results } from "./inputs.ts";
import type { Library } from "./library.ts";
import { busiest, coresOf, pinThreads, threadTicks } from "./pin.ts";
import type { Remote } from "./remote.ts";
import type { CaseReport, Outcome } from "./report.ts";

/** How long and how often. */
export interface RunOptions {
  readonly rounds: number;
  /** Of each entrant in each round. */
  readonly milliseconds: number;
  /** Where inputs and results are exchanged. */
  readonly folder: string;
}

/** A slow entrant takes part in as many rounds as fit this, and in one at least. */
const slowMilliseconds = 4000;
/** Turns' time that everyone is called for before the first round, and at most so long: engines compile what they find hot. */
const warmTurns = 15;
const warmMilliseconds = 300;

/** An entrant that passed the check of a case. */
interface Runner {
  readonly remote: Remote;
  readonly error: number;
  readonly pinned: boolean | null;
  readonly lastRound: number;
  readonly rounds: (number | null)[];
  reason: string | null;
  pageFaults: number | null;
}

/**
 * One case: everyone prepares, is checked and warmed; then rounds, in each of which everyone has a turn.
 * `tell` gets what is going on.
 */
export async function runCase(
  c: Case,
  remotes: readonly Remote[],
  library: Library,
  options: RunOptions,
  tell: (text: string) => void,
): Promise<CaseReport> {
  const lacking = lackingMemory(c, remotes.length);
  if (lacking !== null) {
    return { case: c, outcomes: remotes.map((remote) => left(remote, null, lacking)) };
  }
  const folder = mkdtempSync(join(options.folder, "case-"));
  try {
    tell("reference");
    const inputs = inputsOf(c);
    writeArrays(folder, inputs);
    const expected = expectedOf(library, c, inputs);
    const outcomes: Outcome[] = [];
    const runners: Runner[] = [];
    for (const remote of remotes) {
      tell(`check ${remote.entrant.name}`);
      const runner = await checkAndWarm(c, remote, folder, inputs, expected, options);
      if ("remote" in runner) runners.push(runner);
      else outcomes.push(runner);
    }
    for (let round = 0; round < options.rounds; round++) {
      // Another start each round: nobody is always the first, after a pause, or the last.
      const order = runners.map((_, index) => runners[(index + round) % runners.length] as Runner);
      for (const runner of order) {
        tell(`round ${round + 1} of ${options.rounds}, ${runner.remote.entrant.name}`);
        await turn(runner, round, options.milliseconds);
      }
    }
    for (const { remote } of runners) await remote.ask({ op: "release" });
    outcomes.push(...runners.map(finished));
    const place = new Map(remotes.map(({ entrant }, index) => [`${entrant.name} ${entrant.threads}`, index]));
    const indexOf = ({ entrant, threads }: Outcome) => place.get(`${entrant} ${threads}`) ?? 0;
    return { case: c, outcomes: outcomes.sort((a, b) => indexOf(a) - indexOf(b)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkAndWarm(
  c: Case,
  remote: Remote,
  folder: string,
  inputs: Inputs,
  expected: Results,
  { milliseconds, rounds }: RunOptions,
): Promise<Runner | Outcome> {
  const { entrant } = remote;
  const prepared = await remote.ask({ op: "prepare", case: c, folder });
  if (prepared.skip !== undefined) return left(remote, null, prepared.skip);
  if (prepared.error !== undefined) return left(remote, null, `failed: ${prepared.error}`);
  // Results overwrite runningMean and runningVar of the inputs, so they have their own folder.
  const answers = mkdtempSync(join(folder, "results-"));
  try {
    const checked = await remote.ask({ op: "check", folder: answers });
    if (checked.error !== undefined) return left(remote, null, `failed: ${checked.error}`);
    const wanted = entrant.kind === "norm" ? expected : moved(inputs, entrant.kind);
    const { error, problem } = checkResults(
      entrant.kind === "norm" ? c : { ...c, mode: "forward" },
      wanted,
      checked.results ?? [],
      (name, length) => readArray(answers, name, length),
      entrant.tolerance,
    );
    if (problem !== null) return left(remote, error, `wrong: ${problem}`);
    const before = threadTicks(remote.pid ?? 0);
    const warming = Math.min(warmTurns * milliseconds, warmMilliseconds);
    const warm = await remote.ask({ op: "run", milliseconds: warming });
    if (warm.error !== undefined) return left(remote, error, `failed: ${warm.error}`);
    // One thread or two: else a process may stay on a slower processor for a whole case.
    const threads = busiest(before, threadTicks(remote.pid ?? 0), entrant.threads);
    const pinned = pinThreads(threads, coresOf("self"));
    const call = (warm.nanoseconds ?? 0) / 1e6;
    const lastRound = Math.max(
      1,
      Math.min(rounds, Math.floor(slowMilliseconds / Math.max(call, milliseconds))),
    );
    return { remote, error, pinned, lastRound, rounds: [], reason: null, pageFaults: null };
  } finally {
    rmSync(answers, { recursive: true, force: true });
  }
}

async function turn(runner: Runner, round: number, milliseconds: number): Promise<void> {
  if (runner.reason !== null || round >= runner.lastRound) {
    runner.rounds.push(null);
    return;
  }
  const { error, nanoseconds, calls, pageFaults } = await runner.remote.ask({ op: "run", milliseconds });
  if (error !== undefined || nanoseconds === undefined) {
    runner.reason = `failed: ${error ?? "no time"}`;
    runner.rounds.push(null);
    return;
  }
  runner.rounds.push(nanoseconds);
  if (pageFaults !== undefined && calls !== undefined) runner.pageFaults = pageFaults / calls;
}

function finished({ remote, error, reason, rounds, pinned, pageFaults }: Runner): Outcome {
  const { name, threads } = remote.entrant;
  return { entrant: name, threads, error, reason, rounds, pinned, pageFaults };
}

function left({ entrant }: Remote, error: number | null, reason: string): Outcome {
  const { name, threads } = entrant;
  return { entrant: name, threads, error, reason, rounds: [], pinned: null, pageFaults: null };
}

/** What the copies must give: y = x; dx = x + dy for the copy floor, dy for memcpy. */
function moved({ x, dy }: Inputs, kind: "copy" | "memcpy"): Results {
  return { y: x, dx: kind === "memcpy" ? dy : dy.map((value, i) => value + (x[i] as number)) };
}

/** Why a case does not fit in memory with everyone holding it at once, or null. */
function lackingMemory(c: Case, entrants: number): string | null {
  const arrays = c.mode === "forward+backward" ? 8 : 4;
  const needed = elementsOf(c) * 4 * arrays * (entrants + 1);
  const available = process.availableMemory();
  if (needed < available) return null;
  const text = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  return `needs about ${text(needed)} of memory, ${text(available)} is available; name fewer peers by --peers`;
}
