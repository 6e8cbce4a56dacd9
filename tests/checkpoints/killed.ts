import { join } from "node:path";
import { writeNpz, writeSafetensors, writeSafetensorsShards } from "../../src/checkpoints/index.ts";

// Writes one generation of tensors after another until it is killed: every number of a generation is the same.
const [format, directory, first] = process.argv.slice(2);
const size = 75_000;

function* generation(value: number): Generator<readonly [string, Int32Array]> {
  const data = new Int32Array(size).fill(value);
  for (const name of ["a", "b", "c", "d"]) yield [name, data];
}

for (let value = Number(first); ; value++) {
  if (format === "safetensors") {
    await writeSafetensors(join(directory, "model.safetensors"), generation(value));
  } else if (format === "npz") {
    await writeNpz(join(directory, "model.npz"), generation(value), { compress: value % 2 === 0 });
  } else {
    const index = join(directory, "model.safetensors.index.json");
    await writeSafetensorsShards(index, generation(value), { maxShardBytes: 4 * size });
  }
  if (value === Number(first)) process.stdout.write("written\n");
}
