import { describe, expect, test } from 'vitest';
import { sector, sequence, unixSeconds } from '../../lib/base/units.js';
import { decodeCopy, type ValidCopy } from '../../lib/format/codec.js';
import { blankMetadata, encodeCopy, metadataOf, withEntries, withHeader } from '../../lib/format/metadata.js';
import { drawnEntry, drawSlot, patchSlot } from '../support/disk.js';
import { goldenBytes } from '../support/golden.js';
import { random } from '../support/random.js';

const validOf = (slot: Uint8Array): ValidCopy => {
  const decoded = decodeCopy(slot);
  if (decoded.state !== 'valid') throw new Error(`expected a valid copy, found ${decoded.damage.fault}`);
  return decoded;
};

const equalBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

const blank = (timestampSeconds: bigint) =>
  blankMetadata({
    mainSectors: sector(16_384),
    spareSectors: sector(8192),
    timestampSeconds: unixSeconds(timestampSeconds),
    sequence: sequence(2),
  });

describe('a new table', () => {
  test.each([
    ['u_empty', 1_760_000_000n],
    ['real_empty', 1_795_345_283n],
  ])('is byte for byte what the module writes: %s', (name, timestamp) => {
    expect(equalBytes(encodeCopy(blank(timestamp), 0), goldenBytes(name).subarray(0, 131_072))).toBe(true);
  });
});

/** A slot in which every byte that has no meaning to us is something. */
function noisySlot(): Uint8Array<ArrayBuffer> {
  const noise = random(7).fill(new Uint8Array(131_072));
  const slot = drawSlot({
    remaps: [
      [1n, 2000n],
      [2n, 2008n],
    ],
  });
  //  reserved · padding and identity · remapCapacity to nextScheduledScan · scan fields · remapFlags · entry padding
  //  · ghosts, expansion and tail
  for (const [start, end] of [
    [36, 40],
    [40, 120],
    [140, 256],
    [260, 296],
    [308, 312],
    [348, 352],
    [392, 131_072],
  ] as const) {
    slot.set(noise.subarray(start, end), start);
  }
  return patchSlot(slot, 0, []);
}

describe('encoding', () => {
  test('a decoded copy is encoded byte for byte, unknown bytes and tail included', () => {
    const slot = noisySlot();
    const copy = validOf(patchSlot(slot, 28, [3, 0, 0, 0]));
    expect(equalBytes(encodeCopy(metadataOf(copy), 3), copy.bytes)).toBe(true);
    expect(equalBytes(copy.bytes.subarray(32), slot.subarray(32))).toBe(true);
  });

  test('an update changes what it means to change and no other byte', () => {
    const copy = validOf(noisySlot());
    const third = drawnEntry(3n, 2016n);
    const updated = withEntries(metadataOf(copy), [...copy.entries, third], {
      sequenceNumber: sequence(9),
      timestampSeconds: unixSeconds(1_760_000_777n),
      nextSpareSector: sector(2024),
    });
    const slot = encodeCopy(updated, 4);
    const changed = [...slot.keys()].filter((at) => slot[at] !== copy.bytes[at]);
    const allowed = (at: number) =>
      (at >= 8 && at < 32) || (at >= 296 && at < 300) || (at >= 304 && at < 308) || (at >= 392 && at < 432);
    expect(changed.filter((at) => !allowed(at))).toEqual([]);
    expect(validOf(slot)).toMatchObject({
      header: { sequenceNumber: 9n, copyIndex: 4, activeRemaps: 3, nextSpareSector: 2024n },
      entries: [...copy.entries, third],
    });
  });

  test('a shorter table clears what it no longer reaches, and keeps the ghosts that were there', () => {
    const drawn = drawSlot({
      remaps: [
        [1n, 2000n],
        [2n, 2008n],
      ],
    });
    const copy = validOf(patchSlot(drawn, 312 + 2 * 40, [7]));
    const shorter = validOf(encodeCopy(withEntries(metadataOf(copy), copy.entries.slice(0, 1)), 0));
    expect(shorter.entries).toEqual(copy.entries.slice(0, 1));
    expect(copy.ghosts).toHaveLength(1);
    expect(shorter.ghosts).toEqual(copy.ghosts);
  });

  test('a new active entry takes the place of a ghost', () => {
    const copy = validOf(patchSlot(drawSlot(), 312 + 40, [1]));
    expect(copy.ghosts).toHaveLength(1);
    const longer = withEntries(metadataOf(copy), [...copy.entries, drawnEntry(5n, 4000n)]);
    expect(validOf(encodeCopy(longer, 0)).ghosts).toEqual([]);
  });

  test('each copy has a checksum of its own', () => {
    const metadata = blank(1n);
    const sums = [0, 1, 2, 3, 4].map((copy) => validOf(encodeCopy(metadata, copy)).header.checksum);
    expect(new Set(sums).size).toBe(5);
  });

  test('the tail of the slot that is overwritten stays where it is told to', () => {
    const old = patchSlot(drawSlot(), 84_288, [1, 2, 3], false);
    const slot = encodeCopy(blank(1n), 0, old);
    expect(equalBytes(slot.subarray(84_288), old.subarray(84_288))).toBe(true);
    expect(equalBytes(slot.subarray(0, 84_288), encodeCopy(blank(1n), 0).subarray(0, 84_288))).toBe(true);
  });

  test('an update leaves the metadata that it is derived from as it was', () => {
    const metadata = metadataOf(validOf(drawSlot()));
    const before = encodeCopy(metadata, 0);
    encodeCopy(withEntries(metadata, [], { sequenceNumber: sequence(5) }), 1);
    encodeCopy(withHeader(metadata, { reserved: 1 }), 1);
    expect(equalBytes(encodeCopy(metadata, 0), before)).toBe(true);
  });

  test('entry 2049 is an error, entry 2048 is not', () => {
    const entries = (length: number) => Array.from({ length }, (_, n) => drawnEntry(BigInt(n), 3000n));
    expect(validOf(encodeCopy(withEntries(blank(1n), entries(2048)), 0)).entries).toHaveLength(2048);
    expect(() => withEntries(blank(1n), entries(2049))).toThrow(
      expect.objectContaining({ code: 'ERR_TABLE_FULL' }),
    );
  });

  test('the spare sector hint saturates where a spare has more than 2^32 sectors', () => {
    const metadata = withHeader(blank(1n), { nextSpareSector: sector(2n ** 40n) });
    expect(validOf(encodeCopy(metadata, 0)).header.nextSpareSector).toBe(0xffff_ffffn);
  });

  test('a number that does not fit its field is refused', () => {
    const metadata = withHeader(blank(1n), { sequenceNumber: sequence(2n ** 64n) });
    expect(() => encodeCopy(metadata, 0)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => encodeCopy(blank(1n), -1)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });
});

test('a slot of another length is refused as the place of the tail', () => {
  const metadata = metadataOf(validOf(drawSlot()));
  expect(() => encodeCopy(metadata, 0, new Uint8Array(86_016))).toThrow(
    expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
  );
});
