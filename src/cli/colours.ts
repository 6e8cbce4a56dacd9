import { styleText } from "node:util";

/** Whether text on stdout may have colours: a terminal, and no NO_COLOR (no-color.org). */
export function usesColours(): boolean {
  return process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
}

/** Paints text, or leaves it as it is. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** A {@link Paint} that does so only where colours are used. */
export function painter(isColoured: boolean): Paint {
  // Node 22.13 and later look at the terminal once more unless told not to.
  return (style, text) => (isColoured ? styleText(style, text, { validateStream: false }) : text);
}
