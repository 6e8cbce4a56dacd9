// One rank of a calibration over threads: its part of what all have.
import { calibrateDistributed } from "../../dist/distributed/index.js";
import { BatchNorm2d, tensor } from "../../dist/index.js";

export async function main(group, { values, shape, cuts }) {
  const each = values.length / shape[0];
  const [begin, end] = [cuts[group.rank], cuts[group.rank + 1]];
  const layer = new BatchNorm2d(shape[1]);
  const own = tensor(values.slice(begin * each, end * each), [end - begin, ...shape.slice(1)]);
  const { samples } = await calibrateDistributed(layer, [own], { group });
  group.close();
  return { samples, mean: layer.runningMean.data, variance: layer.runningVar.data };
}
