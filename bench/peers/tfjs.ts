import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { type Case, eps, isColumns } from "../cases.ts";
import type { Inputs } from "../inputs.ts";
import type { Peer, Prepared } from "./peer.ts";
import { broadcastView } from "./view.ts";

type Tensors = { readonly x: tf.Tensor; readonly weight: tf.Tensor; readonly bias: tf.Tensor };

/** tfjs has no normalization layer in its core but `batchNorm`; the others are composed of its operations. */
export async function open(): Promise<Peer> {
  setWasmPaths(
    `${fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm/package.json")))}dist/`,
  );
  tf.enableProdMode();
  await tf.setBackend("wasm");
  await tf.ready();
  return { version: version_wasm, note: "no threads in Node; composed of moments and arithmetic", prepare };
}

function prepare(c: Case, inputs: Inputs): Prepared {
  const view = broadcastView(c);
  const x = tf.tensor(inputs.x, view.shape);
  const dy = c.mode === "forward+backward" ? tf.tensor(inputs.dy, view.shape) : null;
  const weight = tf.tensor(inputs.weight, view.parameters);
  const bias = tf.tensor(inputs.bias, view.parameters);
  const mean = tf.tensor(inputs.runningMean, view.parameters);
  const variance = tf.tensor(inputs.runningVar, view.parameters);
  const forward = ({ x, weight, bias }: Tensors): tf.Tensor => {
    if (c.layer === "RMSNorm") {
      const square = tf.mean(tf.square(x), view.reduced, true);
      return tf.mul(tf.mul(x, tf.rsqrt(tf.add(square, eps))), weight);
    }
    const used = c.mode === "eval" ? { mean, variance } : momentsOf(x, view.reduced);
    return scaled(c, x, used.mean, used.variance, weight, bias);
  };
  const step = (): tf.Tensor[] => {
    if (dy === null) return [forward({ x, weight, bias })];
    const gradient = tf.valueAndGrads((x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
      c.layer === "RMSNorm"
        ? tf.add(forward({ x, weight, bias }), tf.mul(bias, 0))
        : forward({ x, weight, bias }),
    );
    const { value, grads } = gradient([x, weight, bias], dy);
    return [value, ...grads];
  };
  return {
    repeat(count) {
      for (let i = 0; i < count; i++) tf.tidy(() => void step());
    },
    results() {
      return tf.tidy(() => {
        const [y, dx, dWeight, dBias] = step().map((result) => result.dataSync());
        return { y, ...(dy && { dx, dWeight, ...(c.layer !== "RMSNorm" && { dBias }) }) } as Record<
          string,
          Float32Array
        >;
      });
    },
    release: () => tf.dispose([x, weight, bias, mean, variance, ...(dy ? [dy] : [])]),
  };
}

function momentsOf(x: tf.Tensor, axes: number[]): { mean: tf.Tensor; variance: tf.Tensor } {
  const mean = tf.mean(x, axes, true);
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), axes, true) };
}

function scaled(
  c: Case,
  x: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  if (isColumns(c)) {
    const flat = (each: tf.Tensor) => tf.reshape(each, [each.size]) as tf.Tensor1D;
    return tf.batchNorm(x, flat(mean), flat(variance), flat(bias), flat(weight), eps);
  }
  const scale = tf.mul(tf.rsqrt(tf.add(variance, eps)), weight);
  return tf.add(tf.mul(x, scale), tf.sub(bias, tf.mul(mean, scale)));
}
