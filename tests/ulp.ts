const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The place of a float32 in the order of all float32 values, so that neighbours differ by 1. */
function order(value: number): number {
  float[0] = value;
  return bits[0] < 0 ? -(bits[0] & 0x7fffffff) : bits[0];
}

/** How many float32 values lie between two numbers rounded to float32; 0 for two NaNs. */
export function ulpDistance(a: number, b: number): number {
  if (Number.isNaN(a) && Number.isNaN(b)) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.POSITIVE_INFINITY;
  return Math.abs(order(a) - order(b));
}
