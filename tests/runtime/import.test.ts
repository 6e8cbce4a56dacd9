import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));

/** Milliseconds that a fresh process takes for a statement, the least of several. */
function least(statement: string): number {
  const source = `const t = performance.now(); ${statement}; console.log(performance.now() - t);`;
  const times = Array.from({ length: 7 }, () =>
    Number(spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" }).stdout),
  );
  return Math.min(...times);
}

describe("import", () => {
  it("makes no memory, no module and no worker", () => {
    const index = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
    const source = `
      let made = 0;
      for (const name of ["Memory", "Module", "Instance"]) {
        WebAssembly[name] = new Proxy(WebAssembly[name], { construct(...args) { made++; return Reflect.construct(...args); } });
      }
      const before = made;
      const { memoryUsage, empty } = await import(${JSON.stringify(index)});
      console.log(made - before, memoryUsage().reserved);
      empty([1]);
      console.log(made - before);`;
    const { stdout } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
      encoding: "utf8",
    });
    expect(stdout).toBe("0 0\n1\n");
  });

  it.skipIf(!existsSync(built))("of the built package fits its budget (skipped without dist)", () => {
    const cost = least(`await import(${JSON.stringify(built)})`);
    console.log(`import evenkeel: ${cost.toFixed(1)} ms in a fresh process, budget 15 ms`);
    // Twice the budget: the machine that tests run on may be shared.
    expect(cost).toBeLessThan(30);
  });
});
