// scripts/letters.mjs writes what this reads. SIMD's prefix 0xfd, small numbers and most instructions take one letter each.
const shift = 5;
const letters = 91;
const singles = 89;

/** The bytes of a text of printable ASCII, in which a byte is one letter or two. */
export function bytesOfLetters(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; ) {
    let value = digit(text, at++);
    if (value >= singles) value = singles + (value - singles) * letters + digit(text, at++);
    bytes[length++] = value - shift;
  }
  return bytes.subarray(0, length);
}

/** Letters are counted from `#`, without the backslash. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 92 ? code - 35 : code - 36;
}
