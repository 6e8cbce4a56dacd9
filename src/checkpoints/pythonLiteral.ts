/** A Python tuple or list; they differ, since `(3,)` is a shape and `[3]` is not. */
export interface PythonSequence {
  readonly kind: "tuple" | "list";
  readonly items: readonly PythonLiteral[];
}

/** A Python literal: str, int, bool, None, tuple, list or dict with string keys. */
export type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | PythonSequence
  | ReadonlyMap<string, PythonLiteral>;

/** Deepest nesting of brackets; CPython's own limit. */
const deepestNesting = 200;

const blanks = " \t\n\r\f";

const integer =
  /^(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|0(?:_?0)*|[1-9](?:_?[0-9])*)$/;

/**
 * Parses the Python literals that headers of npy files are made of, without evaluating anything.
 *
 * literal = string | ["+" | "-"] int | True | False | None | "(" items ")" | "[" items "]" | "{" [pairs] "}", with blanks,
 * line breaks and comments between tokens and a trailing comma allowed: the part of `ast.literal_eval` that describes arrays.
 * Floats, bytes, sets, escapes and adjacent strings are refused. A key that comes twice has its last value, as in Python.
 *
 * @param who start of every message
 * @param longSuffix whether an integer may end in `L`, as Python 2 printed it
 * @throws RangeError naming what was expected, where, and what was found
 * @example
 * parsePythonLiteral("mine", "(2, 3)", false); // { kind: "tuple", items: [2, 3] }
 */
export function parsePythonLiteral(who: string, text: string, longSuffix: boolean): PythonLiteral {
  let at = 0;
  let depth = 0;
  const literal = value();
  if (at < text.length) fail("nothing more");
  return literal;

  function fail(expected: string): never {
    const found = at < text.length ? JSON.stringify(text.slice(at, at + 20)) : "its end";
    throw new RangeError(`${who}: expected ${expected} at character ${at} of the header, got ${found}`);
  }

  function skipBlanks(): void {
    for (; at < text.length; at++) {
      if (text[at] === "#")
        while (at + 1 < text.length && text[at + 1] !== "\n" && text[at + 1] !== "\r") at++;
      else if (!blanks.includes(text[at])) return;
    }
  }

  function take(token: string): boolean {
    if (!text.startsWith(token, at)) return false;
    at += token.length;
    skipBlanks();
    return true;
  }

  function expect(token: string, where: string): void {
    if (!take(token)) fail(`${JSON.stringify(token)} ${where}`);
  }

  function value(): PythonLiteral {
    skipBlanks();
    if (depth === deepestNesting) fail(`at most ${deepestNesting} nested brackets`);
    depth++;
    const parsed = bracketed() ?? atom();
    depth--;
    return parsed;
  }

  function bracketed(): PythonLiteral | undefined {
    if (take("{")) return pairs();
    if (take("[")) return { kind: "list", items: items("]").items };
    if (!take("(")) return undefined;
    const { items: members, commas } = items(")");
    // Parentheses alone only group: (4) is the integer 4.
    return members.length === 1 && commas === 0 ? members[0] : { kind: "tuple", items: members };
  }

  function items(close: string): { items: PythonLiteral[]; commas: number } {
    const found: PythonLiteral[] = [];
    let commas = 0;
    while (!take(close)) {
      if (commas < found.length) fail(`"," or ${JSON.stringify(close)}`);
      found.push(value());
      if (take(",")) commas++;
    }
    return { items: found, commas };
  }

  function pairs(): ReadonlyMap<string, PythonLiteral> {
    const found = new Map<string, PythonLiteral>();
    let separated = true;
    while (!take("}")) {
      if (!separated) fail('"," or "}"');
      const start = at;
      const key = value();
      if (typeof key !== "string") {
        at = start;
        fail("a string as key");
      }
      expect(":", "after a key");
      found.set(key, value());
      separated = take(",");
    }
    return found;
  }

  function atom(): PythonLiteral {
    const quoted = /[uUrR]?(?=["'])/y;
    quoted.lastIndex = at;
    const prefix = quoted.exec(text);
    if (prefix !== null) {
      at += prefix[0].length;
      return string();
    }
    const start = at;
    const sign = take("-") ? -1 : 1;
    const signed = sign < 0 || take("+");
    const found = word();
    if (longSuffix && found.endsWith("L") && integer.test(found.slice(0, -1)))
      return number(sign, found.slice(0, -1));
    if (integer.test(found)) return number(sign, found);
    if (!signed && found === "True") return true;
    if (!signed && found === "False") return false;
    if (!signed && found === "None") return null;
    at = start;
    return fail("a string, an integer, True, False, None, or a bracket");
  }

  function number(sign: number, digits: string): number {
    return 0 + sign * Number(digits.replaceAll("_", ""));
  }

  function word(): string {
    const start = at;
    while (at < text.length && /[\w.]/.test(text[at])) at++;
    const found = text.slice(start, at);
    skipBlanks();
    return found;
  }

  function string(): string {
    const quote = text[at];
    const start = at + 1;
    for (at = start; text[at] !== quote; at++) {
      if (at >= text.length || text[at] === "\n" || text[at] === "\r")
        fail(`${JSON.stringify(quote)} to end a string`);
      if (text[at] === "\\") fail("a string without backslashes");
    }
    const content = text.slice(start, at);
    at++;
    skipBlanks();
    return content;
  }
}
