// The update of a copy from its change alone, held against encoding and checksumming the whole of it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sequence, unixSeconds } from '../../lib/base/units.js';
import { checksumDelta, structureChecksum } from '../../lib/format/checksum.js';
import { decodeCopy, type ValidCopy } from '../../lib/format/codec.js';
import { viewOf } from '../../lib/format/layout.js';
import { encodeCopy, type Metadata, metadataOf, withEntries } from '../../lib/format/metadata.js';
import { type RemapEntry, slotBytes, structureBytes } from '../../lib/format/structure.js';
import { type Piece, piecesOf, updateBetween } from '../../lib/format/update.js';
import { expectBytes } from '../support/bytes.js';
import { drawnEntry, drawSlot } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { random } from '../support/random.js';

/** The slot with the pieces laid on. */
function applied(slot: Uint8Array, pieces: readonly Piece[]): Uint8Array {
  const after = Uint8Array.from(slot);
  for (const { offset, bytes } of pieces) after.set(bytes, offset);
  return after;
}

const slots = (): Uint8Array[] => {
  const strange = random(11).fill(new Uint8Array(drawSlot({ remaps: [[1n, 2000n]] })));
  strange.set(drawSlot({ remaps: [] }).subarray(0, 312));
  viewOf(strange).setUint32(24, structureChecksum(strange), true);
  const golden = goldenImages
    .map((image) => goldenBytes(image).subarray(0, slotBytes))
    .filter((bytes) => bytes.length === slotBytes && decodeCopy(bytes).state === 'valid');
  return [strange, drawSlot(), ...golden];
};

describe('the change of the checksum', () => {
  it('is that of the whole structure, wherever the change lies', () => {
    const { int, fill } = random(3);
    const before = fill(new Uint8Array(slotBytes));
    const places = [0, 1, 4, 8, 20, 23, 28, 29, 31, 32, 296, 312, 4095, 4096, 82_232, 84_284, 84_287];
    for (let round = 0; round < 2000; round++) {
      const offset = places[round] ?? int(structureBytes);
      const room = (offset < 24 ? 24 : structureBytes) - offset;
      if (offset >= 24 && offset < 28) continue;
      const difference = fill(new Uint8Array(1 + int(Math.min(room, 400))));
      const after = Uint8Array.from(before);
      difference.forEach((byte, at) => {
        after[offset + at] = (after[offset + at] as number) ^ byte;
      });
      const delta = (structureChecksum(before) ^ structureChecksum(after)) >>> 0;
      expect(checksumDelta(offset, difference) >>> 0, `at ${offset}, ${difference.length} bytes`).toBe(delta);
    }
  });

  it('is 0 for no change', () => {
    expect(checksumDelta(312, new Uint8Array(40))).toBe(0);
  });
});

const entry = (original: number): RemapEntry => drawnEntry(BigInt(original), BigInt(2000 + 8 * original));

const change = fc.oneof(
  fc.record({ do: fc.constant('add' as const), count: fc.integer({ min: 1, max: 150 }) }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat(400), count: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constant('replace' as const), at: fc.nat(400), count: fc.constant(1) }),
  fc.record({ do: fc.constant('nothing' as const), count: fc.constant(0) }),
);

describe('an update', () => {
  it.each([512, 4096])(
    'with blocks of %i makes what encoding makes, byte for byte, step after step',
    (block) => {
      const sources = slots();
      fc.assert(
        fc.property(
          fc.nat(sources.length - 1),
          fc.array(change, { minLength: 1, maxLength: 8 }),
          fc.integer({ min: 0, max: 0xffff_ffff }),
          (which, steps, index) => {
            const source = sources[which] as Uint8Array;
            let from: Metadata = metadataOf(decodeCopy(source) as ValidCopy);
            let slot: Uint8Array = Uint8Array.from(source);
            steps.forEach((step, number) => {
              const entries = [...from.entries];
              const first =
                step.do === 'remove' || step.do === 'replace' ? step.at % (entries.length || 1) : 0;
              if (step.do === 'add') {
                const room = Math.min(step.count, 2048 - entries.length);
                for (let at = 0; at < room; at++) entries.push(entry(entries.length + number));
              }
              if (step.do === 'remove') entries.splice(first, step.count);
              if (step.do === 'replace' && entries.length > 0) entries[first] = entry(9000 + number);
              const to = withEntries(from, entries, {
                sequenceNumber: sequence(from.header.sequenceNumber + 1n),
                timestampSeconds: unixSeconds(1_760_000_000 + number),
              });
              const copyIndex = number === 0 ? index : number;
              const pieces = piecesOf(updateBetween(from, to), slot, copyIndex, block);
              const before = Uint8Array.from(slot);
              slot = applied(slot, pieces);
              expectBytes(slot, encodeCopy(to, copyIndex, before));
              expect(decodeCopy(slot).state).toBe('valid');
              for (const { offset, bytes } of pieces)
                expect([offset % block, bytes.length % block]).toEqual([0, 0]);
              from = to;
            });
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  it('of one more remap is the header and the block or two of the entry', () => {
    const table = (count: number) => Array.from({ length: count }, (_, at) => entry(at));
    const base = metadataOf(decodeCopy(drawSlot()) as ValidCopy);
    const sizes = (before: number) => {
      const from = withEntries(base, table(before));
      const to = withEntries(from, [...from.entries, entry(before)]);
      const pieces = piecesOf(updateBetween(from, to), encodeCopy(from, 0), 0, 4096);
      return pieces.map(({ offset, bytes }) => [offset / 4096, bytes.length / 4096]);
    };
    expect(sizes(0)).toEqual([[0, 1]]);
    expect(sizes(94)).toEqual([[0, 2]]); // Entry 94 lies across blocks 0 and 1.
    expect(sizes(1000)).toEqual([
      [0, 1],
      [9, 1],
    ]);
    expect(sizes(299)).toEqual([
      [0, 1],
      [2, 2],
    ]);
    expect(sizes(2047)).toEqual([
      [0, 1],
      [20, 1],
    ]);
  });

  it('leaves the slot that it starts from as it was', () => {
    const from = metadataOf(decodeCopy(drawSlot()) as ValidCopy);
    // What a Buffer calls slice shares its memory.
    for (const slot of [drawSlot(), Buffer.from(drawSlot())]) {
      piecesOf(updateBetween(from, withEntries(from, [])), slot, 3, 4096);
      expectBytes(slot, drawSlot());
    }
  });

  it('between metadata of different origin is refused', () => {
    const one = metadataOf(decodeCopy(drawSlot()) as ValidCopy);
    const other = metadataOf(decodeCopy(drawSlot()) as ValidCopy);
    expect(() => updateBetween(one, other)).toThrow('derived');
  });
});
