import { describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { geometries } from '../../lib/format/geometry.js';
import {
  electDriver,
  electOurs,
  forks,
  nextSequenceBase,
  regressions,
} from '../../lib/store/examine/election.js';
import type { SlotCopy } from '../../lib/store/table/copies.js';
import { readCopies } from '../../lib/store/table/copies.js';
import { effectiveEntries, sameTable } from '../../lib/store/table/table.js';
import { drawnEntry, drawnNow, drawSlot, examineSlots, patchSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

const copiesOf = (disk: string): SlotCopy[] =>
  readCopies(
    geometries.driver,
    drawDisk(disk).map((slot) => (slot instanceof Uint8Array ? { kind: 'bytes', bytes: slot } : slot)),
    655_360n,
  );

type Row = [disk: string, driver: number | null, ours: number | null, agree: boolean, doubts: string];

const rows: Row[] = [
  //  disk           driver ours  agree  ambiguities
  ['7 7 7 7 7', 0, 0, true, ''],
  ['7 6 6 6 6', 0, 0, true, ''], //  One durable new copy is a commit: the driver takes it.
  ['6 6 6 6 7', 4, 4, true, ''],
  ['x 6 6 6 6', 1, 1, true, ''],
  ['6 7 6 7 6', 1, 1, true, ''], //  Of equals the lowest copy.
  ['7 7t 7 7 7', 1, 1, true, 'fork'], //  The timestamp decides between them, and yet it is a fork.
  ['7 7 7 7f 7f', 0, 0, true, 'fork'],
  ['2t 2t 2 2 2', 0, 0, true, 'fork'], //  What a power cut leaves after two loads of the module.
  ['2r 2r 7 7 7', 2, 2, true, 'regression'],
  ['2r 7r 7r 7r 7r', 1, 1, true, ''], //  As new is not newer.
  ['7+ 6 6 6 6', 1, 0, false, 'disagreement'],
  ['6+ 6 6 6 6', 1, 0, true, 'fork'], //  Two copies, one table.
  ['2+ 6 6 6 6', 1, 1, true, ''], //  From the future: no part in a regression.
  ['7 2r 3+ 6 6', 0, 0, true, 'regression'],
  ['7+ 7+ 7+ 7+ 7+', null, 0, false, ''],
  ['x x - x x', null, null, true, ''],
  ['- - - - -', null, null, true, ''],
  ['. . . . .', null, null, true, ''],
  ['6 6 . . .', 0, 0, true, ''],
  ['! ! 6 6 6', 2, 2, true, ''],
  ['0z 0z 0z 0z 0z', null, 0, false, ''], //  Strictly above 0 and 0: the module never takes it.
  ['0z 0 - - -', 1, 1, true, 'fork'], //  A timestamp above 0 is enough.
  ['0z 1 - - -', 1, 1, true, ''],
  ['9h 6 6 6 6', 1, 1, true, ''],
  ['9# 6 6 6 6', 1, 1, true, ''],
  ['9i 6 6 6 6', 0, 1, false, 'disagreement'], //  The module looks at no structure size.
  ['6i 6 6 6 6', 0, 1, true, ''],
  ['9i - - - -', 0, null, false, ''],
  ['s s s s s', null, null, true, ''],
  ['9o 7 7 7 7', 0, 0, true, 'other-main'], //  The newest wins, and is of another disk.
  ['7 7 3o 7 7', 0, 0, true, 'other-main'],
  ['7 7o 7 7 7', 0, 0, true, 'other-main fork'],
  ['9o 9o 9o 9o 9o', 0, 0, true, ''],
];

describe('elections', () => {
  test.each(rows)(
    '%s: the module takes %s, we take %s, agree %s, doubts: %s',
    (disk, driver, ours, agree, doubts) => {
      const { elections, ambiguities } = examineSlots(drawDisk(disk));
      expect({
        driver: elections.driver?.copy ?? null,
        ours: elections.ours?.copy ?? null,
        agree: elections.agree,
        doubts: ambiguities.map(({ kind }) => kind).join(' '),
      }).toEqual({ driver, ours, agree, doubts });
    },
  );

  test('the winner carries its sequence', () => {
    expect(electDriver(copiesOf('6 7 6 6 6'), drawnNow)).toMatchObject({ copy: 1, sequenceNumber: 7n });
    expect(electOurs(copiesOf('6 7 6 6 6'))).toMatchObject({
      copy: 1,
      offset: 131_072n,
      slot: { header: { sequenceNumber: 7n } },
    });
  });

  test('the clock decides for the module and not for us', () => {
    const copies = copiesOf('7+ 6 6 6 6');
    expect(electDriver(copies, unixSeconds(drawnNow + 1n))?.copy).toBe(0);
    expect(electDriver(copies, unixSeconds(0n))).toBe(null);
  });

  test('a sequence is compared as 64 bits without a sign', () => {
    const slots = [2n ** 63n, 2n ** 64n - 1n, 1n, 1n, 1n].map((sequence) => drawSlot({ sequence }));
    expect(examineSlots(slots).elections).toMatchObject({
      driver: { copy: 1, sequence: 2n ** 64n - 1n },
      ours: { copy: 1 },
    });
  });
});

describe('forks', () => {
  test('a fork lists every valid copy of its sequence', () => {
    expect(forks(copiesOf('7 7f 6 7 x'))).toEqual([{ sequenceNumber: 7n, copies: [0, 1, 3] }]);
    expect(forks(copiesOf('2t 7 7f 2 2'))).toEqual([
      { sequenceNumber: 2n, copies: [0, 3, 4] },
      { sequenceNumber: 7n, copies: [1, 2] },
    ]);
  });

  test('copy index and checksum make no fork, any other byte of the structure does', () => {
    const slot = drawSlot();
    const forked = (other: Uint8Array) =>
      examineSlots([slot, other, slot, slot, slot]).ambiguities.some(({ kind }) => kind === 'fork');
    expect(forked(drawSlot({ copyIndex: 1 }))).toBe(false);
    expect(forked(patchSlot(slot, 84_288, [1]))).toBe(false);
    for (const offset of [23, 32, 114, 348, 352, 84_287])
      expect(forked(patchSlot(slot, offset, [1]))).toBe(true);
  });

  test('a damaged copy takes no part in a fork', () => {
    expect(forks(copiesOf('9 x 9h 9# v'))).toEqual([]);
  });
});

describe('regressions', () => {
  test.each([
    ['2r 2r 7 7 7', [0, 1]],
    ['7 6 5 4 3', []],
    ['7 5r 6 3r x', [1, 3]],
    ['2+ 7 7 7 7', []],
    ['7+ 2r 2r 2r 2r', []], //  It is compared with nothing from the future either.
  ])('%s: %j', (disk, copies) => {
    expect(regressions(copiesOf(disk), drawnNow)).toEqual(copies);
  });

  test('an empty table above one with remaps from the future: a wipe that was stopped, with the clock still behind', () => {
    const wiped = drawSlot({ sequence: 2n, remaps: [] });
    const later = { timestamp: drawnNow + 1_000_000n };
    const table = drawSlot({ sequence: 1n, ...later });
    const report = examineSlots([wiped, wiped, table, table, table]);
    expect(regressions(report.copies, drawnNow)).toEqual([2, 3, 4]);
    expect(report.ambiguities).toEqual([{ kind: 'regression', copies: [2, 3, 4] }]);
    //  Nothing to lose, or nothing that a wipe has made.
    const empty = drawSlot({ sequence: 1n, remaps: [], ...later });
    expect(regressions(examineSlots([wiped, wiped, empty, empty, empty]).copies, drawnNow)).toEqual([]);
    const other = drawSlot({ sequence: 2n, remaps: [[7n, 4000n]] });
    expect(regressions(examineSlots([other, other, table, table, table]).copies, drawnNow)).toEqual([]);
  });
});

describe('the sequence to rise above', () => {
  test.each([
    ['7 6 6 6 6', 7n],
    ['6 6 6 8+ 6', 8n], //  The clock plays no part.
    ['6 9h 6 6 6', 9n], //  Health and count neither.
    ['6 9# 6 6 6', 9n],
    ['6 9i 6 6 6', 9n], //  The module would take it.
    ['x v m - 3', 3n], //  Nothing is believed before the checksum holds.
    ['- x ! . s', 0n],
  ])('%s: %d', (disk, base) => {
    expect(nextSequenceBase(copiesOf(disk))).toBe(base);
  });
});

describe('a table', () => {
  const slot = drawSlot({
    remaps: [
      [1n, 2000n],
      [2n, 2008n],
    ],
  });

  test('it is the active entries, whatever else differs', () => {
    const other = drawSlot({
      sequence: 9n,
      timestamp: 1n,
      copyIndex: 3,
      remaps: [
        [1n, 2000n],
        [2n, 2008n],
      ],
    });
    expect(sameTable(slot, other)).toBe(true);
    expect(sameTable(slot, patchSlot(slot, 392, [1]))).toBe(true); //  A ghost is no entry.
  });

  test('one byte of an entry or one entry more makes another', () => {
    expect(sameTable(slot, patchSlot(slot, 391, [1]))).toBe(false);
    expect(sameTable(slot, drawSlot({ remaps: [[1n, 2000n]] }))).toBe(false);
    expect(
      sameTable(
        slot,
        drawSlot({
          remaps: [
            [2n, 2008n],
            [1n, 2000n],
          ],
        }),
      ),
    ).toBe(false);
  });

  test('of duplicates of one original the last is effective', () => {
    const entries = [5n, 6n, 5n, 7n, 5n].map((original, n) => drawnEntry(original, 3000n + BigInt(n)));
    expect(effectiveEntries(entries)).toEqual([false, true, false, true, true]);
  });
});
