// What the kernel module would not do with a spare whose copies are well.
import { describe, expect, test } from 'vitest';
import { entriesOffset, entryBytes } from '../../lib/format/structure.js';
import { drawSlot, examineImage, examineSlots, patchSlot } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';

/** The same slot with the flags of some entries (format section 2: 34 bytes into an entry). */
const flagged = (slot: Uint8Array, flags: number, ...entries: readonly number[]) =>
  entries.reduce((done, entry) => patchSlot(done, entriesOffset + entryBytes * entry + 34, [flags, 0]), slot);

describe('PENDING entries', () => {
  const lintsOf = (slot: Uint8Array) =>
    examineSlots([slot, slot, slot, slot, slot]).lints.filter(({ id }) => id === 'pending-entries');
  const remaps = [10n, 20n, 30n, 40n, 50n].map((original) => [original, 2000n + original * 8n] as const);
  const slot = drawSlot({ remaps });

  test('are one warning of the table shown', () => {
    expect(lintsOf(slot)).toEqual([]);
    expect(lintsOf(flagged(slot, 1, 1))).toEqual([
      {
        id: 'pending-entries',
        severity: 'warning',
        copies: [0],
        message:
          'Copy 0 has 1 PENDING entry (original sector 20): the kernel module uses it only after its next load, ' +
          'and that hides what was written to main before.',
      },
    ]);
    expect(lintsOf(flagged(slot, 3, 0, 1, 2, 3, 4))[0]?.message).toContain(
      '5 PENDING entries (original sectors 10, 20, 30 and 2 more): the kernel module uses them',
    );
  });

  test('only those in force count', () => {
    const twice = drawSlot({
      remaps: [
        [10n, 2000n],
        [10n, 2008n],
      ],
    });
    expect(lintsOf(flagged(twice, 1, 0))).toEqual([]);
    expect(lintsOf(flagged(twice, 1, 1))).toHaveLength(1);
  });

  test('are what the module leaves of test_remap, and of remaps of its own', () => {
    const pendingIn = (name: string) => {
      const now = goldenImages.find((image) => image.name === name)?.now ?? 0;
      const { lints } = examineImage(goldenBytes(name), { now: BigInt(now) as never });
      return lints.find(({ id }) => id === 'pending-entries')?.message;
    };
    expect(pendingIn('real_three')).toContain('3 PENDING entries');
    expect(pendingIn('real_autoremap')).toContain('2 PENDING entries');
    expect(pendingIn('u_hundred')).toContain('50 PENDING entries');
    expect(pendingIn('u_one')).toBeUndefined();
  });
});
