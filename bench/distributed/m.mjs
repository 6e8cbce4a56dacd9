import { mpi } from "../../dist/distributed/index.js";
import { main } from "./rank.mjs";

await main(await mpi());
