// One entry at a time, without the loop of the layout: the same as with it, whatever the bytes are.
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sector, unixNanoseconds } from '../../lib/base/units.js';
import { decodeCopy } from '../../lib/format/codec.js';
import { copyOfEntry, entryAt, readEntry, writeEntry } from '../../lib/format/entry.js';
import { viewOf } from '../../lib/format/layout.js';
import { remapEntry } from '../../lib/format/metadata.js';
import { entriesOffset, entryBytes, entryLayout } from '../../lib/format/structure.js';
import { RemapTable } from '../../lib/store/table/remap-table.js';
import { drawSlot, examineSlots } from '../support/disk.js';

const bytesOfEntry = fc.uint8Array({ minLength: entryBytes, maxLength: entryBytes });

const made = remapEntry({
  originalSector: sector(1),
  spareSector: sector(2000),
  remapTimestampNs: unixNanoseconds(3),
});

describe('an entry', () => {
  test('is read and written as the layout does it, wherever it lies', () => {
    fc.assert(
      fc.property(bytesOfEntry, fc.nat({ max: 7 }), (bytes, base) => {
        const view = viewOf(Uint8Array.from([...new Uint8Array(base), ...bytes]));
        const entry = entryAt(view, base);
        expect(entry).toEqual(entryLayout.read(view, base));
        expect(copyOfEntry(entry)).toEqual(entry);
        const copy = new Uint8Array(base + entryBytes);
        writeEntry(viewOf(copy), base, entry);
        expect(copy.subarray(base)).toEqual(bytes);
      }),
    );
  });

  test('is found by its place in a slot', () => {
    const slot = new Uint8Array(131_072);
    writeEntry(viewOf(slot), entriesOffset + 2047 * entryBytes, made);
    expect(readEntry(slot, 2047)).toEqual(made);
    expect(readEntry(slot, 2046).originalSector).toBe(0n);
  });

  test('with a value that does not fit is refused by the name of the field', () => {
    const { fields } = entryLayout;
    for (const { name, bytes } of fields) {
      const limit = 1n << BigInt(8 * bytes);
      const wide = bytes === 8;
      const bad = wide
        ? [limit, -1n, limit + 1n, 5, '5', undefined]
        : [Number(limit), -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -limit, limit, '5', undefined, null];
      for (const value of bad) {
        const write = () => writeEntry(viewOf(new Uint8Array(entryBytes)), 0, { ...made, [name]: value });
        // A number where a bigint belongs is V8's to refuse.
        if (wide && value === 5) expect(write).toThrow(TypeError);
        else {
          expect(write, `${name} = ${value}`).toThrow(
            expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(name) }),
          );
        }
      }
      for (const value of wide ? [0n, limit - 1n] : [0, Number(limit) - 1]) {
        const view = viewOf(new Uint8Array(entryBytes));
        writeEntry(view, 0, { ...made, [name]: value });
        expect(entryAt(view, 0)).toEqual({ ...made, [name]: value });
      }
    }
  });

  test('has the shape of all others of its kind: V8 looks properties of many shapes up by name', () => {
    setFlagsFromString('--allow-natives-syntax');
    const alike: (a: object, b: object) => boolean = runInThisContext('(a, b) => %HaveSameMap(a, b)');
    const remaps = Array.from({ length: 2048 }, (_, at) => [BigInt(at), BigInt(1280 + 8 * at)] as const);
    const sizes = { spareDeviceSectors: sector(40_960), mainDeviceSectors: sector(40_960) };
    const slot = drawSlot({ remaps, header: sizes });
    const decoded = decodeCopy(slot);
    if (decoded.state !== 'valid') throw new Error('the slot is not valid');
    const table = new RemapTable({ mainSectors: 100_000n, spareSectors: 100_000n });
    const kinds: readonly (readonly object[])[] = [
      decoded.entries,
      examineSlots([slot]).entries,
      remaps.map(([originalSector, spareSector]) =>
        remapEntry({
          originalSector: sector(originalSector),
          spareSector: sector(spareSector),
          remapTimestampNs: unixNanoseconds(0),
        }),
      ),
      remaps.map(([original]) => table.add(original)),
    ];
    for (const entries of kinds) {
      expect(entries).toHaveLength(2048);
      const last = entries.at(-1) as object;
      expect(entries.filter((entry) => !alike(entry, last))).toEqual([]);
    }
  });
});
