import { differences } from "./compare.ts";
import { fileAdapters } from "./ops/files.ts";
import { foldAdapters } from "./ops/fold.ts";
import { kerasAdapters } from "./ops/keras.ts";
import { megengineAdapters } from "./ops/megengine.ts";
import { onnxAdapters } from "./ops/onnx.ts";
import { torchAdapters } from "./ops/torch.ts";
import { webnnAdapters } from "./ops/webnn.ts";
import { type Adapter, CaseView, type JsonCase, type Outputs } from "./schema.ts";

/** What a case came to: passed, failed with its reasons, or skipped with its reason. */
export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly reasons: readonly string[] }
  | { readonly kind: "skipped"; readonly reason: string };

const byFramework: readonly [RegExp, Readonly<Record<string, Adapter>>][] = [
  [/^(pytorch|torch|functional|nn)/, torchAdapters],
  [/^megengine/, megengineAdapters],
  [/^webnn/, webnnAdapters],
  [/^onnx/, onnxAdapters],
  [/^(keras|tf|tensorflow)/, kerasAdapters],
];

/** Ops that no part of the library does yet, and why. */
const skipped: Readonly<Record<string, string>> = {};

/** The adapter of an op: its framework's, else the first that has the op. */
function adapterFor(view: CaseView): Adapter | undefined {
  const file = fileAdapters[view.case.op];
  if (file) return file;
  if (Object.hasOwn(foldAdapters, view.op)) return foldAdapters[view.op];
  const own = byFramework.find(([pattern]) => pattern.test(view.framework))?.[1];
  if (own && Object.hasOwn(own, view.op)) return own[view.op];
  return byFramework.map(([, adapters]) => adapters).find((adapters) => Object.hasOwn(adapters, view.op))?.[
    view.op
  ];
}

/** Runs a case in both dtypes. */
export async function runCase(json: JsonCase, suite: string): Promise<Verdict> {
  if (Object.hasOwn(skipped, json.op)) return { kind: "skipped", reason: skipped[json.op] };
  const reasons: string[] = [];
  const dtypes = Object.hasOwn(fileAdapters, json.op)
    ? (["float64"] as const)
    : (["float64", "float32"] as const);
  for (const dtype of dtypes) {
    const view = new CaseView(json, suite, dtype);
    const adapter = adapterFor(view);
    if (adapter === undefined) return { kind: "failed", reasons: [`no adapter for the op ${json.op}`] };
    const outcome = await attempt(adapter, view);
    reasons.push(...judge(json, outcome, dtype).map((reason) => `${dtype}: ${reason}`));
  }
  return reasons.length === 0 ? { kind: "passed" } : { kind: "failed", reasons };
}

type Outcome = { readonly outputs: Outputs } | { readonly error: unknown };

async function attempt(adapter: Adapter, view: CaseView): Promise<Outcome> {
  try {
    return { outputs: await adapter(view) };
  } catch (error) {
    return { error };
  }
}

function judge(json: JsonCase, outcome: Outcome, dtype: "float32" | "float64"): string[] {
  if ("error" in outcome) {
    if (!json.expectError && !json.optional) return [`threw ${outcome.error}`];
    return isDeliberate(outcome.error) ? [] : [`threw an unclear error: ${outcome.error}`];
  }
  if (json.expectError && !json.optional) return [`expected an error: ${json.expectError.message}`];
  if (json.steps) {
    return json.steps.flatMap((step, index) =>
      differences(under(outcome.outputs, index), step.expected, json.tolerance, dtype).map(
        (line) => `step ${index} (${step.action}): ${line}`,
      ),
    );
  }
  if (Object.hasOwn(fileAdapters, json.op)) return [];
  return differences(outcome.outputs, json.expected, json.tolerance, dtype);
}

/** The outputs of one step, under their own names. */
function under(outputs: Outputs, index: number): Outputs {
  const prefix = `${index}.`;
  return Object.fromEntries(
    Object.entries(outputs)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

/** Whether an error is one of ours, with its who, expected and got, and not the engine's. */
function isDeliberate(error: unknown): boolean {
  const isOurKind = error instanceof RangeError || error instanceof TypeError;
  return (
    isOurKind && !/Cannot read|is not a function|is not iterable|Invalid (typed )?array/.test(error.message)
  );
}
