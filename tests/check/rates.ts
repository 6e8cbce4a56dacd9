import { argv } from "node:process";
import { identify } from "../../src/check/index.ts";
import { drawFrom, drawn, isTruth } from "./draws.ts";

/** How often identify finds what was drawn. */
interface Rates {
  readonly draws: number;
  /** The truth is among the survivors. */
  readonly found: number;
  /** It is first, or cannot be told from the first by these arrays. */
  readonly first: number;
  readonly certain: number;
  readonly wronglyCertain: number;
  readonly millisecondsEach: number;
  /** Draws that were missed. */
  readonly missed: readonly string[];
}

/** Seeds are this far apart, so that neighbours share no stream of numbers. */
const stride = 1013;

/** Draws normalizations and asks identify for each; the same numbers every time. */
export function ratesOf(draws: number, start = 0, isLarge = false): Rates {
  let [found, first, certain, wronglyCertain] = [0, 0, 0, 0];
  const missed: string[] = [];
  const since = performance.now();
  for (let i = start; i < start + draws; i++) {
    const draw = drawFrom(i * stride + 5, isLarge);
    const { x, y, ...options } = drawn(draw);
    const { survivors, certain: isCertain, message } = identify(x, y, options);
    const place = survivors.findIndex((survivor) => isTruth(draw, survivor));
    if (place >= 0) found++;
    else missed.push(`${i}: ${JSON.stringify(draw)} -> ${message.split("\n")[0]}`);
    // Survivors all explain every element within rounding: none is before another but by plainness.
    if (place >= 0) first++;
    if (isCertain) certain++;
    if (isCertain && place < 0) wronglyCertain++;
  }
  const millisecondsEach = (performance.now() - since) / draws;
  return { draws, found, first, certain, wronglyCertain, millisecondsEach, missed };
}

if (argv[1]?.endsWith("rates.ts"))
  console.log(ratesOf(Number(argv[2] ?? 2000), Number(argv[3] ?? 0), argv[4] === "large"));
