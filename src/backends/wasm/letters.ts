// scripts/letters.mjs writes what this reads.
const letters = 91;
const singles = 89;

/**
 * The bytes of texts of printable ASCII, in which a byte is one letter if it is frequent, else two.
 *
 * @param frequent which bytes are, as a set of bits: 64 hexadecimal digits, the first for bytes 0 to 3
 */
export function letterReader(frequent: string): (text: string) => Uint8Array {
  const all = [...new Uint8Array(256).keys()];
  const isFrequent = (byte: number) => (Number.parseInt(frequent[byte >> 2], 16) >> (byte & 3)) & 1;
  const byteOf = [...all.filter(isFrequent), ...all.filter((byte) => !isFrequent(byte))];
  return (text) => {
    const bytes = new Uint8Array(text.length);
    let length = 0;
    for (let at = 0; at < text.length; ) {
      let value = digit(text, at++);
      if (value >= singles) value = singles + (value - singles) * letters + digit(text, at++);
      bytes[length++] = byteOf[value];
    }
    return bytes.subarray(0, length);
  };
}

/** Letters are counted from `#`, without the backslash. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 92 ? code - 35 : code - 36;
}
