import { InvalidArgumentError } from "commander";

/** The number that an option's value is. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number");
  return value;
}

/** The integers between commas: `1,0,3`. */
export function integers(text: string): number[] {
  const values = text.split(",").map(number);
  if (!values.every(Number.isInteger)) throw new InvalidArgumentError("expected integers between commas");
  return values;
}
