import published from "../../../examples/handchecks/handchecks.json";
import { followed, type Recipe } from "../../../src/cli/recipes.ts";
import type { Arrays } from "./found.ts";

/** A published hand-check, ready to be identified. */
export interface Example {
  readonly name: string;
  readonly arrays: () => Arrays;
}

/** The published hand-checks: those whose arrays were printed, and those whose steps are known. */
export const examples: readonly Example[] = [
  ...published.cases.map(({ name, x, y, meant, ...rest }) => ({
    name,
    arrays: (): Arrays => ({
      x: printed(x, 4),
      y: printed(y, rest.printedDigits),
      meant: /^\w+/.exec(meant)?.[0],
      weight: "weight" in rest ? JSON.stringify(rest.weight) : undefined,
      bias: "bias" in rest ? JSON.stringify(rest.bias) : undefined,
    }),
  })),
  ...(published.recipes as readonly Recipe[]).map((recipe) => ({
    name: recipe.name,
    arrays: (): Arrays => {
      const { x, byHand, meant } = followed(recipe);
      const posted = ({ data, shape }: typeof x) => ({ data: data as Float64Array, shape, dtype: "float64" });
      return { x: posted(x), y: posted(byHand), meant };
    },
  })),
];

/** Nested numbers as text, one innermost row a line, with the digits they were published with. */
function printed(values: unknown, digits: number, indent = ""): string {
  if (typeof values === "number") return values.toFixed(digits);
  const items = (values as unknown[]).map((item) => printed(item, digits, `${indent} `));
  const isRow = typeof (values as unknown[])[0] === "number";
  return `[${items.join(isRow ? ", " : `,\n${indent} `)}]`;
}
