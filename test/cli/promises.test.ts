// Every command is held to one list of promises (promises.ts): what it does with a path that is not what it should be, what
// it prints where, and that what only reads has never opened anything for writing.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../lib/cli/commands.js';
import { openDevice } from '../../lib/device/native-device.js';
import { goldenBytes } from '../support/golden.js';
import { random } from '../support/random.js';
import { loopDevice, scratchFolder, whyNoLoop } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { dmremap, documentOf, mainFile, type Ran, spawned, stateOf } from './harness.js';
import { promises, type Row, savedFiles } from './promises.js';

const folder = scratchFolder();
//  As large as its header says, so that a loop device over it is the spare.
const healthy = new Uint8Array(8192 * 512);
healthy.set(goldenBytes('u_one'));

/** A folder with a spare, and what the rows need beside it. */
function newHome(bytes: Uint8Array = healthy): { readonly home: string; readonly path: string } {
  const home = mkdtempSync(join(folder, 'home-'));
  const path = join(home, 'spare.img');
  writeFileSync(path, bytes);
  for (const name of Object.values(savedFiles))
    writeFileSync(join(home, name), readFileSync(join(folder, name)));
  return { home, path };
}

beforeAll(async () => {
  const spare = join(folder, 'healthy.img');
  writeFileSync(spare, healthy);
  const saved = (name: keyof typeof savedFiles) => join(folder, savedFiles[name]);
  expect((await dmremap(folder, ['backup', spare, saved('backup')])).status).toBe(0);
  writeFileSync(saved('table'), 'original,spare\n7000,7000\n');
  writeFileSync(saved('dump'), (await dmremap(folder, ['dump', '--json', spare])).stdout);
  expect((await dmremap(folder, ['handover', `--backup=${saved('preimage')}`, spare])).status).toBe(0);
});

const withPath = promises.filter(({ does }) => does !== 'alone');
const readers = promises.filter(({ does }) => does === 'reads');
const all = Object.keys(commands);
const some = share(promises, 5);
const somePaths = share(withPath, 5);

//  What needs root: loop devices, another user, strace.
const skipped = whyNoLoop();
if (skipped !== undefined) console.warn(`skipped: ${skipped}`);

/** What holds for whatever a command prints. */
function expectSaid({ status, stdout, stderr }: Ran, row?: Row): void {
  expect(stdout + stderr).not.toMatch(/\bundefined\b|\[object |\bNaN\b|^ +at .*:\d+:\d+\)?$/m);
  expect(stdout + stderr).not.toContain('\u001b');
  for (const text of [stdout, stderr]) if (text !== '') expect(text.endsWith('\n')).toBe(true);
  //  What fails says why, with a code; what was found is no failure. What stands in the way of a path is the answer of
  //  doctor.
  if (row?.name !== 'doctor' && status !== null && (status & (8 | 16 | 32)) !== 0)
    expect(stderr).toMatch(/\((ERR_[A-Z_]+|ABORT_ERR)\)/);
}

async function runs(row: Row, home: string, path: string, ...more: readonly string[]): Promise<Ran> {
  const ran = await dmremap(home, [...row.argv(path, home), ...more]);
  expectSaid(ran, row);
  return ran;
}

test('every command has a row', () => {
  const held = new Set(promises.map(({ name }) => name.replace(/ --.*/, '')));
  expect([...held].sort()).toEqual([...all].sort());
});

describe('what is typed', () => {
  test.each(all)('%s --help says how it is used, with examples, in 80 columns', async (name) => {
    for (const option of ['--help', '-h']) {
      const ran = await dmremap(folder, [...name.split(' '), option]);
      expect(ran).toMatchObject({ status: 0, stderr: '' });
      expectSaid(ran);
      expect(ran.stdout).toMatch(new RegExp(`^usage: dmremap ${name} `));
      expect(ran.stdout).toMatch(/^examples?:$/im);
      expect(Math.max(...ran.stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    }
  });

  test.each(some)('$name refuses an option that it does not know', async (row) => {
    const { home, path } = newHome();
    const before = stateOf(path);
    const ran = await runs(row, home, path, '--no-such-option');
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr).toContain("'--no-such-option'");
    expect(ran.stderr).toContain('--help');
    expect(stateOf(path)).toEqual(before);
  });
});

describe('a path that is nothing to open', () => {
  const kinds: readonly [what: string, make: (home: string) => string, code: RegExp][] = [
    ['nothing', (home) => join(home, 'no-such-file'), /ENOENT|ERR_NOT_FOUND/],
    ['a name below a file', (home) => join(home, 'spare.img/x'), /ENOTDIR|ERR_/],
    ['a directory', (home) => home, /ERR_NOT_A_DEVICE|EISDIR/],
    ['a FIFO', (home) => fifo(home), /ERR_NOT_A_DEVICE/],
    ['a character device', () => '/dev/zero', /ERR_NOT_A_DEVICE/],
    ['a symbolic link to itself', (home) => ringLink(home), /ELOOP/],
  ];
  for (const [what, make, code] of kinds) {
    test.each(somePaths)(`${what}: $name ends with 16`, async (row) => {
      const { home } = newHome();
      const ran = await runs(row, home, make(home));
      //  What it has found out about a path is what doctor was asked for.
      if (row.name === 'doctor') expect(ran).toMatchObject({ status: 16 });
      else {
        expect(ran).toMatchObject({ status: 16, stdout: '' });
        expect(ran.stderr).toMatch(code);
      }
    });
  }

  test.skipIf(skipped !== undefined).each(somePaths)('unreadable: $name ends with 8', async (row) => {
    const { home, path } = newHome();
    chmodSync(path, 0);
    chmodSync(folder, 0o755);
    chmodSync(home, 0o777);
    for (const name of Object.values(savedFiles)) chmodSync(join(home, name), 0o444);
    const before = stateOf(path);
    const ran = await asNobody(home, row.argv(path, home));
    expectSaid(ran, row);
    expect(ran.status, ran.stdout).toBe(8);
    if (row.name !== 'doctor') expect(ran.stderr).toContain('EACCES');
    expect(stateOf(path)).toEqual(before);
  });
});

describe('a file that is not as it should be', () => {
  const noise = random(7).fill(new Uint8Array(healthy.length));
  const kinds = [
    ['empty', new Uint8Array(0)],
    ['truncated', healthy.slice(0, 100_000)],
    ['noise', noise],
    ['healthy', healthy],
  ] as const;
  for (const [kind, bytes] of kinds) {
    test.each(somePaths)(`${kind}: $name`, async (row) => {
      const { home, path } = newHome(bytes);
      const before = stateOf(path);
      const ran = await runs(row, home, path);
      expect(ran.status, ran.stderr).toBe(row[kind]);
      const failed = (row[kind] & (8 | 16)) !== 0;
      if (row.does === 'reads' || failed) expect(stateOf(path)).toEqual(before);
      if (failed) expect(ran.stdout).toBe('');
    });

    test.each(somePaths.filter(({ json }) => json))(
      `${kind}: $name --json is one document, or none`,
      async (row) => {
        const { home, path } = newHome(bytes);
        const ran = await runs(row, home, path, '--json');
        expect(ran.status, ran.stderr).toBe(row[kind]);
        if (row[kind] === 0 || ran.stdout !== '') documentOf(ran.stdout);
        if ((row[kind] & (8 | 16)) !== 0) expect(ran.stdout).toBe('');
      },
    );
  }
});

describe('on a terminal', () => {
  test.each(somePaths)('$name is without colour where NO_COLOR is set, and says the same', async (row) => {
    const said = async (env: Record<string, string>, isTTY: boolean) => {
      const { home, path } = newHome();
      const state = { XDG_STATE_HOME: join(home, 'state') };
      const ran = await dmremap(home, row.argv(path, home), { env: { ...state, ...env }, isTTY });
      return ran.stdout.replaceAll(home, 'HOME').replace(/new-\d+|\d{8}T\d+Z?[^ ]*/g, 'NEW');
    };
    const plain = await said({}, false);
    expect(await said({ NO_COLOR: '1' }, true)).toBe(plain);
    expect(await said({ TERM: 'dumb' }, true)).toBe(plain);
    const coloured = await said({}, true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what sets a colour is looked for
    expect(coloured.replace(/\u001b\[[0-9;]*m/g, '')).toBe(plain);
  });
});

describe('a device', () => {
  test.skipIf(skipped !== undefined).each(somePaths)('that is read-only: $name', async (row) => {
    const { home, path } = newHome();
    const loop = loopDevice(path, ['--read-only']);
    try {
      const before = stateOf(path);
      const ran = await runs(row, home, loop.path);
      expect(ran.status, ran.stderr).toBe(row.readOnly);
      expect(stateOf(path)).toEqual(before);
    } finally {
      loop.detach();
    }
  });

  test.skipIf(skipped !== undefined).each(somePaths)('that somebody holds: $name', async (row) => {
    const { home, path } = newHome();
    const loop = loopDevice(path);
    try {
      await using _held = await openDevice(loop.path, { mode: 'write' });
      const before = readFileSync(path);
      const ran = await runs(row, home, loop.path);
      expect(ran.status, ran.stderr).toBe(row.held);
      if (row.does === 'writes') expect(ran.stderr).toContain('ERR_DEVICE_BUSY');
      expect(readFileSync(path).equals(before)).toBe(true);
    } finally {
      loop.detach();
    }
  });

  test.skipIf(skipped !== undefined).each(somePaths)('that is as it should be: $name', async (row) => {
    const { home, path } = newHome();
    const loop = loopDevice(path);
    try {
      const ran = await runs(row, home, loop.path);
      expect(ran.status, ran.stderr).toBe(row.healthy);
    } finally {
      loop.detach();
    }
  });
});

test.skipIf(skipped !== undefined).each(share(readers, 4))(
  '$name opens its path for reading only, no other device, and nothing else for writing',
  async (row) => {
    const { home, path } = newHome();
    const log = join(home, 'strace.log');
    const argv = [process.execPath, mainFile, ...row.argv(path, home)];
    const trace = [
      '-f',
      '-qq',
      '-s',
      '4096',
      '-o',
      log,
      '-e',
      'trace=open,openat,openat2,creat,mknod,mknodat',
    ];
    execFileSync('strace', [...trace, ...argv], { cwd: home, stdio: 'ignore' });
    //  Each attempt, whatever came of it: in a process of threads the result of a call stands on another line.
    const opened = readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const call = /^\d+ +(?:open|openat|openat2|creat|mknod|mknodat)\((.*)/.exec(line)?.[1];
        const [, name = call, flags = 'O_CREAT'] =
          /^(?:\w+, )?"((?:[^"\\]|\\.)*)", ([^)<]*)/.exec(call ?? '') ?? [];
        return name === undefined ? [] : [{ name, flags }];
      });
    const own = opened.filter(({ name }) => name === path);
    expect(own.length).toBeGreaterThan(0);
    for (const { flags } of own) expect(flags).toMatch(/O_RDONLY/);
    const created = opened.filter(({ name }) => /\/\.?new-/.test(name));
    const others = opened.filter((one) => one.name !== path && !created.includes(one));
    expect(others.filter(({ flags }) => /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(flags))).toEqual([]);
    expect(others.filter(({ name }) => /^\/dev\/(?!null$|urandom$|shm\/)/.test(name))).toEqual([]);
    expect(others.filter(({ name }) => name.startsWith(folder) && name !== home)).toEqual([]);
    //  A backup and a new image are what was asked for; nothing that is there is opened for it.
    for (const { flags } of created) expect(flags).toMatch(/O_EXCL|O_RDONLY/);
  },
);

function fifo(home: string): string {
  execFileSync('mkfifo', [join(home, 'fifo')]);
  return join(home, 'fifo');
}

function ringLink(home: string): string {
  execFileSync('ln', ['-s', 'ring', join(home, 'ring')]);
  return join(home, 'ring');
}

/** As a user who may do nothing, in a process of its own. */
function asNobody(home: string, argv: readonly string[]): Promise<Ran> {
  return spawned(home, argv, { uid: 65_534, gid: 65_534 });
}
