// Bytes as text that compresses as well as the bytes do; read by src/backends/wasm/letters.ts.
// A byte moved by `shift` is one letter below `singles`, else two; the letters are printable ASCII but for `"` and `\`.
const shift = 5;
const letters = 91;
const singles = 89;

/** 35 is the first code after `"`, 92 that of `\`. */
function letter(digit) {
  const code = digit + 35;
  return String.fromCharCode(code < 92 ? code : code + 1);
}

/** The text of some bytes. */
export function lettersOf(bytes) {
  let text = "";
  for (const byte of bytes) {
    const value = (byte + shift) & 255;
    const rest = value - singles;
    text += rest < 0 ? letter(value) : letter(singles + Math.floor(rest / letters)) + letter(rest % letters);
  }
  return text;
}
