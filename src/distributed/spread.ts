/** How a batch is spread over the ranks. */
export interface Spread {
  /** Samples of each rank. */
  readonly samples: readonly number[];
  /** Values per channel in a sample of each rank. */
  readonly perSample: readonly number[];
}

/** What the ranks' layers have in common. */
export interface Extent {
  readonly channels: number;
  /** Bytes of what is read per value: the element of x, and in backward that of dy. */
  readonly bytesPerValue: number;
  /** Whether the channels of a sample lie apart, so that some of them can be taken alone. */
  readonly isDivisible: boolean;
}

/** Channels are taken together up to so many bytes on the rank with most, which its caches hold until they are used again. */
const cachedBytes = 1 << 22;

/** Shorter contiguous parts cost more in calls than the caches give. */
const leastPartBytes = 1 << 16;

/** The first sample of a rank, counted over all. */
export function firstSample({ samples }: Spread, rank: number): number {
  return samples.slice(0, rank).reduce((sum, each) => sum + each, 0);
}

/** Values per channel over all ranks. */
export function valuesPerChannel({ samples, perSample }: Spread): number {
  return samples.reduce((sum, each, rank) => sum + each * perSample[rank], 0);
}

/** How many channels are exchanged in one message; the same on every rank, and without influence on results. */
export function channelsAtOnce(
  { samples, perSample }: Spread,
  { channels, bytesPerValue, isDivisible }: Extent,
): number {
  const most = Math.max(...samples.map((each, rank) => each * perSample[rank]));
  if (!isDivisible || most * channels * bytesPerValue <= cachedBytes) return Math.max(1, channels);
  const shortest = Math.min(...perSample.filter((_, rank) => samples[rank] > 0));
  const byCache = Math.floor(cachedBytes / (most * bytesPerValue));
  const byPart = Math.ceil(leastPartBytes / (shortest * bytesPerValue));
  const together = Math.min(channels, Math.max(1, byCache, byPart));
  return Math.ceil(channels / Math.ceil(channels / together));
}
