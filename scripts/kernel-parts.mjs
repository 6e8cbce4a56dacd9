// Takes a build of the kernels apart by function, so that a bundle holds those that its layers run; src/backends/wasm/link.ts
// puts the module together again.
import { gzipSync } from "node:zlib";
import { frequentBytes, lettersOf } from "./letters.mjs";

const codeSection = 10;

/** The loop shapes, and the exported kernels that each calls; what is left is called by all. */
const shapes = {
  planes: /^planes/,
  columns: /^(columns|planesGradCoefficients)/,
  rows: /^(rows|expand)/,
  tiles: /^tiles/,
};

/** A number in LEB128 at an offset: its value, and where it ends. */
function readLeb(bytes, at) {
  let value = 0;
  for (let power = 0; ; power += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** power;
    if (byte < 128) return { value, end: at };
  }
}

/** Where the code section begins, and each function's body with its size before it. */
function codeOf(bytes) {
  let at = 8;
  while (bytes[at] !== codeSection) {
    const { value, end } = readLeb(bytes, at + 1);
    at = end + value;
  }
  const size = readLeb(bytes, at + 1);
  const count = readLeb(bytes, size.end);
  const bodies = [];
  let start = count.end;
  for (let i = 0; i < count.value; i++) {
    const { value, end } = readLeb(bytes, start);
    bodies.push(bytes.subarray(start, end + value));
    start = end + value;
  }
  if (start !== bytes.length)
    throw new Error("expected the code to be the last section: the kernels have no data");
  return { at, bodies };
}

/** The functions of the text format in the module's order: what each calls, and by what names it is exported. */
function functionsOf(wat) {
  const names = [...wat.matchAll(/^ \(func (\$\S+)/gm)].map(([, name]) => name);
  const indices = new Map(names.map((name, index) => [name, index]));
  const functions = wat
    .split(/^ \(func /m)
    .slice(1)
    .map((text) => ({
      calls: [...text.matchAll(/call (\$[^\s)]+)/g)].map(([, name]) => indices.get(name)),
      exports: [],
    }));
  for (const [, exported, name] of wat.matchAll(/^ \(export "(\w+)" \(func (\$[^\s)]+)\)\)/gm)) {
    functions[indices.get(name)].exports.push(exported);
  }
  return functions;
}

/** For each function, the loop shapes that reach it; "all" for those that every bundle needs. */
function reachOf(functions) {
  const reach = functions.map(() => new Set());
  const mark = (index, shape) => {
    if (reach[index].has(shape)) return;
    reach[index].add(shape);
    for (const called of functions[index].calls) mark(called, shape);
  };
  functions.forEach(({ exports }, index) => {
    for (const name of exports) {
      const users = Object.keys(shapes).filter((shape) => shapes[shape].test(name));
      for (const shape of users.length > 0 ? users : ["all"]) mark(index, shape);
    }
  });
  return reach.map((users) =>
    users.has("all") ? ["all"] : Object.keys(shapes).filter((shape) => users.has(shape)),
  );
}

/** The runs of consecutive numbers of a rising list: first and end of each. */
function runsOf(numbers) {
  const runs = [];
  for (const number of numbers) {
    if (runs.at(-1) === number) runs[runs.length - 1]++;
    else runs.push(number, number + 1);
  }
  return runs;
}

/**
 * Lines in an order that compresses well: gzip looks back 32 KB, less than the parts have together, so that those which are alike belong
 * near each other. One line at a time is moved while that makes all of them smaller.
 */
function inShortOrder(lines) {
  const sizeOf = (order) => gzipSync(order.join("\n"), { level: 9 }).length;
  let best = lines;
  let least = sizeOf(lines);
  for (let before = Number.POSITIVE_INFINITY; least < before; ) {
    before = least;
    for (let move = 0; move < lines.length ** 2; move++) {
      const moved = [...best];
      moved.splice(move % lines.length, 0, ...moved.splice(Math.floor(move / lines.length), 1));
      const size = sizeOf(moved);
      if (size < least) [best, least] = [moved, size];
    }
  }
  return best;
}

/** A module of TypeScript with the parts of a build, for each loop shape those that it needs. */
export function partsModule(bytes, wat, sharedFlagOffset, folder) {
  const { at, bodies } = codeOf(bytes);
  const functions = functionsOf(wat);
  if (functions.length !== bodies.length)
    throw new Error("expected as many functions in the text as in the binary");
  const parts = new Map();
  reachOf(functions).forEach((users, index) => {
    if (users.length === 0) throw new Error(`no kernel calls function ${index}`);
    const name = users.join("_");
    const part = parts.get(name) ?? { users, functions: [], bodies: [] };
    part.functions.push(index);
    part.bodies.push(...bodies[index]);
    parts.set(name, part);
  });
  const frequent = frequentBytes(bytes);
  const quoted = (some) => JSON.stringify(lettersOf(some, frequent));
  const lines = inShortOrder(
    [...parts].map(
      ([name, part]) =>
        `const ${name}Part: KernelPart = { functions: ${JSON.stringify(runsOf(part.functions))}, bodies: ${quoted(part.bodies)} };`,
    ),
  );
  for (const shape of ["all", ...Object.keys(shapes)]) {
    const names = [...parts].filter(([, { users }]) => users.includes(shape)).map(([name]) => `${name}Part`);
    if (names.length === 0) continue;
    lines.push(
      `\n/** Functions that ${shape === "all" ? "every call may need" : `${shape} need`}. */`,
      `export const ${shape}: readonly KernelPart[] = [${names.join(", ")}];`,
    );
  }
  return `import type { KernelFrame, KernelPart } from "${folder}/link.ts";

/** The build without its functions' bodies. */
export const frame: KernelFrame = {
  functionCount: ${bodies.length},
  frequent: "${frequent}",
  sharedFlagOffset: ${sharedFlagOffset},
  head: ${quoted(bytes.subarray(0, at))},
};

${lines.join("\n")}
`;
}
