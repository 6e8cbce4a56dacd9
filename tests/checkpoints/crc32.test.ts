import { crc32 as nodeCrc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32 } from "../../src/checkpoints/crc32.ts";

test("the check value of the algorithm's catalogue", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("as zlib computes it, for bytes of every length and alignment", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(3), (bytes, skipped) => {
      expect(crc32(bytes.subarray(skipped))).toBe(nodeCrc32(bytes.subarray(skipped)));
    }),
  );
});
