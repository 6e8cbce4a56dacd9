import { type ArrayLikeInput, identify } from "evenkeel/check";
import { type OnProgress, throttled } from "../tasks/progress.ts";
import type { Arrays, Found } from "./found.ts";

/** Which normalization made y from x. */
export function identifyArrays({ x, y, weight, bias, meant }: Arrays, onProgress: OnProgress): Found {
  const { probe, ...found } = identify(x as ArrayLikeInput, y as ArrayLikeInput, {
    weight: weight as ArrayLikeInput | undefined,
    bias: bias as ArrayLikeInput | undefined,
    meant,
    onProgress: throttled(onProgress),
  });
  return { ...found, meant: meant ?? null, probe: probe && { data: probe.data, shape: probe.shape } };
}
