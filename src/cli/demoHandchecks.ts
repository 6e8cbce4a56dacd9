import { readFile } from "node:fs/promises";
import { type Identification, identify } from "../check/index.ts";
import { BatchNorm2d, functional as F, type Tensor, tensor } from "../index.ts";
import type { NestedNumbers } from "../tensor/nested.ts";
import { followed, type Recipe } from "./recipes.ts";

/** What a published hand-check came to. */
export interface HandcheckRow {
  readonly name: string;
  /** The layer that it was meant to be. */
  readonly meant: string;
  /** Largest difference of its figures from that layer. */
  readonly difference: number;
  /** Difference that its printed digits, or float32, explain. */
  readonly allowed: number;
  readonly agrees: boolean;
  /** Why it disagrees, or what it agrees by. */
  readonly reason: string;
}

interface PrintedCase {
  readonly name: string;
  readonly x: NestedNumbers;
  readonly y: NestedNumbers;
  readonly weight?: readonly number[];
  readonly bias?: readonly number[];
  readonly printedDigits: number;
  readonly meant: string;
}

/** Digits that the published inputs were printed with. */
const inputDigits = 4;

/** Rounding of float64 and an eps of at most 1e-10: a recipe that computes the same stays below. */
const recipeTolerance = 1e-9;

/**
 * Runs the published hand-checks of batch normalization against the layers they were meant to be.
 *
 * @throws Error if the file cannot be read
 */
export async function handcheckRows(file: URL): Promise<HandcheckRow[]> {
  const { cases, recipes } = JSON.parse(await readFile(file, "utf8")) as {
    cases: PrintedCase[];
    recipes: Recipe[];
  };
  return [...cases.map(printedRow), ...recipes.map(recipeRow)];
}

function printedRow(printed: PrintedCase): HandcheckRow {
  const x = tensor(printed.x, undefined, { dtype: "float64" }) as Tensor;
  const y = tensor(printed.y, undefined, { dtype: "float64" }) as Tensor;
  const bn = new BatchNorm2d(x.shape[1], { dtype: "float64", affine: printed.weight !== undefined });
  bn.weight?.data.set(printed.weight ?? []);
  bn.bias?.data.set(printed.bias ?? []);
  const difference = largestDifference(bn.forward(x).data, y.data);
  const { variance } = F.moments(x, { axes: [0, 2, 3] });
  // An input off by half a digit moves x and the mean; the output was rounded once more.
  const slope = Math.max(
    ...Array.from(variance.data, (v, c) => Math.abs(printed.weight?.[c] ?? 1) / Math.sqrt(v)),
  );
  const allowed = 2 * 10 ** -inputDigits * slope + 10 ** -printed.printedDigits;
  const { name, meant, weight, bias } = printed;
  const found = identify(x, y, { meant, weight: weight && [...weight], bias: bias && [...bias] });
  return { name, meant, difference, allowed, ...verdictOf(found) };
}

function recipeRow(recipe: Recipe): HandcheckRow {
  const { x, byHand, y, meant } = followed(recipe);
  const difference = largestDifference(byHand.data, y.data);
  const found = identify(x, byHand, { meant, tolerance: recipeTolerance });
  return { name: recipe.name, meant: recipe.op, difference, allowed: recipeTolerance, ...verdictOf(found) };
}

/** What identify says of a hand-check. */
function verdictOf(found: Identification): Pick<HandcheckRow, "agrees" | "reason"> {
  const { fits, differences, message, survivors } = found;
  if (!fits) return { agrees: false, reason: message };
  const agrees = differences.length === 0;
  return { agrees, reason: agrees ? `it is ${survivors[0].op}` : differences.join("; ") };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}
