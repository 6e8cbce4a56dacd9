import { type FoldKind, foldBatchNorm } from "../../../src/checkpoints/index.ts";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type Tensor, tensor } from "../../../src/index.ts";
import { plainConv, plainConvTranspose, plainLinear } from "../../plainNetwork.ts";
import type { Adapter, CaseView, Outputs } from "../schema.ts";

function kindOf(name: string): FoldKind {
  if (/linear/i.test(name)) return "linear";
  return /transpose/i.test(name) ? "convTranspose" : "conv";
}

/** A batch norm of the case's statistics; in training mode unless the case is in eval mode. */
function normOf(view: CaseView, rank: number): BatchNorm1d | BatchNorm2d | BatchNorm3d {
  const Kind = { 2: BatchNorm1d, 3: BatchNorm1d, 4: BatchNorm2d, 5: BatchNorm3d }[rank] ?? BatchNorm2d;
  const statistic = view.input("runningMean", "running_mean");
  const weight = view.input("weight", "bnWeight");
  const bn = new Kind(statistic?.size ?? 1, {
    eps: view.attribute("eps", 1e-5),
    affine: weight !== undefined,
    dtype: view.dtype,
  });
  const state = {
    weight,
    bias: view.input("bias", "bnBias"),
    running_mean: statistic,
    running_var: view.input("runningVar", "running_var"),
  };
  const given = Object.entries(state).filter(([, value]) => value !== undefined);
  bn.loadStateDict(Object.fromEntries(given) as Record<string, Tensor>, { strict: false });
  return bn.train(view.attribute("training", false));
}

function apply(view: CaseView, kind: FoldKind, weight: Tensor, bias: Tensor): Tensor {
  const x = view.required("x");
  if (kind === "linear") return plainLinear(x, weight, bias);
  const run = kind === "conv" ? plainConv : plainConvTranspose;
  return run(x, weight, bias, {
    stride: view.attribute<number | number[]>("stride", 1),
    padding: view.attribute<number | number[]>("padding", 0),
    dilation: view.attribute<number | number[]>("dilation", 1),
    groups: view.attribute("groups", 1),
    outputPadding: view.attribute<number | number[]>(["output_padding", "outputPadding"], 0),
  });
}

const convBNFold: Adapter = (view): Outputs => {
  const kind = kindOf(view.attribute("conv", "Conv2d"));
  // A case that is only about the mode holds no tensors.
  const weight = view.input("convWeight") ?? tensor([[1]], [1, 1, 1, 1], { dtype: view.dtype });
  const bn = normOf(view, weight.shape.length);
  const groups = view.attribute("groups", 1);
  const folded = foldBatchNorm(weight, view.input("convBias"), bn, { kind, groups });
  return {
    y: apply(view, kind, folded.weight, folded.bias),
    fusedWeight: folded.weight,
    fusedBias: folded.bias,
  };
};

/** Folding of a batch norm into the layer before it. */
export const foldAdapters: Readonly<Record<string, Adapter>> = { ConvBNFold: convBNFold };
