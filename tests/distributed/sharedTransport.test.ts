import { afterEach, expect, test, vi } from "vitest";
import { AbsentError } from "../../src/distributed/index.ts";
import { markEnded, sharedMemory, sharedTransport } from "../../src/distributed/workers/sharedTransport.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs `others` in the place where a rank would sleep until they come. */
function whileAsleep(others: () => void): void {
  vi.spyOn(Atomics, "wait").mockImplementation(() => {
    others();
    return "ok";
  });
}

const longEnough = 10_000;

test("a rank that has come before gives its bytes to those that come later", () => {
  const memory = sharedMemory(2);
  const [first, second] = [sharedTransport(memory, 0), sharedTransport(memory, 1)];
  let seen: readonly Uint8Array[] = [];
  for (let round = 0; round < 3; round++) {
    whileAsleep(() => {
      seen = second.exchange(Uint8Array.of(2, round), longEnough);
    });
    const got = first.exchange(Uint8Array.of(1), longEnough);
    expect(got.map((each) => [...each])).toEqual([[1], [2, round]]);
    expect(seen.map((each) => [...each])).toEqual([[1], [2, round]]);
  }
});

test("messages longer than a slot come in pieces", () => {
  const alone = sharedTransport(sharedMemory(1, 8), 0);
  const long = Uint8Array.from({ length: 21 }, (_, i) => i);
  expect([...alone.exchange(long, longEnough)[0]]).toEqual([...long]);
  expect([...alone.exchange(new Uint8Array(0), longEnough)[0]]).toEqual([]);
  expect([...alone.exchange(long.subarray(0, 8), longEnough)[0]]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("a rank that has ended is missed at once, one that does not come after the time", () => {
  const memory = sharedMemory(3);
  const transport = sharedTransport(memory, 0);
  const missed = (): unknown => {
    try {
      transport.exchange(new Uint8Array(1), 1);
    } catch (error) {
      return error;
    }
  };
  expect(missed()).toMatchObject({ message: "ranks 1, 2 did not come within 0 s", ranks: [1, 2] });
  sharedTransport(memory, 2).close(false);
  markEnded(memory, 1);
  expect(missed()).toBeInstanceOf(AbsentError);
  expect(missed()).toMatchObject({ message: "ranks 1, 2 ended without closing the group", ranks: [1, 2] });
});
