// Prints what it takes to list a sparse safetensors file of 4 GB: time and memory beyond those of a small one.
import { execFileSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors } from "../dist/checkpoints/index.js";

const tensors = 1000;
const bytesPerTensor = 2 ** 22;
const runs = 5;

/** A file of `count` float32 tensors, whose data no block of the disk holds. */
async function writeSparse(path, count) {
  const members = Array.from({ length: count }, (_, i) => {
    const offsets = [i * bytesPerTensor, (i + 1) * bytesPerTensor];
    return [`layer${i}.bn.weight`, { dtype: "F32", shape: [bytesPerTensor / 4], data_offsets: offsets }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(members)));
  const file = await open(path, "w");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.write(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + count * bytesPerTensor);
  await file.close();
}

async function list(path) {
  const start = performance.now();
  const file = await openSafetensors(path);
  const { size } = file.entries;
  const milliseconds = performance.now() - start;
  await file.close();
  return { tensors: size, milliseconds, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

if (process.argv[2] === "--list") console.log(JSON.stringify(await list(process.argv[3])));
else {
  const directory = await mkdtemp(join(tmpdir(), "evenkeel-"));
  try {
    const [large, small] = [join(directory, "large"), join(directory, "small")];
    await writeSparse(large, tensors);
    await writeSparse(small, 1);
    const inFreshProcess = (path) =>
      JSON.parse(
        execFileSync(process.execPath, [import.meta.filename, "--list", path], { encoding: "utf8" }),
      );
    for (let run = 0; run < runs; run++) {
      const [start, listing] = [inFreshProcess(small), inFreshProcess(large)];
      const beyond = listing.peakMegabytes - start.peakMegabytes;
      console.log(
        `${listing.tensors} tensors, ${(tensors * bytesPerTensor) / 1e9} GB: ${listing.milliseconds.toFixed(1)} ms, ` +
          `${beyond.toFixed(1)} MB beyond start-up (a file of one tensor: ${start.milliseconds.toFixed(1)} ms)`,
      );
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}
