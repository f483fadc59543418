// The table against a naive model of it, over whatever fast-check comes up with. A failure prints its seed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DmremapError } from '../../lib/base/errors.js';
import { u64Max } from '../../lib/base/units.js';
import { fromTableJson, toTableJson } from '../../lib/store/json/table-json.js';
import { RemapTable, type Run } from '../../lib/store/table/remap-table.js';
import { drawnEntry } from '../support/disk.js';

const mainSectors = 64n;
const spareSectors = 1_000_000n;

//  Few sectors, so that they collide; and some that differ in their upper half only.
const original = fc.oneof(
  fc.bigInt(0n, mainSectors - 1n),
  fc.constantFrom(2n ** 32n, 2n ** 32n + 1n, 2n ** 53n + 1n, 2n ** 63n, u64Max - 1n),
);
const spare = fc.bigInt(1280n, 1400n);
const commands = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('add' as const), original, spare: fc.option(spare, { nil: undefined }) }),
    fc.record({ kind: fc.constant('remove' as const), original }),
  ),
  { maxLength: 60 },
);

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'done';
  } catch (error) {
    if (error instanceof DmremapError) return error.code;
    throw error;
  }
}

/** The runs of [start, end), sector by sector. */
function walked(table: RemapTable, start: bigint, end: bigint): Run[] {
  const runs: Run[] = [];
  for (let at = start; at < end; at++) {
    const to = table.lookup(at);
    const one = { device: to === undefined ? 'main' : 'spare', sector: to ?? at, count: 1n } as Run;
    const last = runs.at(-1);
    if (last?.device === one.device && last.sector + last.count === one.sector) {
      runs[runs.length - 1] = { ...last, count: last.count + 1n };
    } else runs.push(one);
  }
  return runs;
}

describe('the remap table', () => {
  it('does what a list of pairs would do', () => {
    fc.assert(
      fc.property(commands, fc.constantFrom(8 as const, 1 as const), (steps, spacing) => {
        const table = new RemapTable({ mainSectors: u64Max, spareSectors, spacing });
        let model: (readonly [bigint, bigint])[] = [];
        for (const step of steps) {
          const mapped = model.some(([from]) => from === step.original);
          if (step.kind === 'remove') {
            expect(codeOf(() => table.remove(step.original))).toBe(
              mapped ? 'done' : 'ERR_ORIGINAL_NOT_MAPPED',
            );
            model = model.filter(([from]) => from !== step.original);
          } else {
            const used = model.some(([, to]) => to === step.spare);
            const expected = mapped ? 'ERR_ORIGINAL_MAPPED' : used ? 'ERR_SPARE_IN_USE' : 'done';
            expect(codeOf(() => table.add(step.original, { spare: step.spare }))).toBe(expected);
            const to = table.lookup(step.original);
            if (expected === 'done' && to !== undefined) model.push([step.original, to]);
          }
        }
        expect(Array.from(table, (entry) => [entry.originalSector, entry.spareSector])).toEqual(model);
        for (const [from, to] of model) expect(table.lookup(from)).toBe(to);
        for (let from = 0; from < mainSectors; from++) {
          expect(table.lookup(from)).toBe(model.find(([one]) => one === BigInt(from))?.[1]);
        }
        // What the allocator gives is as far from everything as it promises.
        const free = table.nextSpareSector ?? 0n;
        expect(free % BigInt(spacing)).toBe(0n);
        for (const [, to] of model) {
          const apart = to > free ? to - free : free - to;
          expect(apart).toBeGreaterThanOrEqual(BigInt(spacing));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('splits a request as a walk over its sectors would, also after changes', () => {
    // Seams: where a half of 64 bits, or what a number holds, ends.
    const near = fc
      .tuple(fc.constantFrom(32n, 2n ** 32n, 2n ** 53n, 2n ** 63n, u64Max - 33n), fc.bigInt(-32n, 31n))
      .map(([seam, away]) => seam + away);
    const drawn = fc.array(fc.tuple(near, fc.bigInt(1280n, 1300n)), { maxLength: 40 });
    const change = fc.record({
      kind: fc.constantFrom('add' as const, 'remove' as const, 'split' as const),
      original: near,
      count: fc.bigInt(1n, 64n),
    });
    fc.assert(
      fc.property(drawn, fc.array(change, { maxLength: 40 }), (pairs, changes) => {
        const entries = pairs.map(([from, to]) => drawnEntry(from, to));
        const table = new RemapTable({ mainSectors: u64Max, spareSectors }, entries);
        for (const { kind, original, count } of changes) {
          if (kind === 'add') codeOf(() => table.add(original));
          else if (kind === 'remove') codeOf(() => table.remove(original));
          const end = original + count > u64Max ? u64Max : original + count;
          expect(table.lookupRange(original, end - original)).toEqual(walked(table, original, end));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('counts the last of an original alone, once a request has been split and the entry is taken out too', () => {
    const table = new RemapTable({ mainSectors, spareSectors }, [
      drawnEntry(5n, 2000n),
      drawnEntry(5n, 2016n),
      drawnEntry(4n, 2015n),
    ]);
    expect(table.lookupRange(4, 2)).toEqual([{ device: 'spare', sector: 2015n, count: 2n }]);
    table.remove(5);
    expect(table.lookupRange(4, 2)).toEqual([
      { device: 'spare', sector: 2015n, count: 1n },
      { device: 'main', sector: 5n, count: 1n },
    ]);
    table.add(5, { spare: 2016 });
    expect(table.lookupRange(4, 2)).toEqual([{ device: 'spare', sector: 2015n, count: 2n }]);
  });

  it('finds the same in a request that is larger than the table and in one that is smaller', () => {
    const table = new RemapTable({ mainSectors: 2n ** 60n, spareSectors }, [drawnEntry(2n ** 50n, 5000n)]);
    expect(table.lookupRange(0n, 2n ** 60n)).toEqual([
      { device: 'main', sector: 0n, count: 2n ** 50n },
      { device: 'spare', sector: 5000n, count: 1n },
      { device: 'main', sector: 2n ** 50n + 1n, count: 2n ** 60n - 2n ** 50n - 1n },
    ]);
    expect(table.lookupRange(2n ** 50n, 1)).toEqual([{ device: 'spare', sector: 5000n, count: 1n }]);
  });

  it('refuses requests that do not lie on main', () => {
    const table = new RemapTable({ mainSectors, spareSectors });
    for (const [first, count] of [
      [0, 0],
      [63, 2],
      [64, 1],
      [-1, 1],
      [0, 0.5],
      [u64Max, u64Max],
    ] as const) {
      expect(() => table.lookupRange(first, count)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
      );
    }
    expect(() => table.lookup(2 ** 53)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => table.lookup(-1n)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => table.lookup('1' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });

  it('takes out every duplicate with the entry in force, so that none comes to life', () => {
    const table = new RemapTable({ mainSectors, spareSectors }, [
      drawnEntry(5n, 2000n),
      drawnEntry(6n, 2008n),
      drawnEntry(5n, 2016n),
    ]);
    expect(table.remove(5).spareSector).toBe(2016n);
    expect([...table]).toEqual([drawnEntry(6n, 2008n)]);
    expect(table.lookup(5)).toBeUndefined();
    expect(table.add(7, { spare: 2000 }).spareSector).toBe(2000n);
  });

  it('looks up 2,048 entries, by number and by bigint, without one allocation', () => {
    const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
    const script = `
      import { RemapTable } from ${JSON.stringify(library)};
      const table = new RemapTable({ mainSectors: 1_000_000n, spareSectors: 1_000_000n });
      const bigints = [];
      for (let sector = 0; sector < 2048; sector++) bigints.push(table.add(sector * 7).originalSector);
      let found = 0;
      const walk = (rounds) => {
        for (let round = 0; round < rounds; round++) {
          for (let at = 0; at < 2048; at++) if (table.lookup(at * 7) !== undefined) found++;
          for (let at = 0; at < 2048; at++) if (table.lookup(bigints[at]) !== undefined) found++;
        }
      };
      walk(500);
      console.log('measured from here');
      walk(2000);
      console.log('to here', found);`;
    const options = ['--trace-gc', '--max-semi-space-size=1', '--input-type=module', '-e', script];
    const { stdout } = spawnSync(process.execPath, options, { encoding: 'utf8' });
    expect(stdout).toContain('to here 10240000');
    // 8 million lookups: at 16 bytes each this would be over a hundred scavenges.
    const measured = stdout.slice(stdout.indexOf('measured from here'), stdout.indexOf('to here'));
    expect(measured).not.toContain('Scavenge');
  });
});

describe('the JSON of a table', () => {
  const schema = readFileSync(join(import.meta.dirname, '../../docs/table.schema.json'), 'utf8');
  const valid = new Ajv2020().compile(JSON.parse(schema));

  it('goes out and comes in as the same table', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.bigInt(0n, u64Max - 1n), { maxLength: 50 }), (originals) => {
        const table = new RemapTable({ mainSectors: u64Max, spareSectors });
        originals.forEach((one, index) => {
          table.add(one, { timestampNs: u64Max - BigInt(index) });
        });
        const text = JSON.stringify(toTableJson(table));
        const again = fromTableJson(text);
        expect([...again]).toEqual([...table]);
        expect(toTableJson(again)).toEqual(toTableJson(table));
        expect(valid(toTableJson(table)), JSON.stringify(valid.errors)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('is refused where it is anything else, with a code and the place', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.anything()), (document) => {
        expect(codeOf(() => fromTableJson(document))).toBe('ERR_TABLE_INVALID');
      }),
      { numRuns: 300 },
    );
    const entry = {
      original: '1',
      spare: '2000',
      timestamp: '0',
      accessCount: 0,
      errorCount: 1,
      reason: 0,
      flags: 2,
    };
    const good = { schema: 'dmremap.table/1', mainSectors: '64', spareSectors: '4000', entries: [entry] };
    expect(codeOf(() => fromTableJson(good))).toBe('done');
    const rows: readonly (readonly [object, string])[] = [
      [{ entries: [entry, entry] }, 'ERR_ORIGINAL_MAPPED'],
      [{ entries: [entry, { ...entry, original: '2' }] }, 'ERR_SPARE_IN_USE'],
      [{ entries: [{ ...entry, original: '64' }] }, 'ERR_ORIGINAL_OUT_OF_RANGE'],
      [{ entries: [{ ...entry, spare: '4000' }] }, 'ERR_SPARE_OUT_OF_RANGE'],
      [{ entries: [{ ...entry, spare: '1279' }] }, 'ERR_SPARE_IN_METADATA'],
      [{ entries: [{ ...entry, flags: 65_536 }] }, 'ERR_TABLE_INVALID'],
      [{ entries: [{ ...entry, timestamp: '18446744073709551616' }] }, 'ERR_TABLE_INVALID'],
      [{ entries: [{ ...entry, original: '-1' }] }, 'ERR_TABLE_INVALID'],
      [{ entries: Array(2049).fill(entry) }, 'ERR_TABLE_FULL'],
      [{ entries: { length: 1 } }, 'ERR_TABLE_INVALID'],
      [{ mainSectors: 64 }, 'ERR_TABLE_INVALID'],
    ];
    for (const [change, code] of rows) expect(codeOf(() => fromTableJson({ ...good, ...change }))).toBe(code);
  });
});
