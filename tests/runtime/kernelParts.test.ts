import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { all, columns, frame, planes, rows, tiles } from "../../src/backends/wasm/binary/kernels.ts";
import { link } from "../../src/backends/wasm/link.ts";
import { webAssembly } from "../../src/tensor/webAssembly.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** float32 results of kernels and of float64 loops differ by its rounding, the more the longer the sums. */
const tolerance = 2e-3;

/** Norms over channels meet every loop shape: long, short and single runs; few and many samples; both layouts. */
const shapes = [
  [2, 4, 3, 3],
  [2, 64, 8, 8],
  [9, 64, 3, 3],
  [1, 600, 2, 2],
  [1, 64, 33, 33],
  [9, 12, 12, 64],
  [2, 28, 28, 64],
  [16, 64, 3, 2],
  [1, 1024, 1, 2],
];

const norms = {
  batchNorm: (axis: number) => ({ training: true, axis }),
  instanceNorm: (axis: number) => ({ axis }),
  groupNorm: (axis: number) => ({ numGroups: axis === 1 ? 2 : 1, axis }),
  layerNorm: () => ({ normalizedShape: null }),
  rmsNorm: () => ({ normalizedShape: null }),
};

/** A program with one norm and the kernels that it brings: the largest difference to the reference. */
async function programFor(norm: keyof typeof norms): Promise<string> {
  const contents = `
    import { ${norm} as run, ${norm}Backward as back } from "./src/functional/index.ts";
    import { setThreads } from "./src/backends/wasm/runtime.ts";
    import { tensor } from "./src/tensor/tensor.ts";
    const optionsFor = ${String(norms[norm])};
    let worst = 0;
    for (const threads of [1, 2]) for (const Kind of [Float32Array, Float64Array]) for (const axis of [1, -1])
    for (const shape of ${JSON.stringify(shapes)}) {
      setThreads(threads);
      const size = shape.reduce((a, b) => a * b, 1);
      const x = tensor(Kind.from({ length: size }, (_, i) => Math.sin(i * 1.7) + (i % 7) / 3), shape);
      const dy = tensor(Kind.from({ length: size }, (_, i) => Math.cos(i * 0.9)), shape);
      const options = optionsFor(axis);
      if ("normalizedShape" in options) options.normalizedShape = shape.slice(axis);
      const both = ["wasm", "reference"].map((backend) => {
        const { dx } = back(x, dy, { ...options, backend });
        return [run(x, { ...options, backend }).data, dx.data];
      });
      for (const which of [0, 1]) for (let i = 0; i < size; i++) {
        const difference = Math.abs(both[0][which][i] - both[1][which][i]);
        worst = difference <= worst ? worst : difference;
      }
    }
    console.log(worst);`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    ...{ bundle: true, minify: true, format: "esm", platform: "neutral", write: false },
  });
  return outputFiles[0].text;
}

describe("kernels in parts", () => {
  it.each(Object.keys(norms) as (keyof typeof norms)[])("%s alone has every kernel it runs", async (norm) => {
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module"], {
      encoding: "utf8",
      input: await programFor(norm),
    });
    expect(stderr).toBe("");
    expect(stdout).not.toBe("");
    expect(Number(stdout)).toBeLessThan(tolerance);
  });

  it.each(Object.entries({ planes, columns, rows, tiles }))("%s alone are a valid module", (_, parts) => {
    const every = new Set([...all, ...planes, ...columns, ...rows, ...tiles]);
    const { Module } = webAssembly();
    for (const isShared of [false, true]) {
      const bytes = link(frame, new Set([...all, ...parts]), isShared);
      expect(() => new Module(bytes)).not.toThrow();
      expect(bytes.length).toBeLessThan(link(frame, every, isShared).length);
    }
  });
});
