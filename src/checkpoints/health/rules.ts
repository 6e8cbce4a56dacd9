import type { CheckpointEntry } from "../checkpoint.ts";
import type { NormLayer } from "../normLayers.ts";
import { batchCount } from "./batchCount.ts";
import { deadChannels } from "./deadChannels.ts";
import { beyondHalf, exploding, explodingLayers, type LayerLevel } from "./exploding.ts";
import type { Finding } from "./finding.ts";
import { inputRange } from "./inputRange.ts";
import type { LayerValues } from "./layerValues.ts";
import { neverUpdated } from "./neverUpdated.ts";
import { notFinite } from "./notFinite.ts";
import { outliers } from "./outliers.ts";
import { missingStatistics, sizeMismatch, unreadable } from "./tensors.ts";
import { negativeVariance, tinyVariance, zeroVariance } from "./variance.ts";

type Entries = ReadonlyMap<string, CheckpointEntry>;

/** What a layer's tensors must be before their values are looked at. */
export const tensorRules: readonly ((layer: NormLayer, entries: Entries) => Finding[])[] = [
  unreadable,
  sizeMismatch,
  missingStatistics,
];

/** What the values of one layer show. */
export const layerRules: readonly ((layer: LayerValues) => Finding[])[] = [
  notFinite,
  negativeVariance,
  zeroVariance,
  tinyVariance,
  neverUpdated,
  batchCount,
  deadChannels,
  exploding,
  beyondHalf,
  outliers,
];

/** What only the layers together show. */
export const networkRules: readonly ((levels: readonly LayerLevel[]) => Finding[])[] = [
  explodingLayers,
  inputRange,
];
