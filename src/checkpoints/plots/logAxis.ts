/** What a layer's channels span; none below 0. */
export interface Span {
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly max: number;
}

/** Decades that are drawn at most; what lies lower is drawn at the axis's low end. */
const mostDecades = 8;

/** The ends of a logarithmic axis that shows the spans: whole decades, or halves of one where they are close. */
export function logDomain(spans: readonly Span[]): readonly [low: number, high: number] {
  const values = spans.flatMap(({ min, p25, median, p75, max }) => [min, p25, median, p75, max]);
  const positive = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  const high = Math.ceil(positive.reduce((most, value) => Math.max(most, value), -300) * 2 + 0.2) / 2;
  const least = positive.reduce((low, value) => Math.min(low, value), high);
  const low = Math.max(Math.floor(least * 2 - 0.2) / 2, high - mostDecades);
  return [10 ** low, 10 ** high];
}

/** A span with everything inside the axis. */
export function clamped<T extends Span>(span: T, [low, high]: readonly [number, number]): T {
  const inside = (value: number): number => Math.min(high, Math.max(low, value));
  return {
    ...span,
    min: inside(span.min),
    p25: inside(span.p25),
    median: inside(span.median),
    p75: inside(span.p75),
    max: inside(span.max),
  };
}

/** Up to this many decades, 2 and 5 times the powers of ten are labelled too. */
const fewDecades = 2;

/** The part of an encoding that makes a quantitative field's axis logarithmic. */
export function logEncoding(domain: readonly [number, number], axis: object): object {
  return {
    type: "quantitative",
    scale: { type: "log", domain, nice: false },
    axis: {
      title: null,
      values: ticksOf(domain),
      grid: true,
      gridOpacity: 0.6,
      ticks: false,
      domain: false,
      format: "~g",
      ...axis,
    },
  };
}

function ticksOf([low, high]: readonly [number, number]): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const factors = last - first <= fewDecades + 1 ? [1, 2, 5] : [1];
  // From text, so that 1e-5 is the number that its label says.
  const powers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const ticks = powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}
