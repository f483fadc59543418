// What the kernel module would not do with a spare whose copies are well.
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { entriesOffset, entryBytes } from '../../lib/format/structure.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { drawnNow, drawSlot, examineImage, examineSlots, patchSlot } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';

/** The same slot with the flags of some entries (format.md section 2: 34 bytes into an entry). */
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

describe('logical blocks of 4,096 bytes', () => {
  type Remaps = readonly (readonly [original: bigint, spare: bigint])[];
  const group = (original: bigint, spare: bigint): Remaps =>
    Array.from({ length: 8 }, (_, at) => [original + BigInt(at), spare + BigInt(at)] as const);
  const lintsOf = (remaps: Remaps, blockBytes?: number) => {
    const slot = drawSlot({ remaps });
    return examineSlots([slot, slot, slot, slot, slot], { blockBytes }).lints;
  };
  const idsOf = (...args: Parameters<typeof lintsOf>) => [...new Set(lintsOf(...args).map(({ id }) => id))];

  const tables: [name: string, remaps: Remaps, broken: boolean][] = [
    ['no remap', [], false],
    ['a group of eight', group(9000n, 1280n), false],
    ['two groups side by side', [...group(9000n, 1280n), ...group(4000n, 1288n)], false],
    ['a group in any order', group(9000n, 1280n).toReversed(), false],
    ['a lone sector inside a block', [[9001n, 1280n]], true],
    ['the first sector of a block alone', [[9000n, 1280n]], true],
    ['seven of eight', group(9000n, 1280n).slice(0, 7), true],
    ['eight that lie across two blocks', group(9004n, 1280n), true],
    ['a place that is no multiple of eight', group(9000n, 1284n), true],
    [
      'eight in another order on the spare',
      [...group(9000n, 1280n).slice(0, 6), [9006n, 1287n], [9007n, 1286n]],
      true,
    ],
  ];
  test.each(tables)(
    '%s: the warning is there where a target refuses the table',
    async (_, remaps, broken) => {
      expect(idsOf(remaps, 4096).includes('unaligned-entries')).toBe(broken);
      expect(idsOf(remaps, 512)).not.toContain('unaligned-entries');
      expect(idsOf(remaps)).not.toContain('unaligned-entries');

      const copies = [0, 1, 2, 3, 4].flatMap((copyIndex) => [drawSlot({ remaps, copyIndex })]);
      const options = { logicalBlockSize: 4096 };
      const spare = new MemoryDevice(
        Buffer.concat([...copies, new Uint8Array(8192 * 512 - 655_360)]),
        options,
      );
      const main = new MemoryDevice(new Uint8Array(16_384 * 512), options);
      const { lints } = await examineDevice(spare, { now: drawnNow });
      expect(lints.some(({ id }) => id === 'unaligned-entries')).toBe(broken);
      const opened = RemapTarget.open({ main, spare, now: () => drawnNow }).then(
        async (target) => {
          await target.destroy();
          return 'opened';
        },
        (error) => error.code,
      );
      expect(await opened).toBe(broken ? 'ERR_TABLE_UNALIGNED' : 'opened');
    },
  );

  test('the warning is one, and names the sectors', () => {
    expect(lintsOf([[9001n, 1280n], ...group(4000n, 1288n), [5n, 1296n]], 4096)).toEqual([
      {
        id: 'unaligned-entries',
        severity: 'warning',
        copies: [0],
        message:
          'The device has logical blocks of 4096 bytes, and 2 entries of copy 0 (original sectors 9001 and 5) are ' +
          'no whole group of 8: the kernel module uses no entry whose original is no multiple of 8.',
      },
    ]);
  });

  test('groups side by side are no neighbours there, and on sectors of 512 bytes they are', () => {
    const two = [...group(9000n, 1280n), ...group(4000n, 1288n)];
    expect(idsOf(two, 4096)).toEqual([]);
    //  In an image the blocks are not known, and only such disks get whole groups.
    expect(idsOf(two)).toEqual([]);
    //  A request for 9007 and more reaches into the place of 4000 there.
    expect(idsOf(two, 512)).toEqual(['spare-neighbour']);
  });

  test('a sector that is no part of a whole group is a neighbour as ever, wherever it stands', () => {
    const entriesOf = (remaps: Remaps) =>
      lintsOf(remaps, 4096).flatMap((lint) =>
        lint.id === 'spare-neighbour' && 'entry' in lint ? [lint.entry] : [],
      );
    expect(entriesOf([...group(9000n, 1280n), [16n, 1284n]])).toEqual([8]);
    expect(entriesOf([[16n, 1284n], ...group(9000n, 1280n)])).toEqual([1]);
    expect(entriesOf([...group(9000n, 1280n), [16n, 1288n]])).toEqual([]);
    expect(
      entriesOf([
        [16n, 1288n],
        [24n, 1290n],
      ]),
    ).toEqual([1]);
  });
});
