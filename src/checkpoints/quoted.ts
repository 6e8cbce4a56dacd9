/** Longest name from a file that a message repeats, in characters. */
export const longestQuote = 100;

/** A string of the file as a message shows it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > longestQuote ? `${text.slice(0, longestQuote)}...` : text);
}
