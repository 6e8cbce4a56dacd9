import { printable } from "../checkpoints/printable.ts";

/** Text that is HTML already; everything else is escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * HTML from a template; what is put in is escaped, for text and for quoted attributes, and shows its control characters.
 *
 * @example
 * html`<p title="${name}">${name}</p>`.text; // name may be <script>
 */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(texts.reduce((done, text, index) => done + markup(parts[index - 1]) + text));
}

function markup(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  return printable(String(part)).replaceAll(/[&<>"']/g, (character) => entities[character]);
}
