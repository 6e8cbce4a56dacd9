import { spawnSync } from "node:child_process";
import { test } from "vitest";

/** Debian's interpreter, whose packages python3-torch and python3-numpy are what the tests compare with. */
const python = "/usr/bin/python3";

const present = new Map<string, boolean>();

/** Whether Debian's Python is there and has a module. */
function has(module: string): boolean {
  const known = present.get(module);
  if (known !== undefined) return known;
  const found =
    spawnSync(python, ["-c", `import importlib.util as u; exit(u.find_spec("${module}") is None)`]).status ===
    0;
  present.set(module, found);
  return found;
}

/** Runs a Python script; its standard output. */
export function runPython(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(python, args, { input, encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${python} ${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** Tests that need a Python module: skipped where it is absent, except under CI, which must have it. */
export function testWithPython(module: string): typeof test | typeof test.skip {
  return has(module) || process.env.CI ? test : test.skip;
}
