// Numbers that look random and are the same in every run: a failure can be repeated from its seed.

export interface Random {
  /** An integer from 0 to `below` - 1. */
  int(below: number): number;
  fill(bytes: Uint8Array): Uint8Array;
}

/** xorshift32. `seed` is any integer but 0. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    int: (below) => next() % below,
    fill(bytes) {
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = next() >>> 24;
      return bytes;
    },
  };
}
