import * as ort from "onnxruntime-web";
import { prepareSession } from "./onnxruntime.ts";
import type { Peer, PeerOptions } from "./peer.ts";

/** ONNX Runtime's WebAssembly build; it ignores a given output in main memory and makes a new one. */
export async function open({ threads }: PeerOptions): Promise<Peer> {
  ort.env.wasm.numThreads = threads;
  const options = { executionProviders: ["wasm"], intraOpNumThreads: threads };
  return {
    version: ort.env.versions.web ?? ort.env.versions.common,
    prepare: (c, inputs) => prepareSession(ort, options, c, inputs, false),
  };
}
