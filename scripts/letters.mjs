// Bytes as text that compresses as well as the bytes do; read by src/backends/wasm/letters.ts.
// One of the `singles` most frequent bytes is one letter, any other is two; the letters are printable ASCII but for `"` and `\`.
const letters = 91;
const singles = 89;

/** 35 is the first code after `"`, 92 that of `\`. */
function letter(digit) {
  const code = digit + 35;
  return String.fromCharCode(code < 92 ? code : code + 1);
}

/** The bytes that are one letter in the text of `bytes`, as a set of bits: 64 hexadecimal digits, the first for bytes 0 to 3. */
export function frequentBytes(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const ranked = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const digits = new Array(64).fill(0);
  for (const byte of ranked.slice(0, singles)) digits[byte >> 2] |= 1 << (byte & 3);
  return digits.map((digit) => digit.toString(16)).join("");
}

/** The text of some bytes. */
export function lettersOf(bytes, frequent) {
  const all = [...new Array(256).keys()];
  const isFrequent = (byte) => (Number.parseInt(frequent[byte >> 2], 16) >> (byte & 3)) & 1;
  const values = new Map(
    [...all.filter(isFrequent), ...all.filter((byte) => !isFrequent(byte))].map((byte, value) => [
      byte,
      value,
    ]),
  );
  let text = "";
  for (const byte of bytes) {
    const value = values.get(byte);
    const rest = value - singles;
    text += rest < 0 ? letter(value) : letter(singles + Math.floor(rest / letters)) + letter(rest % letters);
  }
  return text;
}
