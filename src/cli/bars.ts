const blocks = "▁▂▃▄▅▆▇█";

/** Small bars for counts, `▁▅█ ▂`: a space for none, the tallest for the most. */
export function barsOf(counts: readonly number[], cells: number): string {
  const perCell = Math.max(1, Math.ceil(counts.length / cells));
  const sums: number[] = [];
  for (let start = 0; start < counts.length; start += perCell) {
    sums.push(counts.slice(start, start + perCell).reduce((sum, count) => sum + count, 0));
  }
  const most = Math.max(...sums);
  return sums.map((sum) => (sum === 0 ? " " : blocks[Math.ceil((sum / most) * blocks.length) - 1])).join("");
}
