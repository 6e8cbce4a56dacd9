import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Processor time of each thread of a process, in clock ticks; empty where there is no /proc. */
export function threadTicks(pid: number): Map<number, number> {
  const ticks = new Map<number, number>();
  try {
    for (const name of readdirSync(`/proc/${pid}/task`)) {
      const stat = readFileSync(`/proc/${pid}/task/${name}/stat`, "utf8");
      // The name, in parentheses, may hold spaces; utime and stime are the 12th and 13th fields after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
    }
  } catch {
    return new Map();
  }
  return ticks;
}

/** The threads that used the most time between two readings, busiest first. */
export function busiest(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  count: number,
): readonly number[] {
  return [...after]
    .map(([thread, ticks]) => ({ thread, spent: ticks - (before.get(thread) ?? 0) }))
    .filter(({ spent }) => spent > 0)
    .sort((a, b) => b.spent - a.spent)
    .slice(0, count)
    .map(({ thread }) => thread);
}

/** One allowed processor of each physical core; empty where the system does not tell. */
export function coresOf(pid: number | "self"): readonly number[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "";
    const seen = new Set<string>();
    return parseList(allowed).filter((cpu) => {
      const topology = `/sys/devices/system/cpu/cpu${cpu}/topology`;
      const core = `${read(`${topology}/physical_package_id`)}:${read(`${topology}/core_id`)}`;
      if (seen.has(core)) return false;
      seen.add(core);
      return true;
    });
  } catch {
    return [];
  }
}

/** Puts each thread on a core of its own; false where that is not possible. */
export function pinThreads(threads: readonly number[], cores: readonly number[]): boolean {
  if (threads.length === 0 || threads.length > cores.length) return false;
  try {
    threads.forEach((thread, index) => {
      execFileSync("taskset", ["-pc", String(cores[index]), String(thread)], { stdio: "ignore" });
    });
    return true;
  } catch {
    return false;
  }
}

/** `0-2,5` as 0, 1, 2, 5. */
export function parseList(text: string): readonly number[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first, last = first] = part.split("-").map(Number) as [number, number?];
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

function read(path: string): string {
  return readFileSync(path, "utf8").trim();
}
