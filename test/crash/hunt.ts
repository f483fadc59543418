// Hunts the mutants: each is killed where a state is found that must not be, and shown with the first one.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as support from '../support/mutants.js';
import { flipsBySyndrome } from './bit-flips.js';
import { exploreCopies } from './copies.js';
import type { Violation } from './judge-steps.js';
import { mutants } from './mutants.js';
import { exploreRecorded } from './recorded.js';
import { sectorScenarios } from './scenarios.js';
import { exploreScenarios } from './sectors.js';

/** The compiled tree: lib/ and test/ below it. */
const tree = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Looks for a first violation, the likeliest places first. */
export async function firstViolation(): Promise<Violation | undefined> {
  const words = ['7', '6', 'x', '7f', '8+'];
  const recorded = await exploreRecorded({ words: [...words, '-', '7y', '4294967300'], starts: 40, seed: 5 });
  if (recorded.violations[0] !== undefined) return recorded.violations[0];
  const sectors = await exploreScenarios(sectorScenarios(), { randomSubsets: 100, decodes: 0, seed: 9 });
  if (sectors.violations[0] !== undefined) return sectors.violations[0];
  const runs = [
    { words: ['7', '7o', '9o'], fits: [2, 3] },
    ...[[2, 3], [4], [5]].map((fits) => ({ words, fits })),
  ];
  for (const run of runs) {
    const [violation] = exploreCopies({ ...run, ownIndex: false, repairs: 1, named: 'all' }).violations;
    if (violation !== undefined) return violation;
  }
  const { missed, equal } = flipsBySyndrome(100);
  return missed + equal === 0
    ? undefined
    : { operation: 'decode', start: '', state: '', what: 'flips are not found' };
}

/** @returns how many live. */
export async function huntMutants(say: (text: string) => void): Promise<number> {
  const sound = await firstViolation();
  if (sound !== undefined) throw new Error(`the hunt finds something without a mutant: ${sound.what}`);
  return support.huntMutants({ mutants, tree, script: 'test/crash/hunted.js' }, say);
}
