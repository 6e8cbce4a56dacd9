import protobuf from "protobufjs";
import { type Case, eps, isColumns, parametersOf } from "../cases.ts";
import type { Inputs } from "../inputs.ts";

/** The part of onnx.proto that a model of one node needs; numbers as in ONNX's IR specification. */
const schema = `
syntax = "proto2";
package onnx;
message AttributeProto { optional string name = 1; optional float f = 2; optional int64 i = 3; optional int32 type = 20; }
message NodeProto { repeated string input = 1; repeated string output = 2; optional string op_type = 4; repeated AttributeProto attribute = 5; optional string domain = 7; }
message TensorProto { repeated int64 dims = 1; optional int32 data_type = 2; optional string name = 8; optional bytes raw_data = 9; }
message Dimension { optional int64 dim_value = 1; }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorTypeProto { optional int32 elem_type = 1; optional TensorShapeProto shape = 2; }
message TypeProto { optional TensorTypeProto tensor_type = 1; }
message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; }
message GraphProto { repeated NodeProto node = 1; optional string name = 2; repeated TensorProto initializer = 5; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
message OperatorSetIdProto { optional string domain = 1; optional int64 version = 2; }
message ModelProto { optional int64 ir_version = 1; optional GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; }
`;
const elementFloat = 1;
const attributeFloat = 1;
const attributeInt = 2;

/** One ONNX operator: what of the inputs it takes after x, and its attributes. */
interface Operator {
  readonly type: string;
  readonly parameters: readonly (keyof Inputs)[];
  readonly floats?: Readonly<Record<string, number>>;
  readonly integers?: Readonly<Record<string, number>>;
  readonly outputs?: readonly string[];
}

/** A serialized ONNX model of one case, and the shape that its input x is fed in. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
}

/** The model of a case: opset 23, the parameters as initializers. */
export function onnxModelOf(c: Case, inputs: Inputs): OnnxModel {
  const operator = operatorOf(c);
  const parameters = parametersOf(c);
  const shape = isColumns(c) ? [inputs.x.length / parameters, parameters] : c.shape;
  const Model = protobuf.parse(schema, { keepCase: true }).root.lookupType("onnx.ModelProto");
  const value = (name: string, extents: readonly number[]) => ({
    name,
    type: {
      tensor_type: { elem_type: elementFloat, shape: { dim: extents.map((dim_value) => ({ dim_value })) } },
    },
  });
  const extra = operator.outputs ?? [];
  const node = {
    input: ["x", ...operator.parameters],
    output: ["y", ...extra],
    op_type: operator.type,
    attribute: [
      ...Object.entries(operator.floats ?? {}).map(([name, f]) => ({ name, f, type: attributeFloat })),
      ...Object.entries(operator.integers ?? {}).map(([name, i]) => ({ name, i, type: attributeInt })),
    ],
  };
  const graph = {
    name: "norm",
    node: [node],
    initializer: operator.parameters.map((name) => ({
      name,
      dims: [parameters],
      data_type: elementFloat,
      raw_data: new Uint8Array(inputs[name].buffer, inputs[name].byteOffset, inputs[name].byteLength),
    })),
    input: [value("x", shape)],
    output: [value("y", shape), ...extra.map((name) => value(name, [parameters]))],
  };
  const model = Model.fromObject({ ir_version: 10, graph, opset_import: [{ domain: "", version: 23 }] });
  return { bytes: Model.encode(model).finish(), shape };
}

function operatorOf(c: Case): Operator {
  const affine = ["weight", "bias"] as const;
  switch (c.layer) {
    case "LayerNorm":
      return {
        type: "LayerNormalization",
        parameters: affine,
        floats: { epsilon: eps },
        integers: { axis: -1 },
      };
    case "RMSNorm":
      return {
        type: "RMSNormalization",
        parameters: ["weight"],
        floats: { epsilon: eps },
        integers: { axis: -1 },
      };
    case "GroupNorm":
      return {
        type: "GroupNormalization",
        parameters: affine,
        floats: { epsilon: eps },
        integers: { num_groups: c.groups ?? 1 },
      };
    case "InstanceNorm2d":
      return { type: "InstanceNormalization", parameters: affine, floats: { epsilon: eps } };
    default:
      return {
        type: "BatchNormalization",
        parameters: [...affine, "runningMean", "runningVar"],
        floats: { epsilon: eps, momentum: 0.9 },
        ...(c.mode === "train" && { integers: { training_mode: 1 }, outputs: ["newMean", "newVar"] }),
      };
  }
}
