// What the elementwise passes multiply and add, from statistics and parameters; worked out in float64.

/**
 * Three T: the mean's T part, scale = rstd * weight and shift = bias - rest * scale, where rest is what the
 * mean loses as T; so y = (x - mean) * scale + shift keeps its digits where |mean| >> std.
 */
// @ts-ignore: decorator
@inline
export function storeCoefficients<T>(to: usize, mean: f64, rstd: f64, weight: usize, bias: usize, parameter: usize): void {
  const high = <T>mean;
  const scale = weight ? rstd * <f64>load<T>(weight + parameter * sizeof<T>()) : rstd;
  const offset = bias ? <f64>load<T>(bias + parameter * sizeof<T>()) : 0;
  store<T>(to, high);
  store<T>(to, <T>scale, sizeof<T>());
  store<T>(to, <T>(offset - (mean - <f64>high) * scale), 2 * sizeof<T>());
}

/** From sums about the mean's T part to sum(dy * xhat). */
export function scaleSums<T>(sums: usize, mean: usize, rstd: usize, groups: usize, channel: usize): void {
  for (let g: usize = 0; g < groups << 3; g += 8) {
    const center = load<f64>(mean + g);
    const rest = center - <f64><T>center;
    const scale = load<f64>(rstd + g);
    for (const stop = sums + (channel << 4); sums < stop; sums += 16) {
      store<f64>(sums, (load<f64>(sums, 8) - rest * load<f64>(sums)) * scale, 8);
    }
  }
}

/**
 * Three T for each of the statistic's channels: dx = dy * a + ((x - mean) * b + c), where
 * a = rstd * weight, b = -rstd^2 * mean(g * xhat), c = -rstd * mean(g) - b * rest.
 */
export function storeGradients<T>(
  to: usize,
  weight: usize,
  mean: f64,
  rstd: f64,
  sums: usize,
  channel: usize,
  count: f64,
  centered: i32,
  fixed: i32,
): void {
  let g: f64 = 0;
  let gXhat: f64 = 0;
  for (let i: usize = 0; i < channel; i++) {
    const w: f64 = weight ? <f64>load<T>(weight + i * sizeof<T>()) : 1;
    g += w * load<f64>(sums + (i << 4));
    gXhat += w * load<f64>(sums + (i << 4), 8);
  }
  if (!centered) g = 0;
  const b = -rstd * rstd * (gXhat / count);
  const c = -rstd * (g / count) - b * (mean - <f64><T>mean);
  for (let i: usize = 0; i < channel; i++, to += 3 * sizeof<T>()) {
    store<T>(to, <T>(weight ? rstd * <f64>load<T>(weight + i * sizeof<T>()) : rstd));
    store<T>(to, fixed ? 0 : <T>b, sizeof<T>());
    store<T>(to, fixed ? 0 : <T>c, 2 * sizeof<T>());
  }
}
