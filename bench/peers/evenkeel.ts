import { configure, inPlainArrays, inPool, prepareCase } from "../library.ts";
import { loadLibrary } from "../load.ts";
import { type Peer, type PeerOptions, repeatCall } from "./peer.ts";

/** This library, its outputs reused: on its own memory ("pool") or on the caller's arrays ("plain"). */
export async function open({ source, backend, threads, variant }: PeerOptions): Promise<Peer> {
  const library = await loadLibrary(source);
  configure(library, backend, threads);
  const place = variant === "plain" ? inPlainArrays(library) : inPool(library);
  return {
    version: source,
    note: `${library.getBackend()} backend`,
    prepare(c, inputs) {
      const { call, results } = prepareCase(library, c, inputs, place);
      return { results, repeat: repeatCall(call) };
    },
  };
}
