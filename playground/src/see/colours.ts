/** Colours of statistics: far apart in hue for neighbours, of one lightness. */
export function setColours(setOf: readonly number[]): string[] {
  return setOf.map((set) => `oklch(72% 0.12 ${((set * 137.5) % 360).toFixed(0)})`);
}

/** Colours of values: from warm for negative over the card's own colour at 0 to the accent for positive. */
export function valueColours(values: ArrayLike<number>): string[] {
  const finite = Array.from(values, Number).filter(Number.isFinite);
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return Array.from(values, (value) => {
    if (!Number.isFinite(value)) return "var(--bad)";
    const percent = ((Math.abs(value) / largest) * 100).toFixed(0);
    return `color-mix(in oklab, var(--${value < 0 ? "warm" : "accent"}) ${percent}%, var(--card))`;
  });
}
