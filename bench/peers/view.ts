import { type Case, isColumns, isTrailing, parametersOf } from "../cases.ts";

/** How a library without the norm computes it by broadcasting. */
export interface BroadcastView {
  /** Shape to see x in; groups are an axis of their own. */
  readonly shape: number[];
  /** Shape of weight and bias that broadcasts over it. */
  readonly parameters: number[];
  /** Axes that share statistics. */
  readonly reduced: number[];
}

/** The view of a case. */
export function broadcastView(c: Case): BroadcastView {
  const shape = [...c.shape];
  const count = parametersOf(c);
  const axes = shape.map((_, axis) => axis);
  if (isTrailing(c)) return { shape, parameters: [count], reduced: [shape.length - 1] };
  if (isColumns(c)) return { shape, parameters: [count], reduced: axes.slice(0, -1) };
  const [batch, channels, ...spatial] = shape as [number, number, ...number[]];
  if (c.layer === "GroupNorm") {
    const groups = c.groups ?? 1;
    const pixels = spatial.reduce((product, extent) => product * extent, 1);
    const split = [batch, groups, channels / groups, pixels];
    return { shape: split, parameters: [groups, channels / groups, 1], reduced: [2, 3] };
  }
  const reduced = c.layer === "InstanceNorm2d" ? axes.slice(2) : axes.filter((axis) => axis !== 1);
  return { shape, parameters: [channels, ...spatial.map(() => 1)], reduced };
}
