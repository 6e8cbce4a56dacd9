import type { RankEnd, RankStart } from "./workers/runRank.ts";

interface NodeWorker {
  on(event: "message", listener: (end: RankEnd) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
}

interface BrowserWorker {
  onmessage: ((event: { data: RankEnd }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(start: RankStart): void;
  terminate(): void;
}

interface Host {
  readonly process?: { getBuiltinModule?: (name: string) => unknown };
  readonly Worker?: new (url: URL, options: { type: "module"; name: string }) => BrowserWorker;
}

const host = globalThis as unknown as Host;

/** Runs one rank in a thread and resolves when it has ended, however it ends. */
export function spawnRank(start: RankStart): Promise<RankEnd> {
  const threads = host.process?.getBuiltinModule?.("node:worker_threads") as
    | { Worker: new (url: URL, options: { workerData: RankStart; name: string }) => NodeWorker }
    | undefined;
  const name = `evenkeel rank ${start.rank}`;
  return new Promise((resolve) => {
    const failed = (message: string, stack = ""): void => resolve({ message, stack });
    if (threads !== undefined) {
      const worker = new threads.Worker(new URL("./workers/rank.js", import.meta.url), {
        workerData: start,
        name,
      });
      worker.on("message", resolve);
      worker.on("error", ({ message, stack }) => failed(message, stack));
      worker.on("exit", (code) => failed(`its thread ended with code ${code}`));
      return;
    }
    if (host.Worker === undefined) return failed("this host has no workers");
    const worker = new host.Worker(new URL("./workers/rank.js", import.meta.url), { type: "module", name });
    const end = (said: RankEnd): void => {
      worker.terminate();
      resolve(said);
    };
    worker.onmessage = ({ data }) => end(data);
    worker.onerror = ({ message = "its thread failed" }) => end({ message, stack: "" });
    worker.postMessage(start);
  });
}
