export { type CompareOptions, type Comparison, compare } from "./compare.ts";
export type { EpsForm, Interval } from "./epsForms.ts";
export { type ExplainOptions, explain } from "./explain.ts";
export type { Explanation } from "./explanation.ts";
export { type IdentifyOptions, identify, type RunningInput } from "./identify.ts";
export type { AffineKind, Identification, Survivor, Tie } from "./result.ts";
export { type Printed, parseArray } from "./text.ts";
export type { ArrayLikeInput } from "./values.ts";
