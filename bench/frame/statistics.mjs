// Room: bench, pure part. What is told of a side that was measured in several rounds, and of two sides beside each other.

/** The value below which `share` (0 to 1) of the values lie, on the line between its neighbours. @param sorted rising, one or more. */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [low, high] = [sorted[below], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - below);
}

/**
 * Median, extremes and quartiles.
 * @param values one of each round, in any order.
 * @throws RangeError where there is none, or where one is no positive number: it was not measured.
 */
export function spreadOf(values) {
  if (values.length === 0) throw new RangeError('nothing was measured');
  for (const value of values) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`${value} is no measurement`);
  }
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0],
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    max: sorted.at(-1),
  };
}

/**
 * Two sides beside each other, round by round: what disturbs the machine for longer than a round disturbs both, and is gone
 * from their ratio. The ratio of two medians would hold a quiet round of one against a busy one of the other.
 * @param of, to by round, as many of the one as of the other.
 * @throws RangeError where they are not of the same rounds, or where one is no positive number.
 */
export function ratiosOf(of, to) {
  if (of.length !== to.length) {
    throw new RangeError(`${of.length} and ${to.length} rounds are not the same`);
  }
  const values = of.map((value, round) => value / to[round]);
  return { values, ...spreadOf(values) };
}

/** Whether a median ratio is as a goal wants it. @param goal `{ atLeast }` or `{ atMost }`: one of the two. */
export function meets({ atLeast, atMost }, median) {
  return atLeast === undefined ? median <= atMost : median >= atLeast;
}
