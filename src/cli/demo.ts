import Table from "cli-table3";
import { Command, Option } from "commander";
import { type BackendName, setBackend } from "../index.ts";
import { shapeText } from "../tensor/shape.ts";
import type { Closeness } from "./closeness.ts";
import { type DemoRow, demoQuantities, digitsRows, ulpBounds } from "./demoDigits.ts";
import { type HandcheckRow, handcheckRows } from "./demoHandchecks.ts";

const examples = new URL("../../examples/", import.meta.url);

/** `evenkeel demo`: every layer of a trained network against PyTorch, and published hand-checks. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("Run every layer of a network trained in PyTorch, and published hand-checks, against ours.")
    .addOption(
      new Option(
        "--backend <name>",
        "which backend computes: plain float64 loops, or the WebAssembly kernels",
      )
        .choices(["reference", "wasm"])
        .default("reference"),
    )
    .option("--json", "print a JSON object instead of tables")
    .action(demo);
}

async function demo(flags: { readonly backend: BackendName; readonly json?: boolean }): Promise<void> {
  setBackend(flags.backend);
  const ulpBound = ulpBounds[flags.backend];
  const digits = await digitsRows(new URL("digits/", examples));
  const handchecks = await handcheckRows(new URL("handchecks/handchecks.json", examples));
  const isWithinBound = digits.every((row) => worstUlp(row) <= ulpBound);
  if (flags.json) console.log(JSON.stringify({ ulpBound, isWithinBound, digits, handchecks }));
  else print(digits, handchecks, flags.backend);
  if (!isWithinBound) process.exitCode = 1;
}

function worstUlp({ distances }: DemoRow): number {
  return Math.max(...Object.values(distances).map(({ ulp }) => ulp));
}

function print(digits: readonly DemoRow[], handchecks: readonly HandcheckRow[], backend: BackendName): void {
  console.log(
    "A CNN trained in PyTorch on handwritten digits: its normalization layers here, against PyTorch.",
  );
  console.log("Each cell: largest absolute difference / largest difference in float32 ULP of the scale.\n");
  console.log(digitsTable(digits));
  const worst = Math.max(...digits.map(worstUlp));
  console.log(
    `\nLargest difference: ${worst.toFixed(2)} ULP, bound ${ulpBounds[backend]}, backend ${backend}. The reference is float64 rounded` +
      "\nonce, so its difference is PyTorch's float32 rounding; it follows the magnitude of the terms: the largest value" +
      "\nof y, dx and the statistics, the largest sum of |dy * xhat| and of |dy| for dWeight and dBias. PyTorch recorded" +
      "\nno eval backward.\n",
  );
  console.log("Published hand-checks of batch normalization and its kin:\n");
  console.log(handcheckTable(handchecks));
  const wrong = handchecks.filter(({ agrees }) => !agrees).length;
  console.log(`\n${wrong} of ${handchecks.length} disagree with the layer they were meant to be.`);
}

function digitsTable(rows: readonly DemoRow[]): string {
  const table = new Table({ head: ["layer", "mode", "shape", ...demoQuantities], style: plain });
  for (const { layer, mode, shape, distances } of rows) {
    const cells = demoQuantities.map((quantity) => distanceText(distances[quantity]));
    table.push([layer, mode, shapeText(shape), ...cells]);
  }
  const legend = [...new Map(rows.map(({ layer, module }) => [layer, module]))];
  return `${legend.map(([layer, module]) => `${layer.padEnd(6)}${module}`).join("\n")}\n\n${table}`;
}

function handcheckTable(rows: readonly HandcheckRow[]): string {
  const table = new Table({
    head: ["hand-check", "meant", "difference", "allowed", "verdict"],
    colWidths: [26, 26, 12, 10, 46],
    wordWrap: true,
    style: plain,
  });
  for (const { name, meant, difference, allowed, agrees, reason } of rows) {
    const verdict = `${agrees ? "agrees" : "DISAGREES"}: ${reason}`;
    table.push([name, meant, difference.toExponential(1), allowed.toExponential(1), verdict]);
  }
  return String(table);
}

const plain = { head: [], border: [], compact: true };

function distanceText(distance: Closeness | undefined): string {
  if (distance === undefined) return "-";
  return `${distance.abs.toExponential(1)} / ${distance.ulp.toFixed(2)}`;
}
