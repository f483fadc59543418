import { describe, expect, test } from 'vitest';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { differingBytes, differingRanges, fieldsIn } from '../../lib/store/examine/byte-ranges.js';
import { compareCopies } from '../../lib/store/examine/compare.js';
import { type DrawnSlot, drawnNow, drawSlot, examineSlots, patchSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { random } from '../support/random.js';

const compared = (slots: readonly DrawnSlot[], named?: readonly number[]) =>
  compareCopies(examineSlots(slots), named);

describe('groups', () => {
  test('copies are the same, or the same but for index and checksum; the elected group comes first', () => {
    const old = [0, 1, 2].map((copyIndex) => drawSlot({ sequence: 5n, copyIndex }));
    const now = drawSlot({ sequence: 6n });
    expect(compared([...old, now, now])).toMatchObject({
      copies: [0, 1, 2, 3, 4],
      left: [],
      groups: [
        { copies: [3, 4], identical: true },
        { copies: [0, 1, 2], identical: false },
      ],
      differences: [{ a: 3, b: 0 }],
    });
  });

  test('what cannot be recognised is left out, and told', () => {
    expect(compared(drawDisk('7 - ! s .'))).toMatchObject({
      copies: [0],
      left: [
        { copy: 1, why: 'is blank' },
        { copy: 2, why: 'cannot be read (EIO)' },
        { copy: 3, why: 'holds the foreign layout "shell-stub"' },
        { copy: 4, why: 'does not fit the device' },
      ],
      groups: [{ copies: [0], identical: true }],
      differences: [],
    });
  });

  test('damaged copies are compared, and what is named is compared whatever it is', () => {
    expect(compared(drawDisk('7 7y m x g')).copies).toEqual([0, 1, 2, 3]);
    const { copies, left } = compared(drawDisk('7 g - ! .'), [0, 2, 3]);
    expect({ copies, left }).toEqual({ copies: [0, 2], left: [{ copy: 3, why: 'cannot be read (EIO)' }] });
  });
});

test('fields are told by the names and in the notation of the format', () => {
  const plain = drawSlot();
  const model = [...Buffer.from('DISK\u001b'), 0];
  const changed = [
    [8, [2]], // sequence_number
    [40, [0x41]], // main_device_uuid
    [144, [0xff]], // device_fingerprint
    [176, model],
    [280, [3]], // scan_stats
    [82_240, [1]], // expansion_data
  ] as const;
  const other = changed.reduce((slot, [offset, bytes]) => patchSlot(slot, offset, bytes), plain);
  const [{ fields } = { fields: [] }] = compared([plain, other, plain, plain, plain], [0, 1]).differences;
  expect(fields.filter(({ field }) => field !== 'metadata_checksum')).toEqual([
    { field: 'sequence_number', a: '2', b: '1' },
    { field: 'main_device_uuid', a: 'A', b: '' },
    { field: 'device_fingerprint', a: `0xff${'00'.repeat(31)}`, b: `0x${'00'.repeat(32)}` },
    { field: 'device_model', a: 'DISK\\x1b', b: '' },
    { field: 'scan_stats.sectors_scanned', a: '3', b: '0' },
    {
      field: 'expansion_data',
      a: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      b: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    },
  ]);
});

test('a text that differs behind its end only is told byte by byte', () => {
  const hidden = patchSlot(drawSlot(), 180, [7]);
  const [difference] = compared([drawSlot(), hidden, hidden, hidden, hidden], [0, 1]).differences;
  expect(difference?.fields.at(-1)).toMatchObject({
    field: 'device_model',
    b: expect.stringMatching(/^0x0{8}07/),
  });
});

describe('entries', () => {
  const differences = (a: [bigint, bigint][], b: [bigint, bigint][]) => {
    const [found] = compared([
      drawSlot({ sequence: 9n, remaps: a }),
      drawSlot({ remaps: b }),
      ...drawDisk('- - -'),
    ]).differences;
    const place = (entry: { index: number; spareSector: bigint } | null) =>
      entry && [entry.index, entry.spareSector];
    const short = found?.entries.differences.map((one) => [
      (one.a ?? one.b)?.originalSector,
      place(one.a),
      place(one.b),
      one.fields.join(),
    ]);
    return { short, moved: found?.entries.moved, ghosts: found?.ghosts.differences.length };
  };

  test('are matched by their original sector, and told where only one has them or both differ', () => {
    expect(
      differences(
        [
          [1n, 3000n],
          [2n, 3008n],
          [4n, 3024n],
        ],
        [
          [2n, 3008n],
          [1n, 3900n],
          [5n, 3032n],
        ],
      ),
    ).toEqual({
      short: [
        [1n, [0, 3000n], [1, 3900n], 'spare_sector'],
        [4n, [2, 3024n], null, ''],
        [5n, null, [2, 3032n], ''],
      ],
      moved: 1,
      ghosts: 0,
    });
  });

  test('duplicates are matched in their order', () => {
    expect(
      differences(
        [
          [1n, 3000n],
          [1n, 3008n],
        ],
        [
          [1n, 3000n],
          [1n, 4000n],
          [1n, 4008n],
        ],
      ).short,
    ).toEqual([
      [1n, [1, 3008n], [1, 4000n], 'spare_sector'],
      [1n, null, [2, 4008n], ''],
    ]);
  });

  test('ghosts are told apart from them', () => {
    const emptied = patchSlot(drawSlot({ sequence: 2n, remaps: [] }), 312 + 40 * 7, [9]);
    const [found] = compared([emptied, drawSlot({ remaps: [] }), ...drawDisk('- - -')]).differences;
    expect(found).toMatchObject({
      entries: { differences: [] },
      ghosts: { differences: [{ a: { index: 7 }, b: null }] },
    });
  });

  test('of a copy that claims more than there is room for, 2048 are looked at', () => {
    const [found] = compared(drawDisk('7 9# - - -')).differences;
    expect(found?.entries.differences.length).toBe(2049); //  All of them, with the one of copy 0; original 0 is one more.
  });
});

describe('byte ranges', () => {
  test('every byte that differs is in one, every end of one differs, and each has a field', () => {
    const draw = random(7);
    const a = drawSlot({ remaps: [[1n, 3000n]] });
    for (let round = 0; round < 50; round += 1) {
      const b = new Uint8Array(a);
      const [where, count] = [draw.int(structureBytes), draw.int(40) + 1];
      for (let at = 0; at < count; at += 1) {
        const place = (where + at * at * 3) % structureBytes;
        b[place] = (b[place] as number) ^ 0x5a;
      }
      const ranges = differingRanges(a, b, 0, structureBytes);
      const covered = new Set(
        ranges.flatMap(({ offset, length }) => Array.from({ length }, (_, at) => offset + at)),
      );
      const different = new Set(Array.from(a.keys()).filter((at) => a[at] !== b[at]));
      expect([...different].every((at) => covered.has(at))).toBe(true);
      expect(differingBytes(a, b, 0, structureBytes)).toBe(different.size);
      for (const range of ranges) {
        expect(different.has(range.offset) && different.has(range.offset + range.length - 1)).toBe(true);
        expect(fieldsIn(range).length).toBeGreaterThan(0);
      }
      const gaps = ranges
        .slice(1)
        .map(({ offset }, at) => offset - (ranges[at]?.offset ?? 0) - (ranges[at]?.length ?? 0));
      expect(gaps.every((gap) => gap >= 8)).toBe(true);
    }
  });

  test.each([
    [0, 1, 'magic'],
    [24, 4, 'metadata_checksum'],
    [22, 7, 'timestamp metadata_checksum copy_index'],
    [114, 6, 'padding'],
    [311, 2, 'remap_flags remaps[0].original_sector'],
    [352, 40, 'remaps[1]'],
    [360, 33, 'remaps[1..2]'],
    [82_231, 2, 'remaps[2047].padding expansion_version'],
    [84_287, 1, 'expansion_data'],
  ])('%d, %d bytes long, falls in %s', (offset, length, names) => {
    expect(fieldsIn({ offset, length }).join(' ')).toBe(names);
  });
});

test('what lies behind the structure is compared apart', () => {
  const plain = drawSlot({ sequence: 2n });
  const dirty = patchSlot(plain, structureBytes + 100, [1, 2, 3]);
  const last = patchSlot(plain, slotBytes - 1, [1]);
  expect(compared([plain, dirty, last, plain, plain])).toMatchObject({
    groups: [{ copies: [0, 1, 2, 3, 4], identical: true }],
    differences: [],
    slack: {
      groups: [
        { copies: [0, 3, 4], zero: true },
        { copies: [1], zero: false },
        { copies: [2], zero: false },
      ],
      differences: [
        { a: 0, b: 1, ranges: [{ offset: structureBytes + 100, length: 3 }] },
        { a: 0, b: 2, ranges: [{ offset: slotBytes - 1, length: 1 }] },
      ],
    },
  });
});

test('it looks and changes nothing', () => {
  const slots = drawDisk('7 6 7f x 9#');
  const before = slots.map((slot) => Buffer.from(slot as Uint8Array));
  const report = examineSlots(slots, { now: drawnNow });
  compareCopies(report);
  for (const [at, { slot }] of report.copies.entries()) {
    expect(slot.state !== 'absent' && slot.bytes !== null && before[at]?.equals(slot.bytes)).toBe(true);
  }
});
