// Parameters that `inner` neighbouring elements share, as one for each element: short runs become parts of a row.

/** to[i, 0..inner) = from[i] for n parameters. An item is a parameter. */
export function expandParameters<T>(from: usize, to: usize, inner: usize, scratch: usize, begin: usize, end: usize): void {
  for (let i = begin; i < end; i++) {
    const value = load<T>(from + i * sizeof<T>());
    const at = to + i * inner * sizeof<T>();
    for (let j: usize = 0; j < inner; j++) store<T>(at + j * sizeof<T>(), value);
  }
}
