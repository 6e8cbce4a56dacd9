import { workers } from "../../dist/distributed/index.js";

await workers(2, new URL("./rank.mjs", import.meta.url));
