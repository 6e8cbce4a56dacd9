import { type CaseReport, type Outcome, outcomeOf, type Report } from "./report.ts";
import { base, floor } from "./roster.ts";
import { medianRatio, medianTime } from "./stats.ts";

/** Rows of text under a header; the first column names the case. */
export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What stands where there is no number. */
const nothing = "-";

/**
 * One table for each number of threads: evenkeel's time, its ratio to the copy floor, and each peer's time
 * divided by evenkeel's at equal threads. Ratios below 1 are where evenkeel is slower.
 */
export function ratioTables(report: Report): readonly Table[] {
  return report.options.threads.map((threads) => {
    const peers = report.participants.filter(
      (each) =>
        each.threads === threads && each.skipped === null && each.name !== base && each.name !== floor,
    );
    const hasFloor = report.participants.some((each) => each.name === floor && each.skipped === null);
    const hasGain = threads > 1 && report.options.threads.includes(1);
    return {
      title: `Time divided by evenkeel's, ${threads} thread${threads === 1 ? "" : "s"} each`,
      header: [
        "case",
        "evenkeel",
        ...(hasFloor && threads === 1 ? ["evenkeel / copy floor"] : []),
        ...(hasGain ? ["gain over 1 thread"] : []),
        ...peers.map(({ name }) => name),
      ],
      rows: report.cases.map((each) => {
        const own = outcomeOf(each, base, threads);
        return [
          each.case.name,
          own === undefined ? nothing : timeText(own),
          ...(hasFloor && threads === 1 ? [ratioText(own, outcomeOf(each, floor, 1))] : []),
          ...(hasGain ? [ratioText(outcomeOf(each, base, 1), own)] : []),
          ...peers.map(({ name }) => ratioText(outcomeOf(each, name, threads), own)),
        ];
      }),
    };
  });
}

/** Everything that did not run, and why; each reason once, with the entrants and cases that it kept from running. */
export function absences({ participants, cases }: Report): readonly string[] {
  const lines = participants
    .filter(({ skipped }) => skipped !== null)
    .map(({ name, threads, skipped }) => `${name} (${threadText(threads)}): skipped, ${skipped}`);
  const casesOf = new Map<string, Map<string, string[]>>();
  for (const { case: c, outcomes } of cases) {
    for (const { entrant, threads, reason } of outcomes) {
      if (reason === null) continue;
      const ofReason = casesOf.get(reason) ?? new Map<string, string[]>();
      const who = `${entrant} (${threadText(threads)})`;
      ofReason.set(who, [...(ofReason.get(who) ?? []), c.name]);
      casesOf.set(reason, ofReason);
    }
  }
  for (const [reason, ofReason] of casesOf) {
    const entrantsOf = new Map<string, string[]>();
    for (const [who, names] of ofReason) {
      const where = names.length > 3 ? `${names.length} cases` : names.join("; ");
      entrantsOf.set(where, [...(entrantsOf.get(where) ?? []), who]);
    }
    for (const [where, entrants] of entrantsOf) lines.push(`${entrants.join(", ")}: ${reason} (${where})`);
  }
  return lines;
}

/** Versions, notes and tolerances of those who took part. */
export function participantLines({ participants }: Report): readonly string[] {
  return participants
    .filter(({ skipped }) => skipped === null)
    .map(({ name, threads, version, note, tolerance }) => {
      const about = [version, note].filter((text) => text !== null && text !== "").join(", ");
      return `${name} (${threadText(threads)}): ${about}; tolerance ${tolerance}`;
    });
}

/** A table in Markdown. */
export function markdownOf({ header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(header),
    line(header.map((_, index) => (index === 0 ? "---" : "---:"))),
    ...rows.map(line),
  ].join("\n");
}

/** Ratio of one entrant to another, both in one case; a failed check shows as "wrong". */
export function ratioText(over: Outcome | undefined, under: Outcome | undefined): string {
  if (over === undefined || under === undefined) return nothing;
  if (over.reason?.startsWith("wrong") || under.reason?.startsWith("wrong")) return "wrong";
  const ratio = medianRatio(over.rounds, under.rounds);
  return ratio === null ? nothing : shortNumber(ratio);
}

/** Ratio of an entrant to evenkeel at equal threads, or null. */
export function ratioToBase(report: CaseReport, name: string, threads: number): number | null {
  const over = outcomeOf(report, name, threads);
  const under = outcomeOf(report, base, threads);
  return over === undefined || under === undefined ? null : medianRatio(over.rounds, under.rounds);
}

function timeText({ rounds, reason }: Outcome): string {
  const time = medianTime(rounds);
  if (time === null) return reason?.startsWith("wrong") ? "wrong" : nothing;
  if (time < 1e3) return `${shortNumber(time)} ns`;
  return time < 1e6 ? `${shortNumber(time / 1e3)} µs` : `${shortNumber(time / 1e6)} ms`;
}

function shortNumber(value: number): string {
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function threadText(threads: number): string {
  return `${threads} thread${threads === 1 ? "" : "s"}`;
}
