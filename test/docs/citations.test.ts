// Comments and pages cite the law by its page and a rule, a section or a row of it. Each citation has to lead somewhere, and into this
// repository.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => /\.(ts|mjs|cc|h|c|md|gyp|json)$/.test(path) && existsSync(join(root, path)));
const folders = /^(lib|native|test|bench|scripts|docs|\.ci)\/|^[^/]+\.md$/;
const files = tracked.filter((path) => folders.test(path) && !path.startsWith('test/docs/'));

/** As one line: without what a comment has at the beginning of each of its own. */
const flat = (text: string): string => text.replace(/\n[ \t]*(?:\/\/|\*(?!\/))?[ \t]*/g, ' ');

/** The numbers in `6, 8 and 11` and in `1 to 8`. */
function numbersIn(list: string): number[] {
  return list.split(/, | and /).flatMap((part) => {
    const [first = 0, last = first] = part.split(' to ').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

const numbers = String.raw`\d+(?:(?:, | and | to )\d+)*`;
const ofPages: readonly (readonly [
  page: string,
  kind: string,
  is: (page: string, number: number) => boolean,
])[] = [
  ['format.md', 'section', (page, number) => page.includes(`\n## ${number}. `)],
  [
    'format.md',
    'rule',
    (page, number) => new RegExp(`\n${number}\\. `).test(page.split('\n## 6. ')[1] ?? ''),
  ],
  [
    'io-contract.md',
    'rule',
    (page, number) => new RegExp(`\n${number}\\. `).test(page.split('\n## 2. ')[1] ?? ''),
  ],
];

const cited = ofPages.map(([name, kind, is]) => {
  const page = textOf(`docs/${name}`);
  const pattern = new RegExp(`${name.replace('.', '\\.')}\\)? ${kind}s? (${numbers})`, 'g');
  const found = files.flatMap((path) =>
    [...flat(textOf(path)).matchAll(pattern)].flatMap(([words, list = '']) =>
      numbersIn(list).map((number) => ({ path, words, holds: is(page, number) })),
    ),
  );
  return { name, kind, found, nonsense: is(page, 99) };
});

describe.each(cited)('$name, each $kind that is cited', ({ found, nonsense }) => {
  test('is there', () => {
    expect(found.length).toBeGreaterThan(4);
    expect(found.filter(({ holds }) => !holds)).toEqual([]);
    expect(nonsense).toBe(false);
  });
});

test('a table or heading of io-contract.md that is cited is there', () => {
  const page = textOf('docs/io-contract.md');
  const found = files.flatMap((path) =>
    [...flat(textOf(path)).matchAll(/io-contract\.md\)? (\d\.\d)\b/g)].map(([, number]) => ({
      path,
      number,
    })),
  );
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter(({ number }) => !page.includes(`\n### ${number} `))).toEqual([]);
});

test('no rule or section is cited without its page', () => {
  const bare = files
    .filter(
      (path) => !/^docs\/(format|io-contract|cli)\.md$/.test(path) && !path.startsWith('docs/decisions/'),
    )
    .flatMap((path) =>
      [...flat(textOf(path)).matchAll(/(.{24})\b([Rr]ules?|[Ss]ection|[Cc]ontract) \d+\b/g)]
        .filter(([, before = '']) => !/(format|io-contract)\.md\)? $|\(\d\) $/.test(before))
        .map(([words]) => `${path}: ${words}`),
    );
  expect(bare).toEqual([]);
});

test('every page that a comment names is in the repository', () => {
  const lost = files.flatMap((path) =>
    [...flat(textOf(path)).matchAll(/(?<![\w./-])((?:docs\/)?[\w/-]+\.md)\b/g)]
      .map(([, name = '']) => name)
      .filter(
        (name) => ![name, `docs/${name}`, join(dirname(path), name)].some((at) => existsSync(join(root, at))),
      )
      .map((name) => `${path}: ${name}`),
  );
  expect(lost).toEqual([]);
});

test('every file of lib/ that the source layout names is there', () => {
  const page = textOf('docs/architecture.md');
  const named = [
    ...page.matchAll(/`((?:lib\/)?(?:base|format|device|store|recovery|target|cli)\/[\w/-]+\.ts)`/g),
  ]
    .map(([, name = '']) => (name.startsWith('lib/') ? name : `lib/${name}`))
    .filter((name) => !name.includes('NAME'));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
});

test('every link within the pages leads to a file, and to a heading of it', () => {
  const pages = files.filter((path) => path.endsWith('.md'));
  const broken = pages.flatMap((path) =>
    [...textOf(path).matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/g)]
      .filter(([, target = '', heading]) => {
        const to = target === '' ? path : join(dirname(path), target);
        if (!existsSync(join(root, to))) return true;
        return heading !== undefined && to.endsWith('.md') && !anchorsOf(textOf(to)).includes(heading);
      })
      .map(([link]) => `${path}: ${link}`),
  );
  expect(pages.length).toBeGreaterThan(10);
  expect(broken).toEqual([]);
});

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
