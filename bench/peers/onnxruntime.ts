import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-common";
import type { Case } from "../cases.ts";
import type { Inputs } from "../inputs.ts";
import { onnxModelOf } from "./onnxModel.ts";
import type { Prepared, Skip } from "./peer.ts";

/** What onnxruntime-node and onnxruntime-web have in common. */
interface OnnxRuntime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: TensorConstructor;
}

/** A session of one operator; `reusesOutput` where the binding writes into a given output. */
export async function prepareSession(
  { InferenceSession, Tensor }: OnnxRuntime,
  options: InferenceSession.SessionOptions,
  c: Case,
  inputs: Inputs,
  reusesOutput: boolean,
): Promise<Prepared | Skip> {
  if (c.mode === "forward+backward") return { skip: "no gradients in the JavaScript packages" };
  const { bytes, shape } = onnxModelOf(c, inputs);
  const session = await InferenceSession.create(bytes, options);
  const feeds = { x: new Tensor("float32", inputs.x, shape) };
  const fetches: Record<string, Tensor | null> = {};
  for (const name of session.outputNames) fetches[name] = null;
  if (reusesOutput) fetches.y = new Tensor("float32", new Float32Array(inputs.x.length), shape);
  return {
    async repeat(count) {
      for (let i = 0; i < count; i++) await session.run(feeds, fetches);
    },
    async results() {
      const { y } = await session.run(feeds, fetches);
      return { y: y?.data as Float32Array };
    },
    release: () => session.release(),
  };
}
