// Room: bench, pure part. Numbers that look drawn and are the same in each run and in each process of a run.

/** @returns a function that draws a whole number below its argument, at most 2^53 (mulberry32, twice). */
export function random(seed) {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return (below) => Math.floor(((word() * 0x20_0000 + (word() >>> 11)) / 2 ** 53) * below);
}
