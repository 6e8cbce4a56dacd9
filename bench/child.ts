import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { readInputs, writeArrays } from "./arrayFiles.ts";
import type { ResultName } from "./inputs.ts";
import type { PeerModule, PeerOptions, Prepared } from "./peers/peer.ts";
import { type Answer, answerDescriptor, type Request } from "./protocol.ts";
import { timeCalls } from "./timing.ts";

const [moduleName, optionText] = process.argv.slice(2) as [string, string];

/** Serves one peer: a request in, an answer out, blocked on the pipe in between. */
async function serve(): Promise<void> {
  const { open } = (await import(`./peers/${moduleName}.ts`)) as PeerModule;
  const peer = await open(JSON.parse(optionText) as PeerOptions);
  answer({ version: peer.version, ...(peer.note !== undefined && { note: peer.note }) });
  let prepared: Prepared | null = null;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    try {
      if (request.op === "prepare" || request.op === "release") {
        await prepared?.release?.();
        prepared = null;
        (globalThis as { gc?: () => void }).gc?.();
      }
      if (request.op === "prepare") {
        const given = await peer.prepare(request.case, readInputs(request.folder, request.case));
        if ("skip" in given) {
          answer(given);
          continue;
        }
        prepared = given;
        answer({});
      } else {
        answer(await respond(request, prepared));
      }
    } catch (error) {
      answer({ error: textOf(error) });
    }
  }
}

async function respond(
  request: Exclude<Request, { op: "prepare" }>,
  prepared: Prepared | null,
): Promise<Answer> {
  if (request.op === "release") return {};
  if (prepared === null) throw new Error(`${request.op}: nothing is prepared`);
  if (request.op === "run") return timeCalls(prepared, request.milliseconds);
  const results = await prepared.results();
  writeArrays(request.folder, results as Record<string, ArrayLike<number>>);
  return { results: Object.keys(results) as ResultName[] };
}

function answer(given: Answer): void {
  writeSync(answerDescriptor, `${JSON.stringify(given)}\n`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

serve().then(
  () => process.exit(0),
  (error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    answer(missing ? { skip: `not installed: ${textOf(error)}` } : { skip: textOf(error) });
    process.exit(0);
  },
);
