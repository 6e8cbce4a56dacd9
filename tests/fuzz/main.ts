import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { formats } from "./formats.ts";
import { memoryLimit } from "./judge.ts";
import { randomOf } from "./random.ts";
import { fuzz, readBombs } from "./run.ts";

const usage = `usage: npm run fuzz -- [--count 100000] [--seed 1] [--format ${[...formats.keys()].join("|")}] [--first 0] [--save FILE]

Changes files of each format at random and reads them: a clear error or a right answer is expected, never a hang, a
crash, a read outside the file, or more than 2 x file size + 64 MiB of memory. --save writes the first input to FILE.`;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    first: { type: "string", default: "0" },
    format: { type: "string" },
    save: { type: "string" },
    help: { type: "boolean" },
  },
});
const [count, seed, first] = [values.count, values.seed, values.first].map(Number);
const chosen = values.format === undefined ? [...formats.keys()] : [values.format];
const isUsable = [count, seed, first].every((value) => Number.isSafeInteger(value) && value >= 0);
if (values.help || !isUsable || !chosen.every((name) => formats.has(name))) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}

/** Small enough to be made in no time, large enough that a hundredfold of it shows. */
const bombSize = 8_000_000;

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

let failed = false;
for (const format of chosen) {
  if (values.save !== undefined)
    writeFileSync(values.save, formats.get(format)?.mutate(randomOf(seed, first)) ?? "");
  const start = performance.now();
  const { inputs, accepted, largestInput, mostRead, peakMemory, faults } = await fuzz({
    format,
    seed,
    count,
    first,
  });
  const memory =
    peakMemory === undefined
      ? "not measured"
      : `${megabytes(peakMemory)} of ${megabytes(memoryLimit(largestInput))}`;
  console.log(
    `${format}: ${inputs} inputs of up to ${largestInput} bytes, ${accepted} read, ${inputs - accepted} refused, ${faults.length} faults; ` +
      `peak memory ${memory}; ${mostRead.toFixed(1)} times the file read; ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
  for (const { index, fault } of faults) {
    console.log(
      `  npm run fuzz -- --format ${format} --seed ${seed} --first ${index} --count 1\n    ${fault}`,
    );
  }
  failed ||= faults.length > 0 || (peakMemory !== undefined && peakMemory > memoryLimit(largestInput));
}
if (values.format === undefined) {
  for (const { name, fault, size, memory } of await readBombs(bombSize)) {
    const isTooMuch = memory !== undefined && memory > memoryLimit(size);
    if (fault === undefined && !isTooMuch) continue;
    console.log(`bomb: ${name}: ${fault ?? `${megabytes(memory ?? 0)} of ${megabytes(memoryLimit(size))}`}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
