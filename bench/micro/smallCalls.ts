import { cases } from "../cases.ts";
import { inputsOf } from "../inputs.ts";
import { inPool, type Library, prepareCase } from "../library.ts";
import { repeatCall } from "../peers/peer.ts";
import { median } from "../stats.ts";
import { timeCalls } from "../timing.ts";

const rounds = 7;
const milliseconds = 60;

/** Nanoseconds per call of the (2, 2, 3, 2) cases beyond a call that does nothing, medians of interleaved rounds. */
export async function smallCalls(library: Library): Promise<readonly string[]> {
  const tiny = cases.filter(({ shape }) => shape.join() === "2,2,3,2");
  const subjects = tiny.map((c) => ({
    name: c.name,
    repeat: repeatCall(prepareCase(library, c, inputsOf(c), inPool(library)).call),
    beyond: [] as number[],
  }));
  let calls = 0;
  const empty = repeatCall(() => {
    calls += 1;
  });
  for (let round = 0; round < rounds; round++) {
    const nothing = await timeCalls({ repeat: empty }, milliseconds);
    for (const { repeat, beyond } of subjects) {
      const { nanoseconds } = await timeCalls({ repeat }, milliseconds);
      beyond.push(nanoseconds - nothing.nanoseconds);
    }
  }
  if (calls === 0) throw new Error("the empty call was never made");
  return subjects.map(
    ({ name, beyond }) => `${name}: ${(median(beyond) / 1000).toFixed(2)} µs beyond an empty call`,
  );
}
