import CliTable from "cli-table3";
import type { Report } from "./report.ts";
import { absences, participantLines, ratioTables } from "./table.ts";

/** The report for a terminal. */
export function terminalText(report: Report): string {
  const tables = ratioTables(report).map(({ title, header, rows }) => {
    const table = new CliTable({
      head: header.map((name) => name.replace(/, | \/ |-(?=\w+$)/, (mark) => `${mark.trimEnd()}\n`)),
      colAligns: header.map((_, index) => (index === 0 ? "left" : "right")),
      style: { head: [], border: [], compact: true },
    });
    table.push(...rows.map((row) => [...row]));
    return `${title}\n${table.toString()}`;
  });
  const lists = [...participantLines(report), ...absences(report)];
  return [...tables, lists.join("\n")].join("\n\n");
}

/** One line that says what is going on: rewritten on a terminal, one per case elsewhere. */
export interface Progress {
  start(title: string): void;
  detail(text: string): void;
  end(): void;
}

/** Progress on stderr. */
export function progress(): Progress {
  const { stderr } = process;
  const clear = () => {
    if (stderr.isTTY) stderr.write("\r\u001b[2K");
  };
  let title = "";
  return {
    start(text) {
      title = text;
      if (!stderr.isTTY) stderr.write(`${text}\n`);
    },
    detail(text) {
      if (!stderr.isTTY) return;
      clear();
      stderr.write(`${title}: ${text}`.slice(0, (stderr.columns ?? 80) - 1));
    },
    end: clear,
  };
}
