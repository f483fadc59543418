// The manual pages: those in the repository are those of the definitions, and a formatter finds nothing wrong with them.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allCommands } from '../../lib/cli/commands.js';
import { optionPairs } from '../../lib/cli/reference/help.js';
import { manPages } from '../../lib/cli/reference/man.js';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'man');
const { version, man, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pages = await manPages(version);

test('man/ is what `npm run man` makes of the definitions', () => {
  const found = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  expect([...found.keys()].sort()).toEqual([...pages.keys()].sort());
  for (const [name, text] of pages) expect(found.get(name), `${name}: npm run man`).toBe(text);
});

test('every command has a page, and the package installs all of them', async () => {
  const names = (await allCommands()).map(({ name }) => `dmremap-${name.replaceAll(' ', '-')}.1`);
  expect([...pages.keys()]).toEqual(['dmremap.1', ...names]);
  expect([...man].sort()).toEqual([...pages.keys()].map((name) => `man/${name}`).sort());
  expect(files).toContain('man');
});

/** A page as it is shown on a terminal of 80 columns, without the marks for bold and underlined. */
function shown(name: string): { text: string; warnings: string } {
  const options = ['-man', '-Tutf8', '-ww', '-P', '-cbou', '-rLL=78n'];
  const { stdout, stderr, error } = spawnSync('groff', [...options, join(folder, name)], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return { text: stdout, warnings: stderr };
}

test.each([...pages.keys()])('%s is formatted without a warning, in 80 columns', (name) => {
  const { text, warnings } = shown(name);
  expect(warnings).toBe('');
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  for (const section of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS', 'SEE ALSO']) {
    expect(text.split('\n')).toContain(section);
  }
});

test('a page has every option, operand and example as it is typed', async () => {
  for (const { name, operands, options, examples } of await allCommands()) {
    const { text } = shown(`dmremap-${name.replaceAll(' ', '-')}.1`);
    expect(text).toContain(`dmremap ${name} [options] ${operands}`);
    for (const [option] of optionPairs(options)) {
      //  What is shorter than the indent has its text on the same line.
      expect(text.match(/^ {7}-.*/gm)).toContainEqual(expect.stringMatching(startsWith(option)));
    }
    for (const { command } of examples) expect(text).toContain(`\n           ${command}\n`);
  }
});

const startsWith = (option: string) => new RegExp(`^ {7}${option.replace(/[|[\]=.]/g, '\\$&')}( |$)`);
