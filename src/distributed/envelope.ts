/** What a rank says of itself with every message, so that ranks out of step are found. */
export interface Envelope {
  /** Exchanges so far. */
  readonly sequence: number;
  /** What the rank is doing: `SyncBatchNorm layer1.bn1, forward`. */
  readonly what: string;
  /** Facts that all ranks must have in common: `64 channels, float32`. */
  readonly terms: string;
}

/** A message: its envelope, and a payload at a multiple of 8 bytes. */
export function sealed({ sequence, what, terms }: Envelope, payload: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify([sequence, what, terms]));
  const start = payloadStart(text.length);
  const message = new Uint8Array(start + payload.length);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  message.set(payload, start);
  return message;
}

/**
 * The envelope and the payload of a message; the payload has memory of its own.
 *
 * @throws RangeError if it is no such message
 */
export function opened(message: Uint8Array): { readonly envelope: Envelope; readonly payload: Uint8Array } {
  const length =
    message.length < 4 ? -1 : new DataView(message.buffer, message.byteOffset).getUint32(0, true);
  const start = payloadStart(length);
  if (length < 0 || start > message.length) {
    throw new RangeError(`expected a message with an envelope, got ${message.length} bytes`);
  }
  const [sequence, what, terms] = JSON.parse(new TextDecoder().decode(message.slice(4, 4 + length))) as [
    number,
    string,
    string,
  ];
  return { envelope: { sequence, what, terms }, payload: message.slice(start) };
}

function payloadStart(textLength: number): number {
  return Math.ceil((4 + textLength) / 8) * 8;
}
