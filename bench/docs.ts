import type { Report } from "./report.ts";
import { absences, markdownOf, participantLines, ratioTables } from "./table.ts";

const opening = "<!-- bench: written by `npm run bench -- --write-docs` -->";
const closing = "<!-- /bench -->";

/**
 * `page` with the block between the markers replaced by the report.
 *
 * @throws RangeError if the page has no such block
 */
export function withReport(page: string, report: Report): string {
  const from = page.indexOf(opening);
  const to = page.indexOf(closing, from);
  if (from < 0 || to < 0) throw new RangeError(`expected ${opening} and ${closing} in the page`);
  return `${page.slice(0, from)}${opening}\n${reportMarkdown(report)}\n${page.slice(to)}`;
}

function reportMarkdown(report: Report): string {
  const { machine, date, commit, options } = report;
  const about =
    `${date.slice(0, 10)}, commit ${commit ?? "unknown"}, ${machine.processor}, ${machine.processors} processors, ` +
    `${machine.system}, Node ${machine.node}; medians of ${options.rounds} rounds of ${options.milliseconds} ms, ` +
    `evenkeel from ${options.source}.`;
  const tables = ratioTables(report).map((table) => `### ${table.title}\n\n${markdownOf(table)}`);
  const list = [...participantLines(report), ...absences(report)].map((line) => `- ${line}`);
  return [
    about,
    "![ratios](performance.svg)",
    ...tables,
    "### Who took part, and what did not run",
    list.join("\n"),
  ].join("\n\n");
}
