// The table and its refusals (format.md rule 12).
import { describe, expect, it } from 'vitest';
import { geometries } from '../../lib/format/geometry.js';
import { RemapTable } from '../../lib/store/table/remap-table.js';
import { drawnEntry } from '../support/disk.js';

const sizes = { mainSectors: 100_000n, spareSectors: 100_000n };

describe('the remap table', () => {
  it('finds what was added, and only that', () => {
    const table = new RemapTable(sizes);
    table.add(7, { spare: 2000 });
    table.add(8n, { spare: 2008n });
    expect(table.lookup(7)).toBe(2000n);
    expect(table.lookup(7n)).toBe(2000n);
    expect(table.lookup(8)).toBe(2008n);
    expect(table.lookup(9)).toBeUndefined();
    expect(table.size).toBe(2);
    expect(table.capacity).toBe(2048);
  });

  it('keeps the order of the disk when it is gone through', () => {
    const table = new RemapTable(sizes, [drawnEntry(9n, 2000n), drawnEntry(1n, 2008n)]);
    table.add(5);
    expect([...table].map(({ originalSector }) => originalSector)).toEqual([9n, 1n, 5n]);
  });

  it('gives a snapshot that does not follow it', () => {
    const table = new RemapTable(sizes, [drawnEntry(9n, 2000n), drawnEntry(9n, 3000n)]);
    const before = table.snapshot();
    expect(before).toEqual([...table]);
    table.add(5);
    table.remove(9);
    expect(before).toEqual([drawnEntry(9n, 2000n), drawnEntry(9n, 3000n)]);
    before.length = 0;
    expect(table.size).toBe(1);
  });

  it('lets the last of two entries for one original win, as the module does', () => {
    const table = new RemapTable(sizes, [drawnEntry(9n, 2000n), drawnEntry(9n, 3000n)]);
    expect(table.lookup(9)).toBe(3000n);
    expect(table.size).toBe(2);
  });

  it('stays right beyond 2^53', () => {
    const huge = 2n ** 63n;
    const table = new RemapTable({ mainSectors: 2n ** 64n - 1n, spareSectors: 2n ** 64n - 1n });
    table.add(huge, { spare: huge + 1n });
    table.add(huge + 1n, { spare: huge + 2n });
    expect(table.lookup(huge)).toBe(huge + 1n);
    expect(table.lookup(huge + 1n)).toBe(huge + 2n);
    expect(table.lookup(huge + 2n)).toBeUndefined();
  });

  it('hands out multiples of eight from 1280 upwards, the lowest that is free', () => {
    const table = new RemapTable(sizes, [drawnEntry(1n, 1280n), drawnEntry(2n, 1296n)]);
    expect(table.nextSpareSector).toBe(1288n);
    expect([3, 4, 5].map((original) => table.add(original).spareSector)).toEqual([1288n, 1304n, 1312n]);
  });

  it('keeps the seven sectors behind an entry free, wherever that entry lies', () => {
    const table = new RemapTable(sizes, [drawnEntry(1n, 1283n)]);
    expect(table.add(2).spareSector).toBe(1296n);
  });

  it('hands out neighbours with a spacing of one', () => {
    const table = new RemapTable({ ...sizes, spacing: 1 }, [drawnEntry(1n, 1281n)]);
    expect([2, 3, 4].map((original) => table.add(original).spareSector)).toEqual([1280n, 1282n, 1283n]);
  });

  it('hands out nothing inside the slots of the documented geometry', () => {
    const table = new RemapTable({ ...sizes, geometry: geometries.documented });
    const given = Array.from({ length: 200 }, (_, original) => table.add(original).spareSector);
    for (const spare of given) expect(spare >= 2048n && spare + 8n <= 2304n).toBe(false);
    expect(given).toContain(2304n);
  });

  it('holds 2,048 entries and refuses the next', () => {
    const table = new RemapTable(sizes);
    for (let original = 0; original < 2048; original++) table.add(original);
    expect(() => table.add(2048)).toThrow(expect.objectContaining({ code: 'ERR_TABLE_FULL' }));
    expect(table.size).toBe(2048);
    const tooMany = [...table, drawnEntry(3000n, 90_000n)];
    expect(() => new RemapTable(sizes, tooMany)).toThrow(expect.objectContaining({ code: 'ERR_TABLE_FULL' }));
  });

  it('keeps what it was given, whatever becomes of the caller’s object', () => {
    const entry = { ...drawnEntry(1n, 5000n) };
    const table = new RemapTable(sizes);
    table.insert(entry);
    Object.assign(entry, { accessCount: 7 });
    expect([...table]).toEqual([drawnEntry(1n, 5000n)]);
    expect(() => Object.assign(table.add(2), { flags: 0 })).toThrow(TypeError);
  });

  it.each([
    ['an original beyond main', 100_000, {}, 'ERR_ORIGINAL_OUT_OF_RANGE'],
    ['an original that is mapped', 1, {}, 'ERR_ORIGINAL_MAPPED'],
    ['a spare sector beyond the spare', 5, { spare: 100_000 }, 'ERR_SPARE_OUT_OF_RANGE'],
    ['the first spare sector', 5, { spare: 0 }, 'ERR_SPARE_IN_METADATA'],
    ['the last sector of the metadata region', 5, { spare: 1279 }, 'ERR_SPARE_IN_METADATA'],
    ['a spare sector in use', 5, { spare: 5000n }, 'ERR_SPARE_IN_USE'],
    ['a fraction', 1.5, {}, 'ERR_OUT_OF_RANGE'],
    ['a negative number', -1n, {}, 'ERR_OUT_OF_RANGE'],
    ['a number that has lost its digits', 2 ** 53, {}, 'ERR_OUT_OF_RANGE'],
    ['a sector past 64 bits', 2n ** 64n, {}, 'ERR_OUT_OF_RANGE'],
    ['not a number', Number.NaN, {}, 'ERR_OUT_OF_RANGE'],
    ['a string', '5' as never, {}, 'ERR_INVALID_ARG_TYPE'],
    ['a time that is none', 5, { timestampNs: -1n }, 'ERR_OUT_OF_RANGE'],
    ['a time that is no bigint', 5, { timestampNs: 1 as never }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s and stays as it was', (_, original, options, code) => {
    const table = new RemapTable(sizes, [drawnEntry(1n, 5000n)]);
    expect(() => table.add(original, options)).toThrow(expect.objectContaining({ code }));
    expect([...table]).toEqual([drawnEntry(1n, 5000n)]);
    expect(table.nextSpareSector).toBe(1280n);
  });

  it('takes sector 1280, the first behind the metadata region', () => {
    expect(new RemapTable(sizes).add(5, { spare: 1280 }).spareSector).toBe(1280n);
  });

  it('says when the spare is full', () => {
    const table = new RemapTable({ ...sizes, spareSectors: 1295n });
    expect(table.add(0).spareSector).toBe(1280n);
    expect(table.nextSpareSector).toBeUndefined();
    expect(() => table.add(1)).toThrow(expect.objectContaining({ code: 'ERR_SPARE_EXHAUSTED' }));
  });
});
