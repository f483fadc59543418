// There is one way to the system (native/sys.h, sys_uring.h), every call on it can fail to order, and the documentation tells
// of all of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { calls, renderCalls } from './calls.js';

const root = join(import.meta.dirname, '../..');
const native = join(root, 'native');
const source = (name: string) => readFileSync(join(native, name), 'utf8').replace(/\/\/.*/g, '');
const seams = ['sys.h', 'sys_uring.h'];
const named = seams.flatMap((name) =>
  [...source(name).matchAll(/(?:OrErrno|OrNull|OrNegative|Fault)\((?:of_cancel \? )?("[^)&]*")/g)].flatMap(
    ([, names]) => [...(names ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name ?? ''),
  ),
);

it('every call of the seam is in the table, and the other way round', () => {
  expect([...named, 'new'].sort()).toEqual(Object.keys(calls).sort());
});

it('no file of the native part goes around the seam', () => {
  const functions = seams.flatMap((name) =>
    [...source(name).matchAll(/^inline [^(]*?\b([a-z_0-9]+)\(/gm)].map(([, call]) => call ?? ''),
  );
  expect(functions).toContain('io_uring_submit');
  const around = new RegExp(`(?<!sys::|\\w|\\.|->)(${functions.join('|')}|syscall|fopen|ifstream)\\(`);
  const files = readdirSync(native).filter((name) => /\.(cc|h)$/.test(name) && !seams.includes(name));
  const found = files.flatMap((name) =>
    source(name)
      .replace(/"[^"]*"/g, '""')
      .split('\n')
      .filter((line) => around.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

it('the documentation has the table', () => {
  expect(readFileSync(join(root, 'docs/native-faults.md'), 'utf8')).toContain(renderCalls());
});
