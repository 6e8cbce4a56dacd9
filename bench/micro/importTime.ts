import { spawnSync } from "node:child_process";
import { median } from "../stats.ts";

/** Milliseconds that importing evenkeel adds to a cold Node process, median of `count` interleaved pairs. */
export function importTime(count: number): readonly string[] {
  const url = new URL("../../dist/index.js", import.meta.url).href;
  const differences: number[] = [];
  const inside: number[] = [];
  const timed = `const start = performance.now(); await import(${JSON.stringify(url)}); console.log(performance.now() - start);`;
  for (let round = 0; round < count; round++) {
    const nothing = run("console.log(0);");
    const imported = run(timed);
    differences.push(imported.milliseconds - nothing.milliseconds);
    inside.push(Number(imported.output));
  }
  return [
    `import of evenkeel: ${median(differences).toFixed(1)} ms beyond an empty process (wall), ` +
      `${median(inside).toFixed(1)} ms measured inside; medians of ${count}`,
  ];
}

function run(script: string): { milliseconds: number; output: string } {
  const start = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`node ended with ${status}: ${stderr}`);
  return { milliseconds, output: stdout.trim() };
}
