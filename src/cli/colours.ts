import { styleText } from "node:util";

/** Whether text on stdout may have colours: a terminal, and no NO_COLOR (no-color.org). */
export function usesColours(): boolean {
  return process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
}

/** Paints text, or leaves it as it is. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** A {@link Paint} that does so only where colours are used. */
export function painter(isColoured: boolean): Paint {
  return (style, text) => (isColoured ? styleText(style, text) : text);
}

/** Text from a file without what would move the cursor, ring the bell or turn the line around. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}
