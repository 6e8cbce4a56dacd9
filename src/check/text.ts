/** An array read from text, and how precisely it was printed. */
export interface Printed {
  readonly values: Float64Array;
  readonly shape: readonly number[];
  /** Most digits after the point of a number in fixed notation; null where a number has an exponent. */
  readonly decimals: number | null;
  /** Most significant digits of a number. */
  readonly significant: number;
}

const number = /[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)/iy;

/**
 * Reads an array that numpy, torch or JSON printed: `[[1. 2.], [3. 4.]]`, `tensor([[0.0414, -2.9218]])`,
 * `array([1., 2.], dtype=float32)`, `[[1, 2], [3, 4]]`, or numbers without brackets, one row a line.
 *
 * Shapes: that of the brackets; lists of one depth must have one length.
 *
 * @param who whom errors name
 * @throws RangeError where the text is no array, is ragged, or was shortened by `...`
 * @example
 * parseArray("tensor([[ 0.0414, -2.9218], [-0.7506, -0.3812]])").shape; // [2, 2]
 */
export function parseArray(text: string, who = "parseArray"): Printed {
  const body = withoutWrapper(text);
  if (body.includes("...")) {
    throw new RangeError(
      `${who}: the array was printed shortened by "..."; print all of it: ` +
        "np.set_printoptions(threshold=np.inf) or torch.set_printoptions(profile='full')",
    );
  }
  const reader = readNumbers(body.includes("[") ? body : bracketed(body), who);
  if (reader.values.length === 0 && reader.shape.length === 0) {
    throw new RangeError(`${who}: expected an array, got ${JSON.stringify(text.trim().slice(0, 40))}`);
  }
  return { ...reader, values: Float64Array.from(reader.values) };
}

/** What stands between `tensor(` or `array(` and its closing parenthesis, without dtype and device. */
function withoutWrapper(text: string): string {
  const opened = /(?:tensor|array|Parameter containing:)\s*\(?/.exec(text);
  const inner = opened && text.includes("[") ? text.slice(text.indexOf("[")) : text;
  const closed = inner.lastIndexOf("]");
  return (closed < 0 ? inner : inner.slice(0, closed + 1)).trim();
}

/** Rows of bare numbers as nested lists. */
function bracketed(text: string): string {
  const rows = text.split("\n").filter((row) => row.trim() !== "");
  if (rows.length <= 1) return `[${text}]`;
  return `[${rows.map((row) => `[${row}]`).join("")}]`;
}

interface Level {
  /** Items closed so far. */
  count: number;
}

function readNumbers(text: string, who: string): Omit<Printed, "values"> & { values: number[] } {
  const values: number[] = [];
  const shape: number[] = [];
  const open: Level[] = [];
  let leafDepth = -1;
  let decimals: number | null = 0;
  let significant = 0;
  let isDone = false;
  const fail = (at: number, what: string): never => {
    throw new RangeError(
      `${who}: ${what} at character ${at + 1}: ${JSON.stringify(text.slice(at, at + 20))}`,
    );
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at];
    if (/[\s,;]/.test(char)) at++;
    else if (isDone) fail(at, "expected the end of the array");
    else if (char === "[" || char === "(") {
      open.push({ count: 0 });
      at++;
    } else if (char === "]" || char === ")") {
      const closed = open.pop() ?? fail(at, "a bracket closes that was not opened");
      const depth = open.length;
      if (shape[depth] === undefined) shape[depth] = closed.count;
      else if (shape[depth] !== closed.count) {
        fail(at, `expected every list at depth ${depth} to have ${shape[depth]} items, got ${closed.count}`);
      }
      if (depth === 0) isDone = true;
      else open[depth - 1].count++;
      at++;
    } else {
      number.lastIndex = at;
      const found = number.exec(text)?.[0] ?? fail(at, "expected a number");
      if (leafDepth < 0) leafDepth = open.length;
      if (leafDepth !== open.length) fail(at, "numbers at different depths");
      open[open.length - 1].count++;
      values.push(numberOf(found));
      const digits = digitsOf(found);
      significant = Math.max(significant, digits.significant);
      decimals = digits.decimals === null || decimals === null ? null : Math.max(decimals, digits.decimals);
      at += found.length;
    }
  }
  if (!isDone) fail(text.length, "a bracket is not closed");
  return { values, shape, decimals, significant };
}

function numberOf(text: string): number {
  const lower = text.toLowerCase();
  if (lower.includes("nan")) return Number.NaN;
  if (lower.includes("inf"))
    return lower.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(lower);
}

function digitsOf(text: string): { readonly decimals: number | null; readonly significant: number } {
  const [mantissa, exponent] = text.toLowerCase().split("e");
  const fraction = mantissa.split(".")[1] ?? "";
  const significant = mantissa.replace(/[-+.]/g, "").replace(/^0+/, "").length;
  return { decimals: exponent === undefined ? fraction.length : null, significant };
}
