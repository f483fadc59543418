// A handover of a named table, at the end of the sequence and where copies are of other mains: crash states, and the same
// command again on each of them. The medium itself is read in test/recovery/handover-named.test.ts.
import { describe, expect, it } from 'vitest';
import { exploreCopies } from './copies.js';

describe.each([
  { words: ['5', 'M', 'Mf', 'M+', 'Mh', 'x', '-'], fits: [2, 3] },
  { words: ['7', '6o', '7o', '9o', 'x'], fits: [2, 3] },
  { words: ['7', '7f', '8+', '6r', '6'], fits: [2, 3] },
])('of $words', (run) => {
  it('every crash state is as promised, and the same command goes on from it', { timeout: 600_000 }, () => {
    const { judged, refused, violations } = exploreCopies({
      ...run,
      ownIndex: false,
      repairs: 1,
      named: 'all',
    });
    expect(violations).toEqual([]);
    expect(judged.get('handover, crash 1')).toBeGreaterThan(1000);
    expect(refused.get('ERR_METADATA_AMBIGUOUS')).toBeGreaterThan(0);
  });
});
