// The digits network, forward and backward, with plain loops around evenkeel's normalization layers.
import { GroupNorm, InstanceNorm2d, LayerNorm, Tensor } from "evenkeel";
import { SyncBatchNorm } from "evenkeel/distributed";

const dtype = "float64";

/**
 * The network of examples/digits, (N, 1, 8, 8) to (N, 10) logits. Its batch norms share their statistics among the ranks;
 * convolutions and the other norms treat each sample alone.
 *
 * @param model tensors of a state dict, by name
 * @param group the ranks; null: batch statistics of this rank alone
 */
export function digitsNetwork(model, group) {
  const parameter = (name) => Float64Array.from(model.get(name).data);
  const conv = (name, stride) =>
    convolution(parameter(`${name}.weight`), model.get(`${name}.weight`).shape, bias(name), stride);
  const bias = (name) => (model.has(`${name}.bias`) ? parameter(`${name}.bias`) : null);
  const linear = (name) =>
    linearLayer(parameter(`${name}.weight`), model.get(`${name}.weight`).shape, bias(name));
  const loaded = (name, layer) => {
    layer.loadStateDict(model, { prefix: `${name}.` });
    return layer;
  };
  const batchNorms = {
    bn1: loaded("bn1", new SyncBatchNorm(16, { group, name: "bn1", dtype })),
    bn2: loaded("bn2", new SyncBatchNorm(32, { group, name: "bn2", dtype, momentum: null })),
    bn3: loaded("bn3", new SyncBatchNorm(64, { group, name: "bn3", dtype, eps: 1e-3, momentum: 0.01 })),
  };
  const { bn1, bn2, bn3 } = batchNorms;
  const gn = loaded("gn", new GroupNorm(8, 32, { dtype }));
  const inorm = loaded(
    "inorm",
    new InstanceNorm2d(32, { dtype, affine: true, trackRunningStats: true }),
  ).eval();
  const ln = loaded("ln", new LayerNorm([32, 4, 4], { dtype }));
  const stages = [
    ...[conv("stem", 1), bn1, relu()],
    ...[conv("conv2", 2), gn, relu()],
    ...[conv("conv3", 1), inorm, relu()],
    ...[conv("conv4", 1), bn2, relu()],
    ...[ln, spatialMean()],
    ...[linear("fc1"), bn3, relu(), linear("fc2")],
  ];
  return {
    batchNorms,
    forward: (x) => stages.reduce((values, stage) => stage.forward(values), x),
    backward: (dy) => stages.reduceRight((grad, stage) => stage.backward(grad), dy),
  };
}

/** A 3 x 3 convolution with a border of zeros, without a gradient of its own weights. */
function convolution(weight, [outputs, inputs], bias, stride) {
  let shape;
  /** Calls `visit(output element, element of the first input channel, its weight)` where the kernel touches the image. */
  const each = ([samples, , height, width], visit) => {
    const [rows, columns] = [height / stride, width / stride];
    for (let n = 0; n < samples; n++)
      for (let o = 0; o < outputs; o++)
        for (let row = 0; row < rows; row++)
          for (let column = 0; column < columns; column++)
            for (let tap = 0; tap < 9; tap++) {
              const y = row * stride + Math.floor(tap / 3) - 1;
              const x = column * stride + (tap % 3) - 1;
              if (y < 0 || y >= height || x < 0 || x >= width) continue;
              const to = ((n * outputs + o) * rows + row) * columns + column;
              visit(to, (n * inputs * height + y) * width + x, o * inputs * 9 + tap);
            }
  };
  return {
    forward(x) {
      shape = x.shape;
      const [samples, , height, width] = shape;
      const [rows, columns] = [height / stride, width / stride];
      const y = Float64Array.from({ length: samples * outputs * rows * columns }, (_, at) =>
        bias ? bias[Math.floor(at / (rows * columns)) % outputs] : 0,
      );
      const from = x.data;
      each(shape, (to, first, firstWeight) => {
        let sum = 0;
        for (let i = 0; i < inputs; i++)
          sum += weight[firstWeight + i * 9] * from[first + i * height * width];
        y[to] += sum;
      });
      return new Tensor(dtype, [samples, outputs, rows, columns], y);
    },
    backward(dy) {
      const [, , height, width] = shape;
      const dx = new Float64Array(shape.reduce((size, extent) => size * extent, 1));
      each(shape, (to, first, firstWeight) => {
        const grad = dy.data[to];
        for (let i = 0; i < inputs; i++) dx[first + i * height * width] += weight[firstWeight + i * 9] * grad;
      });
      return new Tensor(dtype, shape, dx);
    },
  };
}

/** `y = x W^T + b`, without a gradient of W and b. */
function linearLayer(weight, [outputs, inputs], bias) {
  return {
    forward(x) {
      const [samples] = x.shape;
      const y = new Float64Array(samples * outputs);
      for (let n = 0; n < samples; n++)
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o];
          for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * x.data[n * inputs + i];
          y[n * outputs + o] = sum;
        }
      return new Tensor(dtype, [samples, outputs], y);
    },
    backward(dy) {
      const [samples] = dy.shape;
      const dx = new Float64Array(samples * inputs);
      for (let n = 0; n < samples; n++)
        for (let o = 0; o < outputs; o++)
          for (let i = 0; i < inputs; i++)
            dx[n * inputs + i] += weight[o * inputs + i] * dy.data[n * outputs + o];
      return new Tensor(dtype, [samples, inputs], dx);
    },
  };
}

function relu() {
  let input;
  return {
    forward(x) {
      input = x;
      return new Tensor(
        dtype,
        x.shape,
        x.data.map((value) => Math.max(0, value)),
      );
    },
    backward: (dy) =>
      new Tensor(
        dtype,
        dy.shape,
        dy.data.map((value, at) => (input.data[at] > 0 ? value : 0)),
      ),
  };
}

/** The mean over height and width: (N, C, H, W) to (N, C). */
function spatialMean() {
  let shape;
  return {
    forward(x) {
      shape = x.shape;
      const [samples, channels, height, width] = shape;
      const area = height * width;
      const y = new Float64Array(samples * channels);
      for (let at = 0; at < x.data.length; at++) y[Math.floor(at / area)] += x.data[at] / area;
      return new Tensor(dtype, [samples, channels], y);
    },
    backward(dy) {
      const area = shape[2] * shape[3];
      const dx = Float64Array.from(
        { length: dy.data.length * area },
        (_, at) => dy.data[Math.floor(at / area)] / area,
      );
      return new Tensor(dtype, shape, dx);
    },
  };
}
