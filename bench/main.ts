import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { casesNamed } from "./cases.ts";
import { withReport } from "./docs.ts";
import { installPeers } from "./install.ts";
import { loadLibrary, type Source } from "./load.ts";
import { endAll, type Remote, start } from "./remote.ts";
import type { CaseReport, Participant, Report } from "./report.ts";
import { rosterOf } from "./roster.ts";
import { runCase } from "./run.ts";
import { progress, terminalText } from "./terminal.ts";

/** The command line's options. */
interface Options {
  readonly threads?: number;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly writeDocs?: boolean;
  readonly rounds?: number;
  readonly milliseconds?: number;
  readonly peers?: readonly string[];
  readonly source: Source;
  readonly backend?: string;
  readonly python: string;
}

const program = new Command("bench")
  .description(
    "Times evenkeel and its peers in one interleaved run; each result is checked before it is timed.",
  )
  .argument("[words...]", "only cases whose name contains one of these, such as layerNorm")
  .addOption(new Option("--threads <n>", "only 1 or only 2 threads; both by default").argParser(positive))
  .option("--quick", "3 rounds of 10 ms: a smoke test, not a measurement")
  .option("--json", "print the report as JSON instead of tables")
  .option("--list", "print the cases and stop")
  .option("--write-docs", "replace the table in docs/performance.md, and its plot")
  .addOption(new Option("--rounds <n>", "rounds (default 9)").argParser(positive))
  .addOption(
    new Option("--milliseconds <n>", "time of each entrant in each round (default 40)").argParser(positive),
  )
  .option("--peers <names...>", "only these peers, by part of the name; evenkeel always runs")
  .addOption(new Option("--source <what>", "what is measured").choices(["dist", "src"]).default("dist"))
  .option("--backend <name>", "backend of evenkeel, by default its own choice")
  .option("--python <path>", "Python with torch", process.env.EVENKEEL_BENCH_PYTHON ?? "/usr/bin/python3");

const folder = mkdtempSync(join(tmpdir(), "evenkeel-bench-"));
process.on("exit", () => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

program.parse();
await main(program.args, program.opts<Options>());

async function main(words: readonly string[], options: Options): Promise<void> {
  const chosen = casesNamed(words);
  if (options.list || chosen.length === 0) {
    console.log((chosen.length === 0 ? casesNamed([]) : chosen).map(({ name }) => name).join("\n"));
    if (chosen.length === 0)
      throw new RangeError(`no case contains ${words.join(" or ")}; those above exist`);
    return;
  }
  const library = await loadLibrary(options.source);
  installPeers();
  const threads = options.threads === undefined ? [1, 2] : [options.threads];
  const rounds = options.rounds ?? (options.quick ? 3 : 9);
  const milliseconds = options.milliseconds ?? (options.quick ? 10 : 40);
  const show = progress();
  show.start("starting the peers");
  const remotes = await startAll(threads, options);
  const present = remotes.filter(({ greeting }) => reasonOf(greeting) === null);
  const reports: CaseReport[] = [];
  for (const [index, c] of chosen.entries()) {
    show.start(`[${index + 1}/${chosen.length}] ${c.name}`);
    reports.push(await runCase(c, present, library, { rounds, milliseconds, folder }, show.detail));
  }
  show.end();
  for (const remote of remotes) remote.end();
  const report: Report = {
    date: new Date().toISOString(),
    commit: commitOf(),
    machine: {
      processor: cpus()[0]?.model.trim() ?? "unknown",
      processors: cpus().length,
      system: `${type()} ${release()}`,
      node: process.versions.node,
    },
    options: { rounds, milliseconds, source: options.source, threads },
    participants: remotes.map(participant),
    cases: reports,
  };
  await save(report, options);
  console.log(options.json ? JSON.stringify(report, null, 2) : terminalText(report));
}

/** Without evenkeel at a number of threads there is nothing to compare with: its peers are not started. */
async function startAll(threads: readonly number[], options: Options): Promise<readonly Remote[]> {
  const { source, backend = null, python, peers } = options;
  const isWanted = (name: string) =>
    peers === undefined || peers.some((part) => name.toLowerCase().includes(part.toLowerCase()));
  const remotes: Remote[] = [];
  for (const count of threads) {
    const [own, ...others] = rosterOf(count, { source, backend, python });
    const first = await start(own);
    remotes.push(first);
    if (reasonOf(first.greeting) !== null) continue;
    remotes.push(...(await Promise.all(others.filter(({ name }) => isWanted(name)).map(start))));
  }
  return remotes;
}

function participant({ entrant, greeting }: Remote): Participant {
  return {
    name: entrant.name,
    threads: entrant.threads,
    version: greeting.version ?? null,
    note: greeting.note ?? null,
    tolerance: entrant.tolerance,
    skipped: reasonOf(greeting),
  };
}

function reasonOf({ skip, error }: Remote["greeting"]): string | null {
  return skip ?? error ?? null;
}

async function save(report: Report, options: Options): Promise<void> {
  const { plotOf } = await import("./plot.ts");
  const svg = await plotOf(report);
  mkdirSync(pathOf("results"), { recursive: true });
  writeFileSync(pathOf("results/latest.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(pathOf("results/latest.svg"), svg);
  if (!options.writeDocs) return;
  const page = pathOf("../docs/performance.md");
  writeFileSync(page, withReport(readFileSync(page, "utf8"), report));
  writeFileSync(pathOf("../docs/performance.svg"), svg);
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

function commitOf(): string | null {
  if (!existsSync(pathOf("../.git"))) return null;
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: pathOf("."),
      encoding: "utf8",
    }).trim();
  } catch {
    return null;
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return value;
}
