/** What was merged over neighbouring samples: a node of the binary tree over all samples of all ranks. */
export interface TreeNode<Value> {
  /** The first sample, counted over all ranks; a multiple of `samples`. */
  readonly start: number;
  /** How many samples: a power of two. */
  readonly samples: number;
  readonly value: Value;
}

/**
 * Joins siblings as far as they are there; `nodes` are neighbours in order.
 *
 * Which nodes are siblings depends on their places alone, so that what is merged with what is the same however the
 * samples are divided among ranks.
 */
export function joinSiblings<Value>(
  nodes: Iterable<TreeNode<Value>>,
  merge: (a: Value, b: Value) => Value,
): TreeNode<Value>[] {
  const joined: TreeNode<Value>[] = [];
  for (const node of nodes) {
    let last = node;
    for (
      let before = joined.at(-1);
      before !== undefined && before.samples === last.samples && before.start % (2 * last.samples) === 0;
      before = joined.at(-1)
    ) {
      joined.pop();
      last = {
        start: before.start,
        samples: 2 * last.samples,
        value: merge(before.value, last.value),
      };
    }
    joined.push(last);
  }
  return joined;
}

/** The value of the whole tree, of which `nodes` are a cut in order; undefined where there are none. */
export function mergeTree<Value>(
  nodes: Iterable<TreeNode<Value>>,
  merge: (a: Value, b: Value) => Value,
): Value | undefined {
  // What is missing at the end of the last level is passed over, so the rest is merged from the right.
  return joinSiblings(nodes, merge)
    .map(({ value }) => value)
    .reduceRight<Value | undefined>(
      (right, left) => (right === undefined ? left : merge(left, right)),
      undefined,
    );
}

/** The places of the nodes that {@link joinSiblings} makes of the samples from `start` to `end`. */
export function placesOf(start: number, end: number): Pick<TreeNode<unknown>, "start" | "samples">[] {
  const places: Pick<TreeNode<unknown>, "start" | "samples">[] = [];
  for (let at = start; at < end; at += places[places.length - 1].samples) {
    let samples = 1;
    while (at % (2 * samples) === 0 && at + 2 * samples <= end) samples *= 2;
    places.push({ start: at, samples });
  }
  return places;
}
