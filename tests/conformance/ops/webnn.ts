import { functional as F } from "../../../src/index.ts";
import type { Adapter } from "../schema.ts";
import { affineOf, runningOf } from "./onnx.ts";

const batchNormalization: Adapter = (view) => ({
  y: F.batchNorm(view.required("x", "input"), {
    ...affineOf(view),
    ...runningOf(view),
    axis: view.attribute("axis", 1),
    eps: view.attribute(["epsilon", "eps"], 1e-5),
  }),
});

const instanceNormalization: Adapter = (view) => {
  const isLast = view.attribute("layout", view.channelsLast ? "nhwc" : "nchw").toLowerCase() === "nhwc";
  const y = F.instanceNorm(view.required("x", "input"), {
    ...affineOf(view),
    axis: isLast ? -1 : 1,
    eps: view.attribute(["epsilon", "eps"], 1e-5),
    allowSingleValue: true,
  });
  return { y };
};

const layerNormalization: Adapter = (view) => {
  const x = view.required("x", "input");
  const axes = view.attribute(
    "axes",
    x.shape.map((_, axis) => axis).filter((axis) => axis > 0),
  );
  return { y: F.layerNorm(x, { ...affineOf(view), axes, eps: view.attribute(["epsilon", "eps"], 1e-5) }) };
};

/** WebNN's operations. */
export const webnnAdapters: Readonly<Record<string, Adapter>> = {
  batchNormalization,
  instanceNormalization,
  layerNormalization,
};
