/** Every rule of health, in the order in which they are applied. */
export const ruleNames = [
  "unreadable",
  "size-mismatch",
  "missing-statistics",
  "not-finite",
  "negative-variance",
  "zero-variance",
  "tiny-variance",
  "never-updated",
  "batch-count",
  "dead-channels",
  "exploding",
  "beyond-float16",
  "outliers",
  "exploding-layer",
  "input-range",
] as const;

/** The name of a rule of health. */
export type RuleName = (typeof ruleNames)[number];

/**
 * `error`: the layer computes NaN or cannot be loaded; `warning`: it computes, but hardly what was meant;
 * `note`: worth knowing, and common in networks that work.
 */
export type Severity = "error" | "warning" | "note";

/** What a rule says of a layer. */
export interface Finding {
  readonly rule: RuleName;
  readonly severity: Severity;
  /** Name of the layer in the checkpoint. */
  readonly layer: string;
  /** The first channels concerned, at most 100; empty if it is the layer as a whole. */
  readonly channels: readonly number[];
  /** How many channels are concerned; 0 if it is the layer as a whole. */
  readonly channelCount: number;
  /** What was found. */
  readonly found: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do. */
  readonly fix: string;
  /** The three in one text. */
  readonly message: string;
}

/** Channels that are listed by their index. */
const listedChannels = 100;

/** Channels that are named in a text. */
const namedChannels = 5;

/** Which channels a rule concerns. */
export interface Channels {
  readonly first: readonly number[];
  readonly count: number;
  /** Channels of the layer. */
  readonly of: number;
}

/** Stands for the layer as a whole. */
export const wholeLayer: Channels = { first: [], count: 0, of: 0 };

/** The channels 0 to `size` - 1 that `isConcerned`. */
export function channelsWhere(size: number, isConcerned: (channel: number) => boolean): Channels {
  const first: number[] = [];
  let count = 0;
  for (let channel = 0; channel < size; channel++) {
    if (!isConcerned(channel)) continue;
    if (count++ < listedChannels) first.push(channel);
  }
  return { first, count, of: size };
}

/** `channel 3 of 64`, `2 of 64 channels (3, 7)` or `all 64 channels`. */
export function channelsText({ first, count, of }: Channels): string {
  if (count === of) return of === 1 ? "the only channel" : `all ${of} channels`;
  if (count === 1) return `channel ${first[0]} of ${of}`;
  const named = first.slice(0, namedChannels).join(", ");
  return `${count} of ${of} channels (${named}${count > namedChannels ? ", ..." : ""})`;
}

/** `has` or `have`, as the number of channels asks for. */
export function verb({ count, of }: Channels, singular: string, plural: string): string {
  return count === 1 || of === 1 ? singular : plural;
}

/** A number with three digits, as a reader of a report wants it. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** A finding, with its message put together. */
export function finding(
  layer: string,
  rule: RuleName,
  severity: Severity,
  channels: Channels,
  { found, why, fix }: Pick<Finding, "found" | "why" | "fix">,
): Finding {
  return {
    rule,
    severity,
    layer,
    channels: channels.first,
    channelCount: channels.count,
    found,
    why,
    fix,
    message: `${found}. ${why}. ${fix}.`,
  };
}
