// The table of commands: what it promises to whoever adds one, and that only the one that runs is loaded.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allCommands, commands } from '../../lib/cli/commands.js';
import { parseCommandLine } from '../../lib/cli/options/command-line.js';
import { goldenBytes } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { dmremap, goldenFile, mainFile, spawned } from './harness.js';

const folder = scratchFolder();
const all = await allCommands();

test('a row has the name of its command', () => {
  expect(all.map(({ name }) => name)).toEqual(Object.keys(commands));
});

test('a summary is one line of the help', async () => {
  const { stdout } = await dmremap(folder, ['--help']);
  for (const { name, summary } of all) {
    expect(stdout.split('\n')).toContainEqual(expect.stringMatching(new RegExp(`^ {2}${name} +`)));
    expect(stdout).toContain(` ${summary}\n`);
  }
});

test('whatever is written for people has no character that a shell or troff would need to be told about', () => {
  for (const { summary, about, examples, options } of all) {
    const helps = Object.values(options).map(({ help }) => help);
    for (const text of [summary, ...about, ...helps, ...examples.map(({ says }) => says)]) {
      expect(text).toMatch(/^[ -~]*$/);
      expect(text).not.toMatch(/\\/);
    }
  }
});

describe('examples', () => {
  const examples = all.flatMap(({ name, examples }) => examples.map(({ command }) => ({ name, command })));

  test('every command has one', () => {
    expect(all.filter(({ examples }) => examples.length === 0)).toEqual([]);
  });

  /** A home with a spare that has three remaps, what was saved and dumped of it, more remaps, one that has nothing yet, and a main device. */
  async function newHome(): Promise<string> {
    const home = mkdtempSync(join(folder, 'home-'));
    writeFileSync(join(home, 'spare.img'), goldenBytes('real_three'));
    const spare = join(home, 'spare.img');
    expect((await dmremap(home, ['backup', spare, 'spare.backup'])).status).toBe(0);
    expect((await dmremap(home, ['handover', '--backup=before.saved', spare])).status).toBe(0);
    writeFileSync(join(home, 'table.json'), (await dmremap(home, ['dump', '--json', spare])).stdout);
    writeFileSync(join(home, 'remaps.csv'), 'original,spare\n3002,4096\n');
    writeFileSync(join(home, 'new.img'), new Uint8Array(2 ** 22));
    writeFileSync(join(home, 'main.img'), new Uint8Array(2 ** 20));
    mkdirSync(join(home, '.config/fish/completions'), { recursive: true });
    return home;
  }

  test.each(share(examples, 3))('$command', async ({ name, command }) => {
    const typed = /\bdmremap [^<>()]*/.exec(command)?.[0].trim().split(' ').slice(1) ?? [];
    expect(await parseCommandLine(typed, commands)).toMatchObject({ does: 'run', command: { name } });
    if (typed.some((word) => word.startsWith('/dev/'))) return; //  Parsed, and no more: it is somebody's device.
    const prelude = `dmremap() { '${process.execPath}' '${mainFile}' "$@"; echo "ended with $?" >&2; }`;
    const home = await newHome();
    const said = execFileSync('bash', ['-c', `${prelude}\n{ ${command}; } 2>&1`], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home },
      encoding: 'utf8',
    });
    expect(said).toMatch(/^ended with [014]$/m);
    expect(said).not.toMatch(/\(ERR_/);
  });
});

test('a command loads itself and nothing of the others', async () => {
  const image = goldenFile(folder, 'u_one');
  const tell = join(folder, 'tell.cjs');
  writeFileSync(tell, "process.on('exit', () => console.error(JSON.stringify(Object.keys(require.cache))))");
  const loadedBy = async (...argv: string[]) => {
    const env = { PATH: process.env.PATH, NODE_OPTIONS: `--require ${tell}` };
    const { stderr } = await spawned(folder, argv, { env });
    const files: string[] = JSON.parse(stderr);
    return files.filter((file) => dirname(file) === dirname(mainFile)).map((file) => basename(file));
  };
  const check = await loadedBy('check', '--now=1760000000', image);
  const ofCommands = readdirSync(dirname(mainFile)).filter((name) => /-command\.js$/.test(name));
  expect(ofCommands.length).toBeGreaterThan(5);
  expect(check).toContain('check-command.js');
  expect(check).not.toContain('help.js');
  expect(ofCommands.filter((name) => check.includes(name) && !/^(check|examine)-/.test(name))).toEqual([]);
  expect(await loadedBy('--version')).not.toContainEqual(expect.stringMatching(/-command\.js$/));
});
