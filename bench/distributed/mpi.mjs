// `mpirun -n 2 node bench/distributed/mpi.mjs`
import { mpi } from "../../dist/distributed/index.js";
import { main, print } from "./rank.mjs";

const group = await mpi();
const ranks = await main(group);
if (group.rank === 0) print("mpirun", ranks);
group.close();
