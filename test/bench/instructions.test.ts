// Counts of instructions: how callgrind is read, and what is said of a count beside the stored one. Nothing is counted here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { runScript } from './harness.js';

const load = (name: string) => import(new URL(`../../bench/instructions/${name}`, import.meta.url).href);
const { instructionsIn } = await load('profile.mjs');
const { compare, comparisonText, stored } = await load('compare.mjs');
const { rows } = await load('rows.mjs');
const folder = scratchFolder();

describe('what callgrind writes', () => {
  const profile = `# callgrind format
version: 1
cmd:  node work.mjs 500
positions: line
events: Ir
summary: 1000

ob=(1) /usr/bin/node
fl=(1) node.cc
fn=(1) main
16 400
cob=(2) /project/build/Release/dmremap.node
cfn=(2) Submit
calls=3 20
16 150
+2 50

ob=(2)
fl=(2) engine.cc
fn=(2)
20 30
-4 20
* 10
cob=(3) /lib/libc.so.6
cfn=(3) memcpy
calls=1 0
* 90

ob=(3)
fn=(3)
0 90
`;

  test('counts what each file has done itself, and not what it has called', () => {
    expect(instructionsIn(profile, 'dmremap.node')).toBe(60);
    expect(instructionsIn(profile, 'node')).toBe(450);
    expect(instructionsIn(profile, 'libc.so.6')).toBe(90);
    expect(instructionsIn(profile, 'process')).toBe(600);
  });

  test('is no count where the file is not in it', () => {
    expect(() => instructionsIn(profile, 'other.node')).toThrow('nothing of other.node');
    expect(() => instructionsIn('', 'process')).toThrow('nothing of process');
  });
});

describe('a count that is stored', () => {
  test('is the median, within four times what it varies by and one percent at least', () => {
    expect(stored('a', [1002, 1000, 1001])).toMatchObject({ name: 'a', count: 1001, tolerance: 0.01 });
    expect(stored('a', [1000, 1100, 1050])).toMatchObject({ count: 1050, tolerance: 0.381 });
    expect(stored('a', [7])).toMatchObject({ count: 7, tolerance: 0.01 });
  });
});

describe('a comparison', () => {
  const environment = {
    'Node.js': '20.0.0',
    architecture: 'x64',
    CPU: 'one',
    compiler: 'g++ 12',
    valgrind: 'valgrind-3.19.0',
  };
  const before = { environment, rows: [{ name: 'encode', count: 1000, tolerance: 0.02 }] };
  const now = (count: number, name = 'encode', changes = {}) => ({
    environment: { ...environment, ...changes },
    rows: [{ name, count }],
  });
  const last = (text: string) => text.split('\n').at(-1);

  test.each([
    [1000, 'ok', true],
    [1020, 'ok', true],
    [1020.1, 'MORE', false],
    [2000, 'MORE', false],
    [980, 'ok', true],
    [979, 'fewer: record it', true],
  ])('of 1,000 within two percent with %d says %s', (count, verdict, within) => {
    const result = compare(before, now(count));
    expect(result.rows).toMatchObject([{ name: 'encode', stored: 1000, now: count, verdict, within }]);
    expect(result.differences).toEqual([]);
    const text = comparisonText(result);
    expect(text).toContain(verdict);
    expect(last(text)).toBe(`instructions: ${within ? 1 : 0} of 1 within bounds`);
  });

  test('of a row that is not stored is beyond its bounds', () => {
    const result = compare(before, now(10, 'decode'));
    expect(result.rows).toMatchObject([
      { name: 'decode', stored: null, verdict: 'not stored', within: false },
    ]);
    expect(last(comparisonText(result))).toBe('instructions: 0 of 1 within bounds');
  });

  test('says what else is different, and compares all the same', () => {
    const result = compare(before, now(1500, 'encode', { CPU: 'another', compiler: 'g++ 13' }));
    expect(result.differences).toEqual([
      { name: 'CPU', stored: 'one', now: 'another' },
      { name: 'compiler', stored: 'g++ 12', now: 'g++ 13' },
    ]);
    const text = comparisonText(result);
    expect(text).toContain('CPU: another, and the stored counts are from one');
    expect(text).toContain('cannot be compared exactly');
    expect(text).toContain('1.5000 x');
    expect(comparisonText(compare(before, now(1500)))).not.toContain('exactly');
  });
});

test('what is stored are the rows that are counted, each with its bounds', () => {
  const file = join(import.meta.dirname, '../../bench/instructions.json');
  const document = JSON.parse(readFileSync(file, 'utf8'));
  const names = rows('anywhere').map(({ name }: { readonly name: string }) => name);
  expect(document.schema).toBe('dmremap.instructions/1');
  expect(document.rows.map(({ name }: { readonly name: string }) => name)).toEqual(names);
  for (const { count, tolerance } of document.rows) {
    expect(count).toBeGreaterThan(0);
    expect(tolerance).toBeGreaterThanOrEqual(0.01);
  }
});

test('a word that it does not know is a mistake', async () => {
  const { status, stderr } = await runScript('scripts/instructions.mjs', ['--recrod'], folder);
  expect(status).toBe(16);
  expect(stderr).toContain('--recrod');
});
