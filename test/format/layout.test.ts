import { describe, expect, test } from 'vitest';
import { type Layout, layout, viewOf } from '../../lib/format/layout.js';
import {
  copyCount,
  entriesOffset,
  entryBytes,
  entryLayout,
  headerLayout,
  maxEntries,
  slotBytes,
  structureBytes,
  trailerLayout,
  trailerOffset,
} from '../../lib/format/structure.js';

//  Offset and size of every field as the specification's table has them, measured on the upstream structure.
const headerTable = [
  [0, 4, 'magic'],
  [4, 4, 'version'],
  [8, 8, 'sequenceNumber'],
  [16, 8, 'timestampSeconds'],
  [24, 4, 'checksum'],
  [28, 4, 'copyIndex'],
  [32, 4, 'structureSize'],
  [36, 4, 'reserved'],
  [40, 37, 'mainDeviceUuid'],
  [77, 37, 'spareDeviceUuid'],
  [114, 6, 'padding'],
  [120, 8, 'mainDeviceSectors'],
  [128, 8, 'spareDeviceSectors'],
  [136, 4, 'sectorSize'],
  [140, 4, 'remapCapacity'],
  [144, 32, 'deviceFingerprint'],
  [176, 64, 'deviceModel'],
  [240, 8, 'lastFullScan'],
  [248, 8, 'nextScheduledScan'],
  [256, 4, 'healthScore'],
  [260, 4, 'scanProgressPercent'],
  [264, 4, 'totalErrorsFound'],
  [268, 4, 'predictiveRemaps'],
  [272, 4, 'scanIntervalHours'],
  [276, 4, 'scanFlags'],
  [280, 4, 'sectorsScanned'],
  [284, 4, 'errorsDetected'],
  [288, 4, 'slowSectorsFound'],
  [292, 4, 'scanInterruptions'],
  [296, 4, 'activeRemaps'],
  [300, 4, 'maxRemaps'],
  [304, 4, 'nextSpareSector'],
  [308, 4, 'remapFlags'],
];

const entryTable = [
  [0, 8, 'originalSector'],
  [8, 8, 'spareSector'],
  [16, 8, 'remapTimestampNs'],
  [24, 4, 'accessCount'],
  [28, 4, 'errorCount'],
  [32, 2, 'remapReason'],
  [34, 2, 'flags'],
  [36, 4, 'padding'],
];

const trailerTable = [
  [82_232, 4, 'expansionVersion'],
  [82_236, 4, 'expansionSize'],
  [82_240, 2048, 'expansionData'],
];

const tableOf = (of: Pick<Layout<[]>, 'fields'>, base = 0) =>
  of.fields.map(({ offset, bytes, name }) => [base + offset, bytes, name]);

describe('the structure', () => {
  test('every header field is where the specification has it', () => {
    expect(tableOf(headerLayout)).toEqual(headerTable);
  });

  test('every entry field is where the specification has it', () => {
    expect(tableOf(entryLayout)).toEqual(entryTable);
  });

  test('every expansion field is where the specification has it', () => {
    expect(tableOf(trailerLayout, trailerOffset)).toEqual(trailerTable);
  });

  test('the sizes are those of the specification', () => {
    expect({
      structureBytes,
      slotBytes,
      copyCount,
      maxEntries,
      entryBytes,
      entriesOffset,
      trailerOffset,
    }).toEqual({
      structureBytes: 84_288,
      slotBytes: 131_072,
      copyCount: 5,
      maxEntries: 2048,
      entryBytes: 40,
      entriesOffset: 312,
      trailerOffset: 82_232,
    });
  });
});

const small = layout(20, [
  ['half', 'u16'],
  ['raw', 'bytes', 2],
  ['word', 'u32'],
  ['long', 'u64'],
  ['place', 'u32 sector'],
]);

describe('a layout', () => {
  test('a table that does not add up is found at load', () => {
    expect(() => layout(8, [['word', 'u32']])).toThrow('4 bytes, not to 8');
  });

  test('numbers are little-endian at any base', () => {
    const bytes = Uint8Array.from([9, 1, 2, 0xa, 0xb, 1, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0x80, 5, 0, 0, 0]);
    expect(small.read(viewOf(bytes), 1)).toEqual({
      half: 0x0201,
      raw: Uint8Array.of(0xa, 0xb),
      word: 0x8000_0001,
      long: 0x8000_0000_0000_0001n,
      place: 5n,
    });
  });

  test('what is written is what was read, byte for byte', () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => 0xf0 - index);
    const copy = new Uint8Array(20);
    small.write(viewOf(copy), 0, small.read(viewOf(bytes), 0));
    expect(copy).toEqual(bytes);
  });

  test('byte fields do not follow the buffer that they were read from', () => {
    const bytes = new Uint8Array(20);
    const { raw } = small.read(viewOf(bytes), 0);
    bytes.fill(1);
    expect(raw).toEqual(Uint8Array.of(0, 0));
  });

  test.each([
    ['half', { half: 0x1_0000 }],
    ['half', { half: -1 }],
    ['half', { half: 0.5 }],
    ['word', { word: 2 ** 32 }],
    ['word', { word: Number.NaN }],
    ['long', { long: 1n << 64n }],
    ['long', { long: -1n }],
    ['raw', { raw: new Uint8Array(3) }],
  ])('a value that does not fit %s is refused instead of wrapped: %o', (name, change) => {
    const view = viewOf(new Uint8Array(20));
    const record = { ...small.read(view, 0), ...change };
    expect(() => small.write(view, 0, record)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(name) }),
    );
  });
});
