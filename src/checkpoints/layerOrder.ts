/** What has a name and a dtype. */
interface Named {
  readonly name: string;
  readonly dtype: string;
}

/**
 * Layers in the order of the file, unless that is merely alphabetical, as some writers sort tensors by dtype and name: then
 * `blocks.10` comes after `blocks.9`.
 */
export function inModelOrder<T extends Named>(layers: readonly T[]): T[] {
  const dtypes = new Set(layers.map(({ dtype }) => dtype));
  const isAlphabetical = [...dtypes].every((dtype) =>
    isSorted(layers.filter((layer) => layer.dtype === dtype)),
  );
  if (!isAlphabetical) return [...layers];
  const { compare } = new Intl.Collator("en", { numeric: true });
  return [...layers].sort((a, b) => compare(a.name, b.name));
}

function isSorted(layers: readonly Named[]): boolean {
  return layers.every(({ name }, index) => index === 0 || layers[index - 1].name <= name);
}
