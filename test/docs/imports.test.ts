// Imports in lib/ run in one direction (docs/architecture.md), and in no circle. Types count too: who reads one file has to read what
// it names.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const lib = join(import.meta.dirname, '../../lib');
const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** What each folder may import from, beside itself. */
const below: Readonly<Record<string, readonly string[]>> = {
  base: [],
  format: ['base'],
  device: ['base'],
  store: ['base', 'format', 'device'],
  recovery: ['base', 'format', 'device', 'store'],
  target: ['base', 'format', 'device', 'store'],
  cli: ['base', 'format', 'device', 'store', 'recovery'],
};

const folderOf = (file: string): string => file.split('/')[0] ?? '';

/** The files of lib/ that a file imports, loaded when they are needed or at once. */
const importsOf = new Map(
  files.map((file) => {
    const text = readFileSync(join(lib, file), 'utf8');
    const paths = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)].map(([, path = '']) =>
      relative(lib, join(lib, dirname(file), `${path}.ts`)),
    );
    return [file, paths] as const;
  }),
);

/** A circle that leads through `file`, or undefined. */
function circle(file: string): string[] | undefined {
  const from = new Map<string, string>();
  const queue = [file];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const next of importsOf.get(at) ?? []) {
      if (next === file) {
        const path = [file];
        for (let step = at; step !== file; step = from.get(step) ?? file) path.unshift(step);
        return [file, ...path];
      }
      if (from.has(next)) continue;
      from.set(next, at);
      queue.push(next);
    }
  }
  return undefined;
}

describe('imports in lib/', () => {
  test('are those of files that are there', () => {
    expect(files.length).toBeGreaterThan(150);
    const lost = [...importsOf].flatMap(([file, paths]) =>
      paths.filter((path) => !importsOf.has(path)).map((path) => `${file}: ${path}`),
    );
    expect(lost).toEqual([]);
  });

  test('run downward between the folders', () => {
    const upward = [...importsOf].flatMap(([file, paths]) =>
      paths
        .filter((path) => folderOf(path) !== folderOf(file) && file !== 'index.ts')
        .filter((path) => !below[folderOf(file)]?.includes(folderOf(path)))
        .map((path) => `${file} -> ${path}`),
    );
    expect(upward).toEqual([]);
  });

  test('run in no circle', () => {
    const circles = new Set(files.flatMap((file) => circle(file)?.slice(1).sort().join(' ') ?? []));
    expect([...circles]).toEqual([]);
  });
});
