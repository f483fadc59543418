// Which copies a store knows: as found when it was opened, or as its own. By sequence and checksum, and in bounded memory.
import { expect, it } from 'vitest';
import { KnownCopies } from '../../lib/store/commit/known-copies.js';
import { examineSlots } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

const sealOf = (sequenceNumber: bigint, checksum: number) => ({ sequenceNumber, checksum });

it('knows what was found with a good checksum, whoever takes it, and nothing else', () => {
  const { copies } = examineSlots(drawDisk('7 7h x 7# -'));
  const known = new KnownCopies(copies);
  const headers = copies.map(({ slot }) => (slot.state === 'absent' ? null : slot.header));
  expect(headers.map((header) => header !== null && known.has(header))).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
});

it('tells by the sequence and by the checksum, all 64 and 32 bits of them', () => {
  const known = new KnownCopies([]);
  known.add(sealOf(2n ** 63n, 0x8000_0001));
  expect(known.has(sealOf(2n ** 63n, 0x8000_0001))).toBe(true);
  for (const other of [sealOf(2n ** 63n, 1), sealOf(2n ** 63n + 1n, 0x8000_0001), sealOf(0n, 0x8000_0001)]) {
    expect(known.has(other)).toBe(false);
  }
});

it('forgets what was written long ago, the oldest first, and never what was found', () => {
  const { copies } = examineSlots(drawDisk('7 7 7 7 7'));
  const known = new KnownCopies(copies);
  const header = copies[0]?.slot.state === 'valid' ? copies[0].slot.header : sealOf(0n, 0);
  const writes = 50_000;
  for (let write = 1; write <= writes; write++) {
    for (let copy = 0; copy < 5; copy++) known.add(sealOf(BigInt(write), write + copy));
  }
  expect([-1, 0, 4, 5].map((copy) => known.has(sealOf(BigInt(writes), writes + copy)))).toEqual([
    false,
    true,
    true,
    false,
  ]);
  const remembered = Array.from({ length: writes }, (_, at) => known.has(sealOf(BigInt(at + 1), at + 1)));
  const first = remembered.indexOf(true);
  expect(first).toBeGreaterThan(0);
  expect(remembered.slice(first)).not.toContain(false);
  // Those of three thousand commits at the least.
  expect(writes - first).toBeGreaterThanOrEqual(3000);
  expect(writes - first).toBeLessThan(7000);
  expect(known.has(header)).toBe(true);
});
