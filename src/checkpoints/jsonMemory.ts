/** Estimated bytes of memory for what each character outside strings stands for, an entry made of an object included. */
const costs = new Uint16Array(256);
for (const [character, cost] of Object.entries({ "{": 320, "[": 100, ",": 48, ":": 48 })) {
  costs[character.charCodeAt(0)] = cost;
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * Estimates the memory, in bytes, that a JSON text takes with its bytes, as a string, and parsed: up to a hundred times its length.
 *
 * @example
 * jsonMemory(new TextEncoder().encode("[[],[]]")); // 14 of text, 348 of arrays
 */
export function jsonMemory(json: Uint8Array): number {
  let memory = 0;
  let isWide = false;
  for (let at = 0; at < json.length; at++) {
    if (json[at] === quote) {
      for (at++; at < json.length && json[at] !== quote; at++) {
        isWide ||= json[at] > 0x7f;
        if (json[at] === backslash) at++;
      }
    } else memory += costs[json[at]];
  }
  return memory + json.length * (isWide ? 3 : 2);
}
