// How much is explored: by `npm run crash`, by `npm run crash -- --full`, and of each mutant.
import type { CopiesOptions } from './copies.js';
import type { RecordedOptions } from './recorded.js';
import { allSectorScenarios, type Scenario, sectorScenarios } from './scenarios.js';
import type { SectorOptions } from './sectors.js';

export type CopiesRun = Omit<CopiesOptions, 'onProgress'>;

export interface Plan {
  readonly copies: readonly CopiesRun[];
  readonly recorded: RecordedOptions;
  readonly scenarios: readonly Scenario[];
  readonly sectors: Omit<SectorOptions, 'logicalBlockSize'>;
  readonly flipSamples: number;
  /** Each n-th single flip is decoded too. */
  readonly flipStride: number;
}

/**
 * What a slot can hold (see draw.ts): the table that is elected, a stale one, damage, nothing, a fork, a table from the
 * future, a regression.
 */
export const words = ['7', '6', 'x', '-', '7f', '8+', '6r'] as const;

const whole = { words, ownIndex: false, repairs: 2, named: 'all' } as const;
/** Beside these, the elected table with one bit flipped where copies may differ: in its checksum, or in its number. */
const likeTheNamed = { ...whole, words: [...words, '7y', '7j'], fits: [1, 2, 3] } as const;
const ownNumbers = { ...whole, ownIndex: true, fits: [1, 2, 3] } as const;
/** Copies of another main device, older, newer and of the same sequence and remaps. */
const otherMains = { ...whole, words: ['7', '6o', '7o', '9o', 'x'], fits: [1, 2, 3, 4] } as const;
/** The end of the sequence: a commit is refused, and a handover of a named table is the way on. */
const exhausted = { ...whole, words: ['5', 'M', 'Mf', 'M+', 'Mh', 'x', '-'] } as const;
const seed = 20_260_101;

export const plans = {
  /** With the tests: of five copies, a repair after a crash names what an election finds. */
  tests: (): Plan => ({
    ...plans.usual(),
    copies: [
      { ...whole, fits: [1, 2, 3, 4] },
      { ...whole, fits: [5], named: 'elected' },
      ownNumbers,
      otherMains,
      { ...exhausted, fits: [1, 2, 3, 4] },
    ],
  }),
  /** A share of those, for a first look: every kind of it. */
  quick: (): Plan => ({
    ...plans.usual(),
    copies: [
      { ...whole, fits: [1, 2, 3] },
      { ...ownNumbers, fits: [1, 2] },
      { ...otherMains, fits: [1, 2, 3] },
      { ...exhausted, fits: [1, 2] },
    ],
    sectors: { randomSubsets: 200, decodes: 4, seed },
  }),
  usual: (): Plan => ({
    copies: [
      { ...whole, fits: [1, 2, 3, 4, 5] },
      likeTheNamed,
      ownNumbers,
      otherMains,
      { ...exhausted, fits: [1, 2, 3, 4, 5] },
    ],
    recorded: { words: [...likeTheNamed.words, '9o', 'M', 'Mh'], starts: 400, seed },
    scenarios: sectorScenarios(),
    sectors: { randomSubsets: 2000, decodes: 4, seed },
    flipSamples: 2000,
    flipStride: 1,
  }),
  full: (): Plan => ({
    // With a second kind of damage, one whose checksum holds and whose sequence counts; and one that looks like the named copy.
    copies: [
      { ...whole, words: [...words, '9h', '7t'], fits: [1, 2, 3, 4, 5] },
      { ...ownNumbers, fits: [4, 5] },
      { ...otherMains, words: [...otherMains.words, '8+', '-'], fits: [5] },
    ],
    recorded: {
      words: [...words, '9h', '7t', '7y', '7j', 'm', 's', '0z', '7i', '7o', '9o'],
      starts: 20_000,
      seed,
    },
    scenarios: allSectorScenarios(words),
    sectors: { randomSubsets: 1_000_000, decodes: 100, seed },
    flipSamples: 20_000,
    flipStride: 1,
  }),
};
