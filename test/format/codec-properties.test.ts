// The codec over whatever fast-check comes up with. A failure prints its seed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCopy } from '../../lib/format/codec.js';
import { encodeCopy, metadataOf, withEntries } from '../../lib/format/metadata.js';
import { slotBytes } from '../../lib/format/structure.js';
import { expectBytes } from '../support/bytes.js';
import { drawnEntry, drawSlot, patchSlot } from '../support/disk.js';
import { tiered } from '../support/tier.js';

const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const patch = fc.tuple(fc.nat(slotBytes - 16), fc.uint8Array({ minLength: 1, maxLength: 16 }));

describe('the codec', () => {
  it('gives back every entry that it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(u64, u64), { maxLength: 60 }), fc.nat(4), (pairs, copyIndex) => {
        const base = decodeCopy(drawSlot());
        if (base.state !== 'valid') throw new Error('the drawn slot is not valid');
        const entries = pairs.map(([from, to]) => drawnEntry(from, to));
        const slot = encodeCopy(withEntries(metadataOf(base), entries), copyIndex);
        const decoded = decodeCopy(slot);
        expect(decoded).toMatchObject({ state: 'valid', entries, header: { copyIndex } });
      }),
      { numRuns: tiered(200, 50) },
    );
  });

  it('decodes any bytes without throwing, and encodes what is valid to the very same bytes', () => {
    const bytes = fc.oneof(
      fc
        .array(patch, { maxLength: 4 })
        .map((patches) =>
          patches.reduce((slot, [at, change]) => patchSlot(slot, at, [...change], false), drawSlot()),
        ),
      fc
        .array(patch, { maxLength: 4 })
        .map((patches) =>
          patches.reduce((slot, [at, change]) => patchSlot(slot, at, [...change]), drawSlot()),
        ),
      fc.uint8Array({ minLength: slotBytes, maxLength: slotBytes }),
    );
    let valid = 0;
    fc.assert(
      fc.property(bytes, (slot) => {
        const decoded = decodeCopy(slot);
        if (decoded.state !== 'valid') return;
        valid++;
        expectBytes(encodeCopy(metadataOf(decoded), decoded.header.copyIndex), slot);
      }),
      { numRuns: 400 },
    );
    expect(valid).toBeGreaterThan(0);
  });
});
