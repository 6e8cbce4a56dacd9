import * as ort from "onnxruntime-node";
import { prepareSession } from "./onnxruntime.ts";
import type { Peer, PeerOptions } from "./peer.ts";

/** ONNX Runtime's native CPU build. */
export async function open({ threads }: PeerOptions): Promise<Peer> {
  const options = { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
  return {
    version: ort.env.versions.node ?? ort.env.versions.common,
    prepare: (c, inputs) => prepareSession(ort, options, c, inputs, true),
  };
}
