import { readFileSync } from "node:fs";
import { type Case, eps } from "../cases.ts";
import type { Inputs } from "../inputs.ts";
import type { Peer, Prepared } from "./peer.ts";
import { broadcastView } from "./view.ts";

// Node 20 has no navigator, which jax-js asks for the number of processors.
if (!("navigator" in globalThis)) Object.assign(globalThis, { navigator: { hardwareConcurrency: 1 } });
const jax = await import("@jax-js/jax");
const { numpy: np } = jax;
type JaxArray = InstanceType<typeof jax.Array>;

/** jax-js on its WebAssembly device, each case under `jit`. */
export async function open(): Promise<Peer> {
  const devices = await jax.init("wasm");
  if (!devices.includes("wasm")) throw new Error(`no wasm device, only ${devices.join(", ")}`);
  jax.defaultDevice("wasm");
  const url = new URL("../package.json", import.meta.resolve("@jax-js/jax"));
  const { version } = JSON.parse(readFileSync(url, "utf8")) as { version: string };
  return { version, note: "no threads in Node; composed under jit", prepare };
}

function prepare(c: Case, inputs: Inputs): Prepared {
  const { shape, parameters, reduced } = broadcastView(c);
  const put = (values: Float32Array, extents: number[]) => np.array(values.slice()).reshape(extents);
  const x = put(inputs.x, shape);
  const weight = put(inputs.weight, parameters);
  const bias = put(inputs.bias, parameters);
  const mean = put(inputs.runningMean, parameters);
  const variance = put(inputs.runningVar, parameters);
  const dy = c.mode === "forward+backward" ? put(inputs.dy, shape) : null;
  const options = { keepdims: true };

  const normalized = (x: JaxArray, w: JaxArray, b: JaxArray, m: JaxArray, v: JaxArray): JaxArray => {
    const centered = x.sub(m);
    return centered
      .mul(np.reciprocal(np.sqrt(v.add(eps))))
      .mul(w)
      .add(b);
  };
  const forward = (x: JaxArray, w: JaxArray, b: JaxArray): JaxArray => {
    if (c.layer === "RMSNorm") {
      b.dispose();
      const square = np.mean(np.square(x.ref), reduced, options);
      return x.mul(np.reciprocal(np.sqrt(square.add(eps)))).mul(w);
    }
    const m = np.mean(x.ref, reduced, options);
    const v = np.mean(np.square(x.ref.sub(m.ref)), reduced, options);
    return normalized(x, w, b, m, v);
  };
  const evaluate = jax.jit(normalized);
  const once = jax.jit(forward);
  const both = jax.jit((x: JaxArray, w: JaxArray, b: JaxArray, dy: JaxArray) => {
    const [y, pullback] = jax.vjp(forward, [x, w, b]);
    const [dx, dWeight, dBias] = pullback(dy) as [JaxArray, JaxArray, JaxArray];
    return [y, dx, dWeight, dBias];
  });
  const step = (): JaxArray[] => {
    if (dy !== null) return both(x.ref, weight.ref, bias.ref, dy.ref) as JaxArray[];
    if (c.mode === "eval") return [evaluate(x.ref, weight.ref, bias.ref, mean.ref, variance.ref) as JaxArray];
    return [once(x.ref, weight.ref, bias.ref) as JaxArray];
  };
  return {
    async repeat(count) {
      for (let i = 0; i < count; i++) {
        const results = await jax.blockUntilReady(step());
        for (const result of results) result.dispose();
      }
    },
    async results() {
      const [y, dx, dWeight, dBias] = await Promise.all(step().map((result) => result.data()));
      return { y, ...(dy && { dx, dWeight, ...(c.layer !== "RMSNorm" && { dBias }) }) } as Record<
        string,
        Float32Array
      >;
    },
    release() {
      for (const array of [x, weight, bias, mean, variance, ...(dy ? [dy] : [])]) array.dispose();
    },
  };
}
