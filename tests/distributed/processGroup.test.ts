import { describe, expect, test, vi } from "vitest";
import { type Envelope, opened, sealed } from "../../src/distributed/envelope.ts";
import {
  AbsentError,
  createGroup,
  type ProcessGroup,
  type Step,
  type Transport,
} from "../../src/distributed/index.ts";

/** A transport of rank 0, whose peers say what `others` makes of its own envelope. */
function answered(others: (own: Envelope) => readonly Envelope[], payload = new Uint8Array(0)) {
  const close = vi.fn<(isBroken: boolean) => void>();
  const transport: Transport = {
    rank: 0,
    size: 3,
    name: "scripted",
    exchange: (bytes) => {
      const { envelope } = opened(bytes);
      return [bytes, ...others(envelope).map((each) => sealed(each, payload))];
    },
    close,
  };
  return { transport, close };
}

const alike = (own: Envelope): readonly Envelope[] => [own, own];

describe("ranks in step", () => {
  test("gather what each gave, and add it in their order", () => {
    const values = Float64Array.of(1, 2);
    const { transport, close } = answered(alike, new Uint8Array(values.buffer));
    const group = createGroup(transport);
    expect(group).toMatchObject({ rank: 0, size: 3, name: "scripted" });
    expect(group.allGather(Uint8Array.of(7)).map(({ length }) => length)).toEqual([1, 16, 16]);
    expect([...group.allReduce(Float64Array.of(10, 20))]).toEqual([12, 24]);
    expect([...group.allReduce(Float64Array.of(10, 20), { terms: "float64" })]).toEqual([12, 24]);
    group.barrier();
    group.close();
    group.close();
    expect(close.mock.calls).toEqual([[false]]);
    expect(() => group.barrier({ what: "bn1" })).toThrow("rank 0 of 3: bn1: the group is closed");
  });

  test("a group of one asks nobody", () => {
    const nobody = (): never => {
      throw new Error("asked");
    };
    const alone = createGroup({ rank: 0, size: 1, name: "one", exchange: nobody, close() {} });
    expect([...alone.allReduce(Float64Array.of(3))]).toEqual([3]);
    expect([...alone.allGather(Uint8Array.of(5))[0]]).toEqual([5]);
  });
});

describe("ranks out of step", () => {
  const cases: readonly [string, (own: Envelope) => readonly Envelope[], string][] = [
    [
      "at something else",
      (own) => [own, { ...own, what: "bn2" }],
      'the ranks are out of step: ranks 0, 1 at "bn1"; rank 2 at "bn2"',
    ],
    [
      "a step behind",
      (own) => [own, { ...own, sequence: own.sequence + 1 }],
      "the ranks are out of step: ranks 0, 1 at exchange 0 (bn1); rank 2 at exchange 1 (bn1)",
    ],
    [
      "with other terms",
      (own) => [
        { ...own, terms: "" },
        { ...own, terms: "" },
      ],
      "the ranks are out of step: ranks 1, 2 with nothing; rank 0 with 64 channels",
    ],
    [
      "each elsewhere",
      (own) => [
        { ...own, what: "bn2" },
        { ...own, what: "bn3" },
      ],
      'the ranks are out of step: rank 0 at "bn1"; rank 1 at "bn2"; rank 2 at "bn3"',
    ],
  ];
  test.each(cases)("%s: an error that names them, then always the same", (_, others, message) => {
    const { transport, close } = answered(others);
    const group = createGroup(transport);
    const step: Step = { what: "bn1", terms: "64 channels" };
    expect(() => group.barrier(step)).toThrow(`rank 0 of 3: bn1: ${message}`);
    expect(() => group.allGather(new Uint8Array(1))).toThrow(`rank 0 of 3: bn1: ${message}`);
    group.close();
    expect(close.mock.calls).toEqual([[true]]);
  });

  test("ranks that end while others go on are told apart, and the transport is let go", () => {
    const { transport, close } = answered((own) => [own, { ...own, what: "bn1" }]);
    expect(() => createGroup(transport).close()).toThrow('ranks 0, 1 at "close"; rank 2 at "bn1"');
    expect(close.mock.calls).toEqual([[true]]);
  });
});

describe("a transport that fails", () => {
  const failing = (cause: unknown): ProcessGroup =>
    createGroup({
      ...answered(alike).transport,
      exchange() {
        throw cause;
      },
    });

  test("missing ranks keep their numbers", () => {
    const group = failing(new AbsentError("rank 1 did not come within 60 s", [1]));
    const error = (() => {
      try {
        group.barrier({ what: "bn1" });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(AbsentError);
    expect(error).toMatchObject({
      message: "rank 0 of 3: bn1: rank 1 did not come within 60 s",
      ranks: [1],
    });
  });

  test.each([[new Error("no memory")], ["no memory"]])(
    "anything else is told with rank and step: %s",
    (cause) => {
      expect(() => failing(cause).barrier()).toThrow("rank 0 of 3: barrier: no memory");
    },
  );

  test.each([[new Uint8Array(2)], [Uint8Array.of(255, 255, 0, 0)]])("a message that is none", (message) => {
    const { transport } = answered(alike);
    const group = createGroup({ ...transport, exchange: () => [message] });
    expect(() => group.barrier()).toThrow(/expected a message with an envelope, got \d bytes/);
  });
});

test.each([
  ["1", TypeError, "group: expected a timeout in seconds, got"],
  [0, RangeError, "group: expected a timeout above 0 seconds, got 0"],
  [Number.NaN, RangeError, "got NaN"],
])("a timeout of %s is refused", (timeout, kind, message) => {
  const make = (): ProcessGroup => createGroup(answered(alike).transport, { timeout: timeout as number });
  expect(make).toThrow(kind);
  expect(make).toThrow(message);
});
