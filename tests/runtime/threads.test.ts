import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { instantiate, type Kernels } from "../../src/backends/wasm/instance.ts";
import {
  createRunner,
  getThreads,
  type Runner,
  setThreads,
} from "../../src/backends/wasm/threads/parallel.ts";
import { boundary, scratchBytes } from "../../src/backends/wasm/threads/participant.ts";
import { allocate, free, isMemoryShared, kernelMemory, memoryUsage, view } from "../../src/tensor/memory.ts";
import * as binary from "../fixtures/kernels/binary/kernels.ts";

const items = 100_003;
const blockLength = 4096;
const blocks = Math.ceil(items / blockLength);

let kernels: Kernels;
let runner: Runner;
let x: number;
let y: number;
let sums: number;

beforeAll(() => {
  kernels = instantiate(binary, kernelMemory(), isMemoryShared());
  runner = createRunner(kernels);
  x = allocate(4 * items);
  y = allocate(4 * items);
  sums = allocate(8 * blocks);
  const values = view("float32", x, items);
  for (let i = 0; i < items; i++) values[i] = Math.sin(i) * 10 ** (i % 7);
});

afterEach(() => setThreads(2));

afterAll(() => runner.close());

describe("splitting", () => {
  it("covers every item once", () => {
    for (const total of [1, 2, 5, 63, 64, 65, 1000]) {
      for (const parts of [1, 2, 3, 7, 64]) {
        const bounds = Array.from({ length: parts + 1 }, (_, part) => boundary(total, parts, part));
        expect(bounds[0]).toBe(0);
        expect(bounds[parts]).toBe(total);
        bounds.slice(1).forEach((bound, i) => {
          expect(bound).toBeGreaterThanOrEqual(bounds[i]);
        });
      }
    }
  });
});

describe("threads", () => {
  it.each([1, 2, 3, 4])("gives the same bits with %i", async (threads) => {
    setThreads(threads);
    expect(await runner.whenReady()).toBe(threads);
    for (let round = 0; round < 20; round++) {
      view("float32", y, items).fill(0);
      view("float64", sums, blocks).fill(0);
      runner.parallel("scaleShift", [x, y, 1.5, -2], items);
      runner.parallel("sumBlocks", [x, sums, blockLength, items], blocks);
      const input = view("float32", x, items);
      const wrong = view("float32", y, items).findIndex(
        (value, i) => value !== Math.fround(Math.fround(input[i] * 1.5) - 2),
      );
      expect(wrong).toBe(-1);
      view("float64", sums, blocks).forEach((sum, block) => {
        let expected = 0;
        for (let i = block * blockLength; i < Math.min(items, (block + 1) * blockLength); i++) {
          expected += input[i];
        }
        expect(sum).toBe(expected);
      });
    }
  });

  it("gives each thread a scratch of its own, at a multiple of 64", async () => {
    setThreads(4);
    await runner.whenReady();
    const seen = new Set<number>();
    for (let run = 0; run < 1000 && seen.size < 4; run++) {
      runner.parallel("whoComputes", [y], items);
      for (const address of view("uint32", y, items)) seen.add(address);
    }
    const addresses = [...seen].sort((a, b) => a - b);
    expect(addresses).toHaveLength(4);
    addresses.forEach((address, i) => {
      expect(address % 64).toBe(0);
      if (i > 0) expect(address - addresses[i - 1]).toBeGreaterThanOrEqual(scratchBytes);
    });
  });

  it("really computes on several threads", async () => {
    setThreads(2);
    await runner.whenReady();
    const items = view("int32", y, 4);
    // A thread that is first takes what the other has not begun, so that one meeting of the two is what shows it.
    for (let run = 0; run < 1000 && !(items[2] === 1 && items[3] === 1); run++) {
      items.fill(0);
      runner.parallel("meet", [y, 10_000_000], 2);
    }
    expect([...items]).toEqual([1, 1, 1, 1]);
  });

  it("has a thread that is ready do the rest of another's part", async () => {
    setThreads(2);
    await runner.whenReady();
    const items = view("int32", y, 64);
    for (let run = 0; run < 1000 && items[0] !== 2; run++) {
      items.fill(0);
      runner.parallel("outwait", [y, 31, 10_000_000], 64);
      expect(items.subarray(1).every((item) => item === 1)).toBe(true);
    }
    expect(items[0]).toBe(2);
  });

  it("keeps small calls on one thread", () => {
    setThreads(4);
    runner.parallel("whoComputes", [y], 1000, 1000);
    expect(new Set(view("uint32", y, 1000)).size).toBe(1);
  });

  it("works before the workers are up, and with more parts than items", () => {
    const fresh = createRunner(kernels);
    setThreads(4);
    fresh.parallel("fill", [y, 7], 3);
    expect([...view("float32", y, 3)]).toEqual([7, 7, 7]);
    fresh.parallel("fill", [y, 8], 0);
    fresh.close();
  });

  it("runs a call within a call", () => {
    const reentrant = createRunner({
      ...kernels,
      exports: {
        ...kernels.exports,
        outer: (...args: readonly number[]) => {
          reentrant.parallel("whoComputes", [args[0]], 10);
          return kernels.exports.whoComputes(args[0] + 40, ...args.slice(-3));
        },
      },
    });
    setThreads(1);
    reentrant.parallel("outer", [y], 10);
    const [inner, outer] = [view("uint32", y, 10)[0], view("uint32", y + 40, 10)[0]];
    expect(inner).toBeGreaterThan(0);
    expect(outer).toBeGreaterThan(0);
    expect(inner).not.toBe(outer);
  });

  it("checks its arguments", () => {
    expect(() => setThreads(0)).toThrow(RangeError);
    expect(() => setThreads(65)).toThrow("setThreads: expected 1 to 64 threads, got 65");
    expect(() => setThreads(1.5)).toThrow(TypeError);
    expect(() => runner.parallel("nothing", [], 1)).toThrow('no kernel is named "nothing"');
    setThreads(3);
    expect(getThreads()).toBe(3);
  });
});

describe("failures", () => {
  it.each([
    ["the caller's", 0],
    ["a worker's", items - 1],
  ])("reports a trap in %s part, and the next call works", async (_, item) => {
    setThreads(2);
    await runner.whenReady();
    for (let round = 0; round < 5; round++) {
      expect(() => runner.parallel("trapAt", [item], items)).toThrow(/unreachable/);
      runner.parallel("fill", [y, round], items);
      expect(view("float32", y, items).every((value) => value === round)).toBe(true);
    }
  });

  it("computes without a worker that died between calls, and replaces it", async () => {
    setThreads(3);
    const fresh = createRunner(kernels);
    await fresh.whenReady();
    fresh.terminateWorkers();
    fresh.parallel("fill", [y, 1], items);
    expect(view("float32", y, items).every((value) => value === 1)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await fresh.whenReady()).toBe(3);
    fresh.parallel("fill", [y, 2], items);
    expect(view("float32", y, items).every((value) => value === 2)).toBe(true);
    fresh.close();
  });

  it("throws when a worker does not come back, and the next call works", async () => {
    setThreads(2);
    const fresh = createRunner(kernels, { patienceMilliseconds: 200 });
    await fresh.whenReady();
    const flag = allocate(64);
    view("int32", flag, 1)[0] = 0;
    const start = performance.now();
    // The caller's part takes long enough for the worker to take the one that hangs.
    expect(() => fresh.parallel("hangAt", [items - 1, 5_000_000, flag], items)).toThrow(
      /a worker did not finish its part of kernel hangAt within \d+ ms/,
    );
    expect(performance.now() - start).toBeLessThan(5000);
    fresh.parallel("fill", [y, 3], items);
    expect(view("float32", y, items).every((value) => value === 3)).toBe(true);
    expect(await fresh.whenReady()).toBe(2);
    free(flag);
    fresh.close();
  });

  it("gives its memory back once closed workers have ended", async () => {
    setThreads(2);
    const before = memoryUsage().used;
    for (let round = 0; round < 3; round++) {
      const fresh = createRunner(kernels);
      fresh.parallel("fill", [y, 3], items);
      await fresh.whenReady();
      fresh.close();
    }
    await expect.poll(() => memoryUsage().used).toBe(before);
  });
});

/** Runs a module in a fresh Node, with the fixture's kernels at hand. */
function inFreshNode(script: string): { readonly stdout: string; readonly status: number | null } {
  const source = `
    import * as binary from ${path("../fixtures/kernels/binary/kernels.ts")};
    import { instantiate } from ${path("../../src/backends/wasm/instance.ts")};
    import { createRunner, setThreads } from ${path("../../src/backends/wasm/threads/parallel.ts")};
    import { kernelMemory, isMemoryShared, allocate, view } from ${path("../../src/tensor/memory.ts")};
    const runner = createRunner(instantiate(binary, kernelMemory(), isMemoryShared()));
    setThreads(3);\n${script}`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", source],
    { encoding: "utf8", timeout: 20_000 },
  );
  expect(stderr).toBe("");
  return { stdout: stdout.trim(), status };
}

describe("the process", () => {
  it("ends although workers sleep, spin, or are only being started", () => {
    const call = "const y = allocate(4e6); runner.parallel('fill', [y, 1], 1e6);";
    for (const script of [call, `${call} await runner.whenReady(); ${call.slice(call.indexOf("runner"))}`]) {
      expect(inFreshNode(`${script} console.log(view('float32', y, 1e6).every((v) => v === 1));`)).toEqual({
        stdout: "true",
        status: 0,
      });
    }
  });

  it("ends by process.exit in the middle of things", () => {
    expect(inFreshNode("await runner.whenReady(); process.exit(3);").status).toBe(3);
  });

  it("computes on one thread, and says so once, where no worker can start", () => {
    const { stdout } = inFreshNode(`
      const real = process.getBuiltinModule;
      process.getBuiltinModule = (name) => name === "node:worker_threads"
        ? { Worker: class { constructor() { throw new Error("workers are forbidden"); } } } : real(name);
      let warnings = 0;
      console.warn = () => warnings++;
      const y = allocate(4e6);
      for (let i = 0; i < 10; i++) runner.parallel('fill', [y, i], 1e6);
      console.log(await runner.whenReady(), warnings, view('float32', y, 1e6).every((v) => v === 9));`);
    expect(stdout).toBe("1 1 true");
  });

  it("may be a worker itself, each with a team of its own", () => {
    const { stdout } = inFreshNode(`
      const { Worker, isMainThread, parentPort } = await import("node:worker_threads");
      const paths = ${JSON.stringify(["instance", "threads/parallel"].map((name) => fileURLToPath(new URL(`../../src/backends/wasm/${name}.ts`, import.meta.url))))};
      const source = \`
        const { parentPort } = process.getBuiltinModule("node:worker_threads");
        (async () => {
          (await import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))})).register();
          const { instantiate } = await import(\${JSON.stringify(paths[0])});
          const { createRunner, setThreads } = await import(\${JSON.stringify(paths[1])});
          const { kernelMemory, isMemoryShared, allocate, view } =
            await import(${path("../../src/tensor/memory.ts")});
          const binary = await import(${path("../fixtures/kernels/binary/kernels.ts")});
          const runner = createRunner(instantiate(binary, kernelMemory(), isMemoryShared()));
          setThreads(2);
          const y = allocate(4e6);
          let right = true;
          for (let i = 0; i < 200; i++) {
            runner.parallel("fill", [y, i], 1e6);
            right &&= view("float32", y, 1e6)[999999] === i;
          }
          parentPort.postMessage([await runner.whenReady(), right]);
          parentPort.close();
        })();\`;
      const answers = await Promise.all([1, 2].map(() => new Promise((resolve, reject) => {
        const worker = new Worker(source, { eval: true });
        worker.once("message", resolve).once("error", reject);
      })));
      console.log(JSON.stringify(answers));`);
    expect(stdout).toBe("[[2,true],[2,true]]");
  });
});

function path(from: string): string {
  return JSON.stringify(fileURLToPath(new URL(from, import.meta.url)));
}
