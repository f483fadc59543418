// `dmremap remap import`: what `export` and `dump` write comes back, and whatever cannot be added is told, line by line.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { sector, u64Max, unixNanoseconds } from '../../lib/base/units.js';
import { importedFrom } from '../../lib/cli/commands/import-file.js';
import { csvText, messageLines } from '../../lib/cli/print/export-text.js';
import type { RemapEntry } from '../../lib/format/structure.js';
import { toEntryJson } from '../../lib/store/json/entry-json.js';
import { DocumentError } from '../../lib/store/json/json-reader.js';
import { drawnEntry, drawSlot, spareImage } from '../support/disk.js';
import { goldenImages } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { share, tiered } from '../support/tier.js';
import {
  backupsIn,
  dmremap,
  documentOf,
  ended,
  goldenFile,
  spawned,
  start,
  stateOf,
  undo,
} from './harness.js';

beforeEach(() => {
  draw([[1000n, 3000n]]);
});

function draw(remaps: readonly (readonly [bigint, bigint])[]): void {
  const slot = drawSlot({ remaps, sequence: 5n });
  writeFileSync(spare, spareImage(Array(5).fill(slot)));
}

function write(text: string | Uint8Array): string {
  writeFileSync(join(folder, 'file'), text);
  return 'file';
}
const importing = (text: string | Uint8Array, ...argv: string[]) =>
  dmremap(folder, ['remap', 'import', ...argv, spare, write(text)]);

const remapsOf = async (path: string) => {
  const { entries } = documentOf((await dmremap(folder, ['export', '--json', path])).stdout) as {
    entries: object[];
  };
  return entries;
};

describe('what was exported comes back', () => {
  const images = goldenImages.filter(({ selected }) => selected !== null);
  const ways = [
    ['csv', ['export', '--format=csv']],
    ['json', ['export', '--format=json']],
    ['messages', ['export', '--format=messages', "--name=it's"]],
    ['json', ['dump', '--json']],
  ] as const;
  const rows = images.flatMap(({ name }) =>
    ways.map(([format, argv]) => ({ name, format, argv, how: argv.join(' ') })),
  );

  test.each(share(rows, 4))('$name, $how', async ({ name, format, argv }) => {
    const image = goldenFile(folder, name);
    const wanted = (await remapsOf(image)) as { original: string; spare: string }[];
    const { stdout } = await dmremap(folder, [...argv, image]);
    writeFileSync(spare, new Uint8Array(4 * 2 ** 20));
    expect((await dmremap(folder, ['create', '--main=16384', '--no-backup', spare])).status).toBe(0);
    const before = readFileSync(spare);
    const done = await importing(stdout, '--json', `--format=${format}`);
    const inside = wanted.filter((one) => Number(one.spare) < 1280);
    if (inside.length > 0) {
      //  Where the module has put data into its own metadata nothing is added, and each such remap is told.
      expect(done).toMatchObject({ status: 16, stdout: '' });
      expect(done.stderr.match(/inside the metadata region \(ERR_SPARE_IN_METADATA\)/g)).toHaveLength(
        inside.length,
      );
      expect(readFileSync(spare).equals(before)).toBe(true);
      return;
    }
    expect(done.status).toBe(0);
    const document = documentOf(done.stdout);
    expect(document).toMatchObject({
      format,
      skipped: 0,
      commit: wanted.length === 0 ? null : { degraded: [] },
    });
    const pairs = wanted.map((one) => ({ original: one.original, spare: one.spare }));
    expect(document.added).toEqual(pairs);
    //  Messages carry the sectors alone.
    expect(await remapsOf(spare)).toMatchObject(format === 'messages' ? pairs : wanted);
    expect(documentOf((await importing(stdout, '--json')).stdout)).toMatchObject({
      added: [],
      skipped: wanted.length,
      commit: null,
    });
  });

  const number = fc.oneof(fc.bigInt(0n, 9n), fc.bigInt(0n, u64Max), fc.constantFrom(2n ** 53n + 1n, u64Max));
  const entry = fc
    .record({
      o: number,
      s: number,
      t: number,
      a: fc.nat(0xffff),
      e: fc.constantFrom(0, 1, 0xffff_ffff),
      r: fc.nat(0xffff),
      f: fc.nat(0xffff),
    })
    .map(
      ({ o, s, t, a, e, r, f }): RemapEntry => ({
        originalSector: sector(o),
        spareSector: sector(s),
        remapTimestampNs: unixNanoseconds(t),
        accessCount: a,
        errorCount: e,
        remapReason: r,
        flags: f,
        padding: 0,
      }),
    );
  const back = (text: string, format?: 'json' | 'csv' | 'messages') =>
    importedFrom(Buffer.from(text), format, unixNanoseconds(1_760_000_000_000_000_000n)).remaps.map(
      (one) => one.entry,
    );

  test('whatever the entries are, and whatever the name of the device', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 20 }),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        (entries, name) => {
          expect(back(csvText(entries))).toEqual(entries);
          expect(back(csvText(entries).replaceAll(/\w+/g, '"$&"'))).toEqual(entries);
          const json = { schema: 'dmremap.export/1', mainSectors: '9', entries: entries.map(toEntryJson) };
          expect(back(JSON.stringify(json))).toEqual(entries);
          const lines = messageLines(entries, name.replaceAll(/[\n\r]/g, '')).join('\n');
          expect(back(lines, 'messages')).toEqual(
            entries.map(({ originalSector, spareSector }) => drawnEntry(originalSector, spareSector)),
          );
        },
      ),
      { numRuns: tiered(300, 60) },
    );
  });

  test('no text whatever makes anything but remaps or a list of problems', () => {
    const piece = fc.constantFrom(
      'original,spare\n',
      'test_remap ',
      'dmsetup message ',
      '1',
      ' ',
      '"',
      "'",
      '\\',
      ',',
      '\n',
      '{',
      '[',
      '$',
      '-',
      'e',
      '#',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          back(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(DocumentError);
        }
      }),
      { numRuns: tiered(2000, 200) },
    );
  });
});

describe('a file that anybody may have written', () => {
  test('messages with comments, blank lines and any name; columns in any order; what is there is skipped', async () => {
    const lines = [
      '# of the old machine',
      '',
      '  test_remap 2000 4000',
      "dmsetup message 'my disk' 0 test_remap 2001 4008",
      'sudo dmsetup message "my \\"disk\\"" 0 test_remap 2002 4016',
      "dmsetup message $'a\\x1bb' 0   test_remap 1000 3000",
      'dmsetup message my\\ disk 0 test_remap 2000 4000',
    ];
    const done = await importing(lines.join('\r\n'));
    expect(done).toMatchObject({
      status: 0,
      stdout:
        `imported 3 remaps of file into ${spare}; 2 were there already\n` +
        '  committed sequence 6 to copies 0, 1, 2, 3 and 4\n' +
        '  read back: copy 0 is elected by us and by the driver\n',
    });
    expect((await importing('flags,spare,original\n1,5000,9\n')).status).toBe(0);
    expect((await remapsOf(spare)).slice(1)).toMatchObject([
      { original: '2000', spare: '4000', timestamp: '1760000000000000000', errorCount: 1, flags: 2 },
      { original: '2001', spare: '4008' },
      { original: '2002', spare: '4016' },
      { original: '9', spare: '5000', flags: 1 },
    ]);
  });

  test('a byte order mark of a spreadsheet is no part of the name of a column', async () => {
    expect((await importing('\ufefforiginal,spare\r\n5,5000\r\n')).status).toBe(0);
  });

  test('nothing to add: nothing is written, and no backup is left', async () => {
    const before = stateOf(spare);
    const { status, stdout, stderr } = await importing('test_remap 1000 3000\n');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: `file: nothing to add to ${spare}; 1 was there already: nothing was written\n`,
      stderr: '',
    });
    expect(stateOf(spare)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('every conflict is told, with its line, and nothing is written', async () => {
    const before = stateOf(spare);
    const rows = [
      'original,spare',
      '5,5000',
      '1000,5008',
      '5,5016',
      '6,3000',
      '7,5000',
      '8,100',
      '9,8192',
      '16384,6000',
      '10,5024',
    ];
    const { status, stdout, stderr } = await importing(rows.join('\n'));
    expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'dmremap: file: 7 things are wrong (ERR_IMPORT_CONFLICT)',
      '  line 3: original sector 1000 is mapped to 3000 already (ERR_ORIGINAL_MAPPED)',
      '  line 4: original sector 5 is mapped to 5000 already, by line 2 (ERR_ORIGINAL_MAPPED)',
      '  line 5: spare sector 3000 is in use (ERR_SPARE_IN_USE)',
      '  line 6: spare sector 5000 is in use (ERR_SPARE_IN_USE)',
      '  line 7: spare sector 100 lies inside the metadata region (ERR_SPARE_IN_METADATA)',
      '  line 8: spare sector 8192 lies beyond the spare device (8192 sectors) (ERR_SPARE_OUT_OF_RANGE)',
      '  line 9: original sector 16384 lies beyond the main device (16384 sectors) (ERR_ORIGINAL_OUT_OF_RANGE)',
      '  nothing was written',
      '',
    ]);
    expect(stateOf(spare)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('more than fits is told once', async () => {
    const rows = Array.from({ length: 2100 }, (_, at) => `test_remap ${at + 2000} ${at * 2 + 2000}`);
    const { status, stderr } = await importing(rows.join('\n'));
    expect(status).toBe(16);
    expect(stderr).toMatch(
      /line \d+: the table is full here, and \d+ are still to come \(ERR_TABLE_FULL\)\n {2}nothing was written\n$/,
    );
  });

  test.each([
    ['original,spare\n1e5,1\n1,0x10\n-1,1\n٣,1\n1,\n"1,2\n1"1,2\n1\n1,2,3', [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['original,spare,reason\n1,2,65536', [2]],
    ['original,spare,color,original', [1, 1]],
    ['spare,flags\n1,2', [1]],
    [
      'test_remap 1\ntest_remap 1 2 3\nremap 1 2\ntest_remap 1 2x\ndmsetup message x 1 test_remap 1 2\nrm -rf x',
      [1, 2, 3, 4, 5, 6],
    ],
    ["dmsetup message 'x 0 test_remap 1 2", [1]],
  ] as const)('%j is wrong in lines %j', async (text, lines) => {
    const { status, stderr } = await importing(text);
    expect({ status, code: /ERR_\w+/.exec(stderr)?.[0] }).toEqual({ status: 16, code: 'ERR_IMPORT_INVALID' });
    expect([...stderr.matchAll(/line (\d+): /g)].map(([, line]) => Number(line))).toEqual(lines);
    expect(stderr).toMatch(/\n {2}nothing was written\n$/);
  });

  test.each([
    [
      'another document',
      '{"schema": "dmremap.examine/1"}',
      'schema: must be "dmremap.export/1" or "dmremap.dump/1"',
    ],
    ['half of a document', '{"schema": ', 'it is not JSON'],
    [
      'an entry with a mistake',
      '{"schema": "dmremap.export/1", "mainSectors": "1", "entries": [{}, 5]}',
      'entries[1]: must be an object',
    ],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x31]), 'it is not UTF-8'],
    ['too much', Buffer.alloc(4 * 2 ** 20 + 1, '#'), 'it has more than 4194304 bytes'],
    ['a line that makes a pattern slow', `dmsetup message ${"''".repeat(100_000)}x`, 'line 1: must be'],
  ])('%s', async (_, text, says) => {
    const { status, stderr } = await importing(text);
    expect({ status, stderr }).toEqual({ status: 16, stderr: expect.stringContaining(says) });
    expect(stderr.length).toBeLessThan(5000);
  });

  test('a file about another main device is taken with a warning', async () => {
    const json = {
      schema: 'dmremap.export/1',
      mainSectors: '99',
      entries: [toEntryJson(drawnEntry(5n, 5000n))],
    };
    const { status, stderr } = await importing(JSON.stringify(json));
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('warning: file is about a main device of 99 sectors, and that of '),
    });
  });
});

test('the story, through a shell: export one spare, import it to another from standard input, regret', async () => {
  const csv = (await spawned(folder, ['export', '--format', 'csv', goldenFile(folder, 'real_three')])).stdout;
  const before = readFileSync(spare);
  //  1000 is mapped to another place here.
  const rows = csv.split('\r\n').filter((row) => !row.startsWith('1000,'));
  const child = start(folder, ['remap', 'import', spare, '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin?.end(rows.join('\n'));
  const done = await ended(child);
  expect(done).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('imported 2 remaps of standard input into'),
  });
  undo(done.stderr, folder);
  expect(readFileSync(spare).equals(before)).toBe(true);
});

test('a signal ends the wait for standard input: 32, and nothing was written', async () => {
  const before = stateOf(spare);
  const child = start(folder, ['remap', 'import', spare, '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  //  More than a pipe holds: once it has gone through, the command reads, and waits for more that does not come.
  await new Promise<void>((resolve) =>
    child.stdin?.write('# nothing yet\n'.repeat(150_000), () => resolve()),
  );
  child.kill('SIGINT');
  expect(await ended(child)).toMatchObject({ status: 32, stderr: expect.stringContaining('(ABORT_ERR)') });
  expect(stateOf(spare)).toEqual(before);
});
