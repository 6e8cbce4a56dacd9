// Compiles the kernels to WebAssembly and embeds them, and the workers' source, as modules of strings. What was embedded from the same
// sources by the same compiler is kept, which saves most of a build's time.
//   node scripts/build-kernels.mjs [source.ts outDir]   (default: every set below whose source exists)
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { transformSync } from "esbuild";
import { partsModule } from "./kernel-parts.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Functions that are not copied into their callers, as -O3 does with small ones that have a loop: they run once for a
 * statistic, a row or several, so that the call takes no time that can be measured.
 */
const uncopied = [
  "kernels/coefficients/scaleSums",
  "kernels/columnApply/normalizeRow",
  "kernels/columnFrames/foldedSum",
  "kernels/columnFrames/spreadValue",
  "kernels/columnLoops/flush",
  "kernels/columnLoops/gradSumFour",
  "kernels/columnLoops/gradSumOne",
  "kernels/columnLoops/runLength",
  "kernels/columnLoops/sumEight",
  "kernels/columnLoops/sumFour",
  "kernels/columnLoops/sumOne",
  "kernels/columnPairs/pairedCoefficients",
  "kernels/columnPairs/pairedGradients",
  "kernels/columnPairs/pairedMoments",
  "kernels/merge/mergeSegments",
  "kernels/moments/about",
  "kernels/moments/deviations",
  "kernels/moments/sumsAbout",
  "kernels/planesBackward/applyRuns",
  "kernels/planesForward/normalizeRuns",
  "kernels/planesForward/storeTable",
  "kernels/readAhead/gradInputAndSums",
  "kernels/readAhead/normalizeAndSum",
  "kernels/rowGradients/rowGradInput",
  "kernels/rowGradients/rowGradients",
  "kernels/rowGradients/rowGradientsAndSums",
  "kernels/rowGradients/rowParameterSums",
  "kernels/rowGradients/rowScale",
  "kernels/rowGradients/storeRow",
  "kernels/rowGradients/sumRow",
  "kernels/rowMoments/shiftOf",
  "kernels/rowNormalize/normalizeAndSumRow",
  "kernels/rowNormalize/normalizeScaled",
  "kernels/rowNormalize/scaleAndSumRow",
  "kernels/rowsBackward/flush",
  "kernels/rowsTogether/normalizeTogether",
  "kernels/shortRuns/shortShiftedSums",
  "kernels/sums/plainSums",
  "kernels/sums/squareSum",
  "kernels/tiles/tileMoments",
];

/** Source, folder of the output, and the functions that are not copied. */
const sets = [
  ["kernels/index.ts", "src/backends/wasm/binary", uncopied],
  ["tests/fixtures/kernels/index.ts", "tests/fixtures/kernels/binary", []],
];
const flags = [
  "-O3 --noAssert --runtime stub --importMemory --noExportMemory --zeroFilledMemory --enable simd --enable threads",
  "--uncheckedBehavior always --use abort= --initialMemory 1 --maximumMemory 65536",
].flatMap((line) => line.split(" "));

/** Has the compiler copy none of these functions into its callers. */
function withoutCopies(functions) {
  return class {
    afterCompile(module) {
      const count = module.getNumFunctions();
      const infos = Array.from({ length: count }, (_, i) =>
        this.binaryen.getFunctionInfo(module.getFunctionByIndex(i)),
      );
      for (const name of functions) {
        if (!infos.some((info) => info.name.startsWith(`${name}<`) || info.name === name))
          throw new Error(`no kernel is named ${name}`);
        this.binaryen.setPassArgument("no-inline", `${name}*`);
        module.runPasses(["no-inline"]);
      }
    }
  };
}

/** One build: its bytes, and the same in the text format. */
async function compile(source, kept, extra) {
  const written = {};
  const files = ["--outFile", "bytes", "--textFile", "text"];
  const { error, stderr } = await asc.main([source, ...files, ...flags, ...extra], {
    transforms: [withoutCopies(kept)],
    readFile: (name, base) => {
      const path = join(base, name);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (name, contents) => {
      written[name] = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`asc failed for ${source}:\n${stderr}`);
  return written;
}

/** Where the two builds differ: the byte of flags in the import of the memory, and nowhere else. */
function sharedFlagOffset(unshared, shared) {
  const differing = [...unshared.keys()].filter((at) => unshared[at] !== shared[at]);
  const [at] = differing;
  if (unshared.length !== shared.length || differing.length !== 1 || unshared[at] !== 1 || shared[at] !== 3) {
    throw new Error("expected the shared and unshared builds to differ in one byte, the memory's flags");
  }
  return at;
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const unchanged = existsSync(path) && readFileSync(path, "utf8") === text;
  if (!unchanged) writeFileSync(path, text);
  console.log(`${unchanged ? "kept " : "wrote"} ${path} (${text.length} characters)`);
}

const generated = "// Generated by scripts/build-kernels.mjs; not to be edited.\n";

/** A hash of all that the kernels' text follows from: their sources, these scripts, and the compiler. */
function stampOf(source) {
  const tools = ["build-kernels", "kernel-parts", "letters"].map((name) => `scripts/${name}.mjs`);
  const folders = [...new Set([dirname(source), "kernels"])];
  const sources = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const files = [...sources.filter((path) => path.endsWith(".ts")).sort(), ...tools];
  const hash = createHash("sha256");
  for (const path of [...files, "node_modules/assemblyscript/package.json"]) {
    hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  }
  return `// Of sources ${hash.digest("hex").slice(0, 16)}.\n`;
}

async function buildKernels(source, outDir, kept = []) {
  const path = join(root, outDir, "kernels.ts");
  // At the end: a file that was cut off is not kept.
  const stamp = stampOf(source);
  if (existsSync(path) && readFileSync(path, "utf8").endsWith(stamp)) {
    console.log(`kept  ${path} (of the same sources)`);
    return;
  }
  const { bytes, text } = await compile(source, kept, []);
  const offset = sharedFlagOffset(bytes, (await compile(source, kept, ["--sharedMemory"])).bytes);
  const folder = relative(outDir, "src/backends/wasm");
  write(path, generated + partsModule(bytes, text, offset, folder) + stamp);
}

/** participant.ts as a classic script, which Node evaluates and browsers load from a blob. */
function buildWorker() {
  const source = readFileSync(join(root, "src/backends/wasm/threads/participant.ts"), "utf8");
  if (/^import (?!type)/m.test(source)) throw new Error("participant.ts must import nothing but types");
  const { code } = transformSync(`${source.replace(/^export /gm, "")}\nstartWorker();`, {
    loader: "ts",
    format: "iife",
    minify: true,
    target: "es2022",
  });
  write(
    join(root, "src/backends/wasm/binary/worker.ts"),
    `${generated}/** Source text of the workers: participant.ts, compiled. */
export const workerSource: string =
  ${JSON.stringify(code)};
`,
  );
}

const [source, outDir] = process.argv.slice(2);
const chosen = source ? [[source, outDir]] : sets.filter(([path]) => existsSync(join(root, path)));
process.chdir(root);
for (const [from, to, kept] of chosen) await buildKernels(from, to, kept);
buildWorker();
