import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Answer, answerDescriptor, type Request } from "./protocol.ts";
import type { Entrant } from "./roster.ts";

/** No answer within this long counts as a failure: far beyond the slowest peer's call. */
const answerMilliseconds = 180_000;
/** How much of a child's own output is kept for its error message. */
const keptCharacters = 600;

/**
 * An entrant's process. Between requests it is stopped (where the system has the signals): threads that spin for work after a call, as
 * those of onnxruntime and OpenMP do, would take the processor from whoever is timed next.
 */
export interface Remote {
  readonly entrant: Entrant;
  readonly pid: number | undefined;
  readonly greeting: Answer;
  /** Sends a request and waits for its answer; a dead or silent child answers with `error`. */
  ask(request: Request): Promise<Answer>;
  /** Ends the process. */
  end(): void;
}

const running = new Set<ChildProcess>();
let watcher: ChildProcess | null = null;

/** Ends every child that is still there. */
export function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts an entrant and waits for its greeting, which may be a skip. */
export async function start(entrant: Entrant): Promise<Remote> {
  const child = spawn(entrant.command, entrant.commandArguments, {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { ...process.env, ...entrant.environment },
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-keptCharacters);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.stdin?.on("error", () => {});

  const answers: Answer[] = [];
  let waiting: ((answer: Answer) => void) | null = null;
  const deliver = (answer: Answer) => {
    if (waiting === null) answers.push(answer);
    else waiting(answer);
  };
  let ended: Answer | null = null;
  const over = (reason: string) => {
    running.delete(child);
    if (ended === null) {
      ended = { error: `${reason}${output === "" ? "" : `: ${output.trim()}`}` };
      deliver(ended);
    }
  };
  child.on("error", (error) => over(error.message));
  child.on("close", (code, signal) => over(`ended with ${signal ?? `code ${code}`}`));
  const lines = createInterface({ input: child.stdio[answerDescriptor] as Readable });
  lines.on("line", (line) => deliver(JSON.parse(line) as Answer));

  const next = (): Promise<Answer> => {
    const ready = answers.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (ended !== null) return Promise.resolve(ended);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        over(`no answer within ${answerMilliseconds / 1000} s`);
      }, answerMilliseconds);
      waiting = (answer) => {
        clearTimeout(timer);
        waiting = null;
        resolve(answer);
      };
    });
  };
  const greeting = await next();
  goOnAtEnd(child);
  signal(child, "SIGSTOP");
  return {
    entrant,
    pid: child.pid,
    greeting,
    async ask(request) {
      signal(child, "SIGCONT");
      if (ended === null) child.stdin?.write(`${JSON.stringify(request)}\n`);
      const answer = await next();
      signal(child, "SIGSTOP");
      return answer;
    },
    end() {
      child.stdin?.end();
      child.kill();
      // A stopped process gets the other signal only when it goes on.
      signal(child, "SIGCONT");
    },
  };
}

/** Windows has no such signals; there children only wait on their pipe. */
function signal(child: ChildProcess, name: "SIGSTOP" | "SIGCONT"): void {
  if (process.platform !== "win32") child.kill(name);
}

/**
 * Lets a child go on when this process has ended, however it was: stopped it would stay for ever, but going on it finds its pipe closed and
 * ends. It takes a process that outlives this one.
 */
function goOnAtEnd(child: ChildProcess): void {
  if (process.platform === "win32" || child.pid === undefined) return;
  if (watcher === null) {
    const script = 'while read -r pid; do set -- "$@" "$pid"; done; kill -CONT "$@"';
    watcher = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"] });
    watcher.unref();
    (watcher.stdin as Socket).unref();
  }
  watcher.stdin?.write(`${child.pid}\n`);
}
