// The first module of a rank's thread: in Node of a worker thread, in a browser of a module worker.
import { type RankStart, runRank } from "./runRank.ts";

interface Port {
  postMessage(message: unknown): void;
}

interface NodeThreads {
  readonly workerData: RankStart;
  readonly parentPort: Port;
}

const { process } = globalThis as {
  process?: { getBuiltinModule?: (name: string) => unknown };
};
const threads = process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;

if (threads === undefined) {
  const scope = globalThis as unknown as Port & { onmessage: (event: { data: RankStart }) => void };
  scope.onmessage = async ({ data }) => scope.postMessage(await runRank(data));
} else {
  threads.parentPort.postMessage(await runRank(threads.workerData));
}
