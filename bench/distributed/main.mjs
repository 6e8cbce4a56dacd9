// What synchronizing batch statistics costs on this machine: in threads, and under mpirun where there is one.
import { spawnSync } from "node:child_process";
import { workers } from "../../dist/distributed/index.js";
import { print } from "./rank.mjs";

const [ranks] = await workers(2, new URL("./rank.mjs", import.meta.url));
print("workers", ranks);

const program = new URL("./mpi.mjs", import.meta.url).pathname;
const { error } = spawnSync(
  "mpirun",
  ["--allow-run-as-root", "--oversubscribe", "-n", "2", process.execPath, program],
  {
    stdio: "inherit",
  },
);
if (error !== undefined) console.log(`\nmpirun: skipped, ${error.message}`);
