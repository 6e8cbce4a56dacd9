// `mpirun -n 4 node mpi.mjs TASK ARGUMENT REPORT TIMEOUT`, the argument in JSON, the timeout in seconds.
import { mpi } from "../../../dist/distributed/index.js";
import { main } from "./rank.mjs";

const [task, argument, report, timeout] = process.argv.slice(2);
const group = await mpi({ timeout: Number(timeout) });
const { error } = main(group, { task, argument: JSON.parse(argument), report });
if (error) process.exit(1);
group.close();
