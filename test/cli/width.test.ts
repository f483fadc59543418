// How wide the output of the reading commands is: as wide as the terminal, and elsewhere a statement is a line.
import { expect, test } from 'vitest';
import { folded, table, widthOf } from '../../lib/cli/print/text.js';
import { goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, goldenFile } from './harness.js';

const folder = scratchFolder();
const stdout = { write: () => {}, isTTY: false };

test('COLUMNS is what the user wants; else a terminal says it; elsewhere there is no width', () => {
  const widths = (columns: string, terminal?: number) =>
    widthOf({
      stdout: { ...stdout, isTTY: terminal !== undefined, columns: terminal },
      env: { COLUMNS: columns },
    });
  expect([widths('', 132), widths('100', 132), widths('100'), widths('')]).toEqual([132, 100, 100, Infinity]);
  for (const nonsense of ['0', '-5', '1e3', 'wide', '9999999']) expect(widths(nonsense)).toBe(Infinity);
  expect(widths('1')).toBe(40);
  expect(widthOf({ stdout: { ...stdout, isTTY: false, columns: 80 }, env: {} })).toBe(Infinity);
});

test('what follows a line stands below its text, and colours take no room', () => {
  expect(folded(['  out   one two three four', 'short', 'a heading of its own'], 14)).toEqual([
    '  out   one two three four', //  No room for a text there.
    'short',
    'a heading of',
    '    its own',
  ]);
  expect(folded([`  \u001b[31mout\u001b[0m  one two three four`], 18)).toEqual([
    `  \u001b[31mout\u001b[0m  one two`,
    '       three four',
  ]);
  expect(folded([`${'x'.repeat(90)} y`], 80)).toEqual(['x'.repeat(90), '    y']);
});

test('a table leaves out what is optional, the first before the second, and only where there is no room', () => {
  const columns = [
    { title: 'aaaa' },
    { title: 'bbbb', optional: 2 },
    { title: 'cccc', optional: 1 },
  ] as const;
  const titles = (width?: number) => table(columns, [], width)[0];
  expect([titles(), titles(16), titles(15), titles(9), titles(1)]).toEqual([
    'aaaa  bbbb  cccc',
    'aaaa  bbbb  cccc',
    'aaaa  bbbb',
    'aaaa',
    'aaaa',
  ]);
});

test.each(goldenImages.map(({ name }) => name))('at 80 columns no line of %s is wider', async (name) => {
  const path = goldenFile(folder, name);
  for (const now of ['1750000000', '1760000000', '1900000000']) {
    for (const argv of commandsFor(now)) {
      const narrow = await dmremap(folder, [...argv, path], { env: { COLUMNS: '80' } });
      for (const line of narrow.stdout.replaceAll(path, 'spare.img').split('\n')) {
        if (line.trim().startsWith('dmremap ')) continue; //  To be copied as it is.
        expect(line.length, line).toBeLessThanOrEqual(80);
      }
    }
  }
});

const commandsFor = (now: string): string[][] => [
  ['examine', '--explain', '--compare', '--all', `--now=${now}`],
  ['check', '--all', `--now=${now}`],
  ['remap', 'list'],
];

test('a wider terminal shows more columns, and breaks fewer lines', async () => {
  const path = goldenFile(folder, 'u_conflict');
  const at = async (columns: string) =>
    (await dmremap(folder, ['examine', path], { env: { COLUMNS: columns } })).stdout;
  const [narrow, wide, none] = [await at('80'), await at('200'), await at('')];
  expect(wide).toBe(none);
  expect([narrow.includes(' raw '), wide.includes(' raw ')]).toEqual([false, true]);
  expect(narrow.split('\n').length).toBeGreaterThan(wide.split('\n').length);
});
