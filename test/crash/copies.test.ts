// The whole-copy form: the longest of the tests, so it has a file of its own.

import { describe, expect, it } from 'vitest';
import { tiered } from '../support/tier.js';
import { exploreCopies } from './copies.js';
import { plans } from './plans.js';

describe.each(tiered(plans.tests().copies, plans.quick().copies))(
  '$fits copies, own numbers: $ownIndex',
  (run) => {
    it('every crash state is as promised, and so is every one of the repairs that follow', {
      timeout: 600_000,
    }, () => {
      const { starts, judged, violations } = exploreCopies(run);
      expect(violations).toEqual([]);
      expect(starts).toBe(run.fits.reduce((sum, fit) => sum + run.words.length ** fit, 0));
      for (const operation of ['commit', 'create', 'repair', 'handover'])
        expect(judged.get(`${operation}, crash 1`), operation).toBeGreaterThan(0);
      for (const crash of [2, 3]) expect(judged.get(`repair, crash ${crash}`)).toBeGreaterThan(0);
    });
  },
);
