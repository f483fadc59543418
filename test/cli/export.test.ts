// `dmremap export`: what dmsetup, a shell and a spreadsheet make of it is what stands in the table.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { conciseLine, noDeviceName, noTableWord, tableLine } from '../../lib/cli/print/export-text.js';
import { drawSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, stateOf } from './harness.js';

const scratch = scratchFolder();
let folder = '';
let spare = '';
beforeEach(() => {
  folder = mkdtempSync(join(scratch, 'case-'));
  spare = join(folder, 'spare.img');
});

function draw(remaps: readonly (readonly [bigint, bigint])[], sequence = 1n): void {
  writeFileSync(spare, Buffer.concat(Array(5).fill(drawSlot({ remaps, sequence }))));
}

const exportTo = (format: string, ...argv: string[]) =>
  dmremap(folder, ['export', `--format=${format}`, ...argv, spare]);

/** The C library's isspace(), which dmsetup asks, of a byte. */
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 9 && byte <= 13);
/** The kernel's: ctype.c has Latin-1 in it. */
const isKernelSpace = (byte: number): boolean => isSpace(byte) || byte === 0xa0;

/** What the kernel gives a target for a line, as dmsetup's _parse_line() and the kernel's dm_split_args() do it. */
function constructed(line: string): { start: string; size: string; type: string; args: string[] } {
  const bytes = [...Buffer.from(line.trim())];
  const words: number[][] = [];
  let at = 0;
  const word = (): number[] => {
    while (isSpace(bytes[at] ?? 0)) at += 1;
    const start = at;
    while (at < bytes.length && !isSpace(bytes[at] ?? 0)) at += 1;
    return bytes.slice(start, at);
  };
  const [start, size, type] = [word(), word(), word()].map((one) => Buffer.from(one).toString());
  const comment = bytes.indexOf(0x23, at);
  const rest = comment === -1 ? bytes.slice(at) : bytes.slice(at, comment);
  for (let from = 0; from < rest.length; ) {
    if (isKernelSpace(rest[from] ?? 0)) {
      from += 1;
      continue;
    }
    const out: number[] = [];
    for (; from < rest.length && !isKernelSpace(rest[from] ?? 0); from += 1) {
      if (rest[from] === 0x5c && from + 1 < rest.length) from += 1;
      out.push(rest[from] ?? 0);
    }
    words.push(out);
  }
  return {
    start: start ?? '',
    size: size ?? '',
    type: type ?? '',
    args: words.map((one) => Buffer.from(one).toString()),
  };
}

/** The devices of a concise specification, as dmsetup's _create_concise() takes it apart; null where it refuses. */
function devicesOf(spec: string): string[][] | null {
  const devices: string[][] = [];
  let fields = [''];
  for (let at = 0; at < spec.length; ) {
    const char = spec[at] ?? '';
    const add = (text: string) => {
      fields[fields.length - 1] += text;
    };
    if (char === '\\') {
      if (at + 1 >= spec.length) return null;
      add(spec[at + 1] ?? '');
      at += 2;
    } else if (char === ',') {
      if (fields.length < 5) {
        fields.push('');
        while (isSpace(spec.charCodeAt(at + 1))) at += 1;
      } else add('\n');
      at += 1;
    } else if (char === ';' || at + 1 === spec.length) {
      if (char !== ';') add(char);
      if (fields.length !== 5) return null;
      devices.push(fields);
      fields = [''];
      at += 1;
    } else {
      add(char);
      at += 1;
    }
  }
  return fields.length === 1 && fields[0] === '' ? devices : null;
}

const hostile = fc
  .array(
    fc.constantFrom(
      '/',
      ' ',
      '\\',
      ',',
      ';',
      "'",
      '"',
      '$',
      'a',
      '-',
      '0',
      '#',
      '\n',
      '\t',
      'à',
      'é',
      '日',
      '\u202e',
    ),
  )
  .map((parts) => parts.join(''));

describe('the table line', () => {
  test('of the golden images', async () => {
    for (const { name, selected, fields } of goldenImages) {
      if (selected === null) continue;
      spare = goldenFile(folder, name);
      const { status, stdout } = await exportTo('dmsetup', '--main=/dev/sda');
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: `0 ${fields?.main_sectors} dm-remap-v4 /dev/sda ${spare}\n`,
      });
    }
  });

  test('comes to the target as it was meant, or is refused, whatever the paths', () => {
    let taken = 0;
    fc.assert(
      fc.property(hostile, hostile, hostile, (main, other, name) => {
        if ((noTableWord(main) ?? noTableWord(other)) !== undefined) return;
        taken += 1;
        const expected = { start: '0', size: '16384', type: 'dm-remap-v4', args: [main, other] };
        const line = tableLine(16_384n, main, other);
        expect(constructed(line)).toEqual(expected);
        if (noDeviceName(name) !== undefined) return;
        const [device, ...more] = devicesOf(conciseLine(name, line)) ?? [];
        expect(more).toEqual([]);
        expect(device?.slice(0, 4)).toEqual([name, '', '', 'rw']);
        expect(constructed(device?.[4] ?? '')).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('what is refused would come as something else', () => {
    for (const path of ['a#b', 'a ', 'à', 'a\nb', '']) {
      expect(noTableWord(path)).toBeDefined();
      expect(constructed(tableLine(9n, '/dev/sda', path)).args).not.toEqual(['/dev/sda', path]);
    }
  });

  test('--spare stands for an image, --concise is for dmsetup create', async () => {
    draw([[1000n, 5000n]]);
    const { stdout, stderr } = await exportTo(
      'dmsetup',
      '--main=/dev/a b',
      '--spare=/dev/c,d',
      '--concise',
      '--name=x;y',
    );
    expect(stdout).toBe('x\\;y,,,rw,0 16384 dm-remap-v4 /dev/a\\\\ b /dev/c\\,d\n');
    expect(stderr).toBe('');
  });
});

describe('what the module will make of it is said on stderr', () => {
  test('of a spare that it would not take as it is', async () => {
    writeFileSync(
      spare,
      Buffer.concat(drawDisk('7+ 7+ 7+ 7+ 7+').filter((slot) => slot instanceof Uint8Array)),
    );
    const { status, stderr } = await exportTo('dmsetup', '--main=/dev/sda');
    expect(status).toBe(0);
    expect(stderr).toContain(
      `if activated now, the module WIPES it: it overwrites what is there with an empty table; what to do: dmremap check ${spare}\n`,
    );
    expect(stderr).toContain('is no block device, and the module takes no other: --spare names it\n');
  });

  test('of a sequence that it would start again below', async () => {
    draw([[1000n, 5000n]], 7n);
    const { stderr } = await exportTo('dmsetup', '--main=/dev/sda', '--spare=/dev/sdb');
    expect(stderr).toBe(`dmremap: note: before the module takes it: dmremap handover ${spare}\n`);
  });

  test('of data where it gives out sectors, or writes its table', async () => {
    draw([
      [1000n, 5000n],
      [1001n, 3000n],
      [1002n, 100n],
    ]);
    const { stdout, stderr } = await exportTo('messages', '--name=disk');
    expect(stdout).toBe(
      'dmsetup message disk 0 test_remap 1000 5000\n' +
        'dmsetup message disk 0 test_remap 1001 3000\n' +
        'dmsetup message disk 0 test_remap 1002 100\n',
    );
    expect(stderr.split('\n')).toEqual([
      expect.stringContaining('test_remap carries sectors alone'),
      expect.stringMatching(
        /^dmremap: note: a running target does not use .* until the target is created again/,
      ),
      expect.stringContaining('the data of 1 remap lies inside the metadata region'),
      expect.stringContaining('the data of 2 remaps lies in the lower half of the spare'),
      '',
    ]);
  });
});

test('messages are what a shell runs, whatever the name, and end with the mapping in force', async () => {
  draw([
    [1000n, 5000n],
    [1001n, 5008n],
    [1000n, 5016n],
  ]);
  const name = 'it\'s $HOME `x`; "y" \\';
  const { stdout } = await exportTo('messages', `--name=${name}`);
  const shell = `dmsetup() { printf '<%s>' "$@"; echo; }\n${stdout}`;
  expect(execFileSync('bash', ['-c', shell], { encoding: 'utf8' })).toBe(
    `<message><${name}><0><test_remap><1001><5008>\n<message><${name}><0><test_remap><1000><5016>\n`,
  );
});

describe.each(goldenImages)('$name', ({ name, selected }) => {
  test('as JSON and as CSV, only read', async () => {
    spare = goldenFile(folder, name);
    const before = stateOf(spare);
    const [json, csv, other] = [
      await exportTo('json'),
      await exportTo('csv'),
      await dmremap(folder, ['export', '--json', spare]),
    ];
    expect(stateOf(spare)).toEqual(before);
    expect(other).toEqual(json);
    if (selected === null) {
      expect([json, csv]).toMatchObject([
        { status: 4, stdout: '' },
        { status: 4, stdout: '' },
      ]);
      return;
    }
    const { entries } = documentOf(json.stdout) as { entries: Record<string, unknown>[] };
    const [header, ...rows] = csv.stdout.split('\r\n');
    expect(header).toBe('original,spare,timestamp,accessCount,errorCount,reason,flags');
    expect(rows.slice(0, -1)).toEqual(entries.map((entry) => Object.values(entry).join(',')));
    expect(rows.at(-1)).toBe('');
  });
});

test('an empty table is a header line, an empty list, and no message', async () => {
  draw([]);
  expect((await exportTo('csv')).stdout.split('\r\n')).toHaveLength(2);
  expect(documentOf((await exportTo('json')).stdout)).toMatchObject({ entries: [] });
  expect(await exportTo('messages', '--name=x')).toEqual({ status: 0, stdout: '', stderr: '' });
});
