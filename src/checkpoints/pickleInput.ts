/** The bytes of a pickle, read from the front; every read checks what remains. */
export interface PickleInput {
  /** Position of the next byte. */
  position(): number;
  byte(): number;
  uint16(): number;
  int32(): number;
  uint32(): number;
  /** A length or count of 64 bits that must not exceed what remains. */
  length64(): number;
  /** Big-endian, as pickles hold it. */
  float64(): number;
  /** A view of the next bytes. */
  bytes(length: number): Uint8Array;
  /** The next bytes as UTF-8. */
  text(length: number): string;
  /** The text up to the next line feed, which is passed over. */
  line(): string;
}

/**
 * Reads a pickle from its first byte on.
 *
 * @param who start of every message
 * @throws RangeError, in each of the methods, where the bytes end too early or are not UTF-8
 * @example
 * pickleInput("mine", Uint8Array.of(1, 0)).uint16(); // 1
 */
export function pickleInput(who: string, bytes: Uint8Array): PickleInput {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let at = 0;

  function need(length: number | bigint): void {
    if (length <= bytes.length - at) return;
    throw new RangeError(
      `${who}: expected ${length} more bytes at byte ${at} of the pickle, got ${bytes.length - at}: truncated`,
    );
  }

  function take(length: number): number {
    need(length);
    at += length;
    return at - length;
  }

  function text(length: number): string {
    const start = take(length);
    try {
      return utf8.decode(bytes.subarray(start, at));
    } catch (cause) {
      throw new RangeError(`${who}: expected UTF-8 at byte ${start} of the pickle, got other bytes`, {
        cause,
      });
    }
  }

  return {
    position: () => at,
    byte: () => bytes[take(1)],
    uint16: () => view.getUint16(take(2), true),
    int32: () => view.getInt32(take(4), true),
    uint32: () => view.getUint32(take(4), true),
    length64() {
      const length = view.getBigUint64(take(8), true);
      need(length);
      return Number(length);
    },
    float64: () => view.getFloat64(take(8), false),
    bytes(length) {
      const start = take(length);
      return bytes.subarray(start, at);
    },
    text,
    line() {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0)
        throw new RangeError(`${who}: expected a line at byte ${at} of the pickle, got its end: truncated`);
      const found = text(end - at);
      at++;
      return found;
    },
  };
}
