// How much of what is exhaustive is run. `npm test` takes a share, so that it is done in minutes and still has every kind of test;
// DMREMAP_TESTS=all, which .ci/run sets, takes all of it.

export const isFull = process.env.DMREMAP_TESTS === 'all';

/** All rows, or every nth of them, the first among them. An n that divides no side of a table of rows takes some of each side. */
export const share = <Row>(rows: readonly Row[], n: number): readonly Row[] =>
  isFull ? rows : rows.filter((_, at) => at % n === 0);

/** How often, or how many. */
export const tiered = <Value>(full: Value, quick: Value): Value => (isFull ? full : quick);
