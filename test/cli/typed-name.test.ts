// What would overwrite the metadata of another main device asks for the name of the spare, and takes nothing else.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { goldenBytes } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { share } from '../support/tier.js';
import { backupsIn, dmremap, mainFile, type Overrides } from './harness.js';

let before = Buffer.alloc(0);

/** A spare of another main device than the backup that is to be restored to it. */
beforeEach(async () => {
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
  ['create', () => ['create', '--force', '--main=16384', spare], 0],
];

describe.each(share(commands, 3))('%s', (_, argv, done) => {
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

describe('create --force', () => {
  const create = (main: number, ...more: string[]) =>
    dmremap(folder, ['create', '--force', `--main=${main}`, ...more, spare]);

  test('asks nobody over an empty table of the same main, nor where no copy can be used', async () => {
    expect((await create(999)).status).toBe(0);
    writeFileSync(spare, Buffer.alloc(2 ** 22, 0xa5));
    expect((await create(16_384)).status).toBe(0);
  });

  test('asks over remaps, since another main may have the same size', async () => {
    expect((await dmremap(folder, ['remap', 'add', '--no-backup', spare, '5', '6'])).status).toBe(0);
    before = readFileSync(spare);
    const refused = await create(999);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain(
      'it may belong to another main device: there are 2 remaps in its table, and none in the new one (ERR_OTHER_MAIN)\n  --yes=NAME,',
    );
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect((await create(999, '--yes=spare.img')).status).toBe(0);
  });

  test('asks where a single copy is of another main', async () => {
    const mixed = Buffer.from(before);
    mixed.set(goldenBytes('u_one').subarray(0, 131_072), 3 * 131_072);
    writeFileSync(spare, mixed);
    expect((await create(999)).stderr).toContain(
      'main has 16384 sectors there, 999 in the table (ERR_OTHER_MAIN)',
    );
    expect(readFileSync(spare).equals(mixed)).toBe(true);
  });

  test('--yes does not stand for --force', async () => {
    const refused = await dmremap(folder, ['create', '--main=16384', '--yes=spare.img', spare]);
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_METADATA_EXISTS)') });
  });
});

describe('undo --force', () => {
  const saved = () => join(folder, 'saved');
  const undo = (...more: string[]) => dmremap(folder, ['undo', '--force', ...more, saved(), spare]);
  /** Of `main`, by somebody else: not through a command that the pre-image knows. */
  const createdSince = async (main: number) => {
    const ran = await dmremap(folder, [
      'create',
      '--force',
      '--no-backup',
      `--main=${main}`,
      '--yes=spare.img',
      spare,
    ]);
    expect(ran.status, ran.stderr).toBe(0);
    return readFileSync(spare);
  };
  beforeEach(async () => {
    const ran = await dmremap(folder, ['remap', 'add', `--backup=${saved()}`, spare, '5']);
    expect(ran.status, ran.stderr).toBe(0);
  });

  test('over the table of another main wants the name', async () => {
    const since = await createdSince(16_384);
    const refused = await undo();
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toMatch(
      /main has 16384 sectors there, 999 in the table \(ERR_OTHER_MAIN\)\n {2}--yes=NAME/,
    );
    expect(readFileSync(spare).equals(since)).toBe(true);
    expect(backupsIn(folder)).toEqual([]);
    const asked = await dmremap(folder, ['undo', '--force', saved(), spare], {
      ask: async () => 'spare.img',
    });
    expect(asked.status, asked.stderr).toBe(0);
    expect(readFileSync(spare).equals(before)).toBe(true);
  });

  test('over a table of the same main does not', async () => {
    await createdSince(999);
    expect((await undo()).status).toBe(0);
    expect(readFileSync(spare).equals(before)).toBe(true);
  });

  test('to what holds no table wants the name over any', async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22));
    const first = join(folder, 'first');
    await dmremap(folder, ['create', '--main=999', `--backup=${first}`, spare]);
    const since = await createdSince(16_384);
    const refused = await dmremap(folder, ['undo', '--force', first, spare]);
    expect(refused.stderr).toContain(
      'main has 16384 sectors there, and what is put back has no table (ERR_OTHER_MAIN)',
    );
    expect(readFileSync(spare).equals(since)).toBe(true);
    const named = await dmremap(folder, ['undo', '--force', '--yes=spare.img', first, spare]);
    expect(named.status, named.stderr).toBe(4);
    expect(readFileSync(spare).equals(Buffer.alloc(2 ** 22))).toBe(true);
  });

  test('to the other main that a create has replaced does not: what it wrote is known', async () => {
    const create = [
      'create',
      '--force',
      `--backup=${join(folder, 'other')}`,
      '--main=16384',
      '--yes=spare.img',
    ];
    const old = readFileSync(spare);
    expect((await dmremap(folder, [...create, spare])).status).toBe(0);
    const damaged = readFileSync(spare).fill(1, 300_000, 300_512);
    writeFileSync(spare, damaged);
    expect((await dmremap(folder, ['undo', '--force', join(folder, 'other'), spare])).status).toBe(0);
    expect(readFileSync(spare).equals(old)).toBe(true);
  });

  test('--yes with another name is a usage error', async () => {
    expect(await undo('--yes=sda')).toMatchObject({ status: 16, stdout: '' });
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
