// `dmremap check` of several paths: each is judged by itself, and one that cannot be read stops no other.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, type Overrides, spawned } from './harness.js';

const folder = scratchFolder();
const well = goldenFile(folder, 'u_one');
const damaged = goldenFile(folder, 'u_corrupt1');
const missing = join(folder, 'no-such-file');
const now = '--now=1760000000';

test('each verdict is told in its turn, with its own commands, and the bits of the exit status are OR-ed', async () => {
  const { status, stdout, stderr } = await spawned(folder, ['check', now, well, missing, damaged]);
  expect(status).toBe(16 | 4);
  expect(stderr).toMatch(/^dmremap: .*no-such-file.*\(ERR_DEVICE_NOT_FOUND\)\n$/);
  const [first = '', second = '', ...more] = stdout.split('\n\n');
  expect(more).toEqual([]);
  expect(first.split('\n')[0]).toContain(`${well}: CLEAN: `);
  expect(first).toContain(`\n        dmremap handover ${well}`);
  expect(second.split('\n')[0]).toContain(`${damaged}: DAMAGED: `);
  expect(second).toContain(`\n        dmremap repair ${damaged}\n`);
  //  What is said of one is what is said of it alone.
  expect(`${first}\n`).toBe((await dmremap(folder, ['check', now, well])).stdout);
  expect(second).toBe((await dmremap(folder, ['check', now, damaged])).stdout);
});

test('--json is one document, with the document of each path in it', async () => {
  const paths = [missing, damaged, folder, well];
  const { status, stdout } = await spawned(folder, ['check', '--json', now, ...paths]);
  expect(status).toBe(16 | 4);
  const { exitStatus, checks } = documentOf(stdout) as { exitStatus: number; checks: unknown[] };
  expect(exitStatus).toBe(status);
  const alone = async (path: string) =>
    documentOf((await dmremap(folder, ['check', '--json', now, path])).stdout);
  expect(checks).toEqual([
    {
      path: missing,
      error: { code: 'ERR_DEVICE_NOT_FOUND', message: expect.stringContaining(missing) },
      exitStatus: 16,
    },
    await alone(damaged),
    {
      path: folder,
      error: { code: 'ERR_NOT_A_DEVICE', message: expect.stringContaining(folder) },
      exitStatus: 16,
    },
    await alone(well),
  ]);
});

test('where none can be read, it is a document all the same', async () => {
  const strange = `${missing}\u001b[31m\n`;
  const { status, stdout, stderr } = await dmremap(folder, ['check', '--json', missing, strange]);
  expect(status).toBe(16);
  expect(stdout + stderr).not.toContain('\u001b');
  expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  expect(documentOf(stdout)).toMatchObject({ checks: [{ path: missing }, { path: strange }] });
});

test('an interrupt stops all of them, and what was found until then stays in the exit status', async () => {
  for (const json of [[], ['--json']]) {
    const interrupt = new AbortController();
    const opened: string[] = [];
    const overrides: Overrides = {
      signal: interrupt.signal,
      openDevice: (path, options) => {
        opened.push(path);
        if (opened.length === 2) interrupt.abort(new Error('SIGINT'));
        return openDevice(path, options);
      },
    };
    const ran = await dmremap(folder, ['check', ...json, now, damaged, well, missing], overrides);
    expect(opened).toEqual([damaged, well]);
    expect(ran).toMatchObject({ status: 32 | 4, stderr: expect.stringContaining('(ABORT_ERR)') });
    expect(ran.stderr).not.toContain(missing);
    //  Half a document is none.
    expect(ran.stdout.includes('DAMAGED')).toBe(json.length === 0);
    if (json.length > 0) expect(ran.stdout).toBe('');
  }
});

test('what is wrong with the command line is told once, and nothing is opened', async () => {
  const never: Overrides = {
    openDevice: () => {
      throw new Error('opened');
    },
  };
  for (const argv of [['--now=1e3', well, damaged], [well, ''], []]) {
    const ran = await dmremap(folder, ['check', ...argv], never);
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr.match(/\(ERR_USAGE\)/g)).toHaveLength(1);
  }
});

test('a backup of what is left has a name that can be typed as it is', async () => {
  const lost = new Uint8Array(655_360);
  lost.set([0x34, 0x52, 0x4d, 0x44, 4]);
  for (const name of ['lost.img', '-it is lost', "it's"]) {
    const path = join(folder, name);
    writeFileSync(path, lost);
    const { stdout } = await dmremap(folder, ['check', path]);
    const command = /^ {8}(dmremap backup .*)$/m.exec(stdout)?.[1] ?? '';
    const shell = `dmremap() { printf '%s\\n' "$@"; }; ${command}`;
    const words = execFileSync('bash', ['-c', shell], { encoding: 'utf8' }).trimEnd().split('\n');
    const file = name.startsWith('-') ? `./${name}.backup` : `${name}.backup`;
    expect(words).toEqual(['backup', path, file]);
    expect((await spawned(folder, words)).status).toBe(4);
  }
});
