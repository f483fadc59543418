// What would overwrite the metadata of another main device asks for the name of the spare, and takes nothing else.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { goldenBytes } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { backupsIn, dmremap, mainFile, type Overrides } from './harness.js';

const scratch = scratchFolder();
let folder = '';
let spare = '';
let before = Buffer.alloc(0);
let count = 0;

/** A spare of another main device than the backup that is to be restored to it. */
beforeEach(async () => {
  count += 1;
  folder = join(scratch, `${count}`);
  mkdirSync(folder);
  spare = join(folder, 'spare.img');
  writeFileSync(spare, goldenBytes('u_one'));
  expect((await dmremap(folder, ['backup', spare, join(folder, 'backup')])).status).toBe(0);
  writeFileSync(spare, Buffer.alloc(2 ** 22));
  const { status } = await dmremap(folder, ['create', '--main=999', '--no-backup', spare]);
  expect(status).toBe(0);
  before = readFileSync(spare);
});

const commands: readonly (readonly [name: string, argv: () => string[], done: number])[] = [
  ['restore', () => ['restore', `--backup=${join(folder, 'backup')}`, spare], 0],
  ['repair', () => ['repair', '--apply', `--use=file=${join(folder, 'backup')}`, spare], 1],
];

describe.each(commands)('%s', (_, argv, done) => {
  const typing = (typed: string | undefined, questions: string[] = []): Overrides => ({
    ask: async (question) => {
      questions.push(question);
      return typed;
    },
  });
  const untouched = () => {
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect(backupsIn(folder)).toEqual([]);
  };

  test.each([
    ['as it was given', () => spare],
    ['the last part of it', () => 'spare.img'],
  ])('goes on where the name is typed, %s', async (_, name) => {
    const questions: string[] = [];
    const ran = await dmremap(folder, argv(), typing(name(), questions));
    expect(ran.status, ran.stderr).toBe(done);
    expect(questions).toEqual(['to write all the same, type the name of the spare, spare.img: ']);
    expect(ran.stderr).toMatch(/^dmremap: .*: it belongs to another main device: .* \(ERR_OTHER_MAIN\)\n/);
    expect(readFileSync(spare).equals(before)).toBe(false);
    expect(backupsIn(folder)).toHaveLength(1);
  });

  test.each(['', 'spare.im', 'spare.img ', 'SPARE.IMG', 'yes', undefined])(
    'writes nothing where %j is typed',
    async (typed) => {
      const ran = await dmremap(folder, argv(), typing(typed));
      expect(ran).toMatchObject({ status: 8, stdout: '' });
      expect(ran.stderr).toMatch(/its name was not typed \(ERR_OTHER_MAIN\)\n {2}nothing was written\n$/);
      untouched();
    },
  );

  test('asks nobody for a script, and says what the script can do', async () => {
    for (const [words, overrides] of [
      [['--json'], typing('spare.img')],
      [[], {}],
    ] as const) {
      const ran = await dmremap(folder, [...argv(), ...words], overrides);
      expect(ran).toMatchObject({ status: 8, stdout: '' });
      expect(ran.stderr).toContain('--yes=NAME, with the name of the spare, writes all the same\n');
      untouched();
    }
  });

  test('does not ask whoever has said it', async () => {
    const questions: string[] = [];
    const ran = await dmremap(folder, [...argv(), '--yes=spare.img'], typing('no', questions));
    expect([ran.status, questions]).toEqual([done, []]);
  });

  test('the deadline does not run while somebody thinks', async () => {
    let now = 0;
    const ran = await dmremap(folder, [...argv(), '--timeout=60000'], {
      monotonicMs: () => now,
      ask: async () => {
        now += 3_600_000;
        return 'spare.img';
      },
    });
    expect(ran.status, ran.stderr).toBe(done);
  });

  test('what is written while somebody thinks is what is planned on, and saved', async () => {
    const changed = Buffer.from(before).fill(1, 100_000, 100_512);
    const ran = await dmremap(folder, argv(), {
      ask: async () => {
        writeFileSync(spare, changed);
        return 'spare.img';
      },
    });
    expect(ran.status, ran.stderr).toBe(done);
    const [file = ''] = backupsIn(folder);
    expect(readFileSync(file).subarray(0, 655_360).equals(changed.subarray(0, 655_360))).toBe(true);
  });
});

describe('on a terminal', () => {
  /** Runs a restore on a terminal of its own, and presses these keys when it asks. */
  async function pressed(keys: string) {
    const words = [process.execPath, mainFile, 'restore', `--backup=${join(folder, 'backup')}`, spare];
    const command = `${words.map((word) => `'${word}'`).join(' ')}; echo "ended with $?"`;
    //  A shell that goes on after ^C, to tell the status.
    const child = spawn('script', ['-qec', `trap : INT; ${command}`, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env.PATH, SHELL: '/bin/sh', TERM: 'xterm', XDG_STATE_HOME: join(folder, 'state') },
    });
    let seen = '';
    let isAsked = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      if (isAsked || !seen.includes('type the name of the spare, spare.img: ')) return;
      isAsked = true;
      child.stdin.write(keys);
    });
    await new Promise((resolve) => child.on('close', resolve));
    child.stdin.destroy();
    expect(isAsked, seen).toBe(true);
    return seen;
  }

  test('the name that is typed is taken', async () => {
    expect(await pressed('spare.img\n')).toMatch(/restored .*ended with 0\r\n/s);
    expect(readFileSync(spare).equals(before)).toBe(false);
  });

  test.each([
    ['another name', 'spare\n', 'not typed', 8],
    ['an empty line', '\n', 'not typed', 8],
    ['^D', '\u0004', 'not typed', 8],
    ['^C', '\u0003', 'ABORT_ERR', 32],
  ])('%s writes nothing', async (_, keys, says, status) => {
    const seen = await pressed(keys);
    expect(seen).toContain(says);
    expect(seen).toContain('  nothing was written\r\n');
    expect(seen).toContain(`ended with ${status}\r\n`);
    expect(readFileSync(spare).equals(before)).toBe(true);
  });
});
