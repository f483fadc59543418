// Real processes: exit codes, signals, and readers that go away.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder } from '../support/scratch.js';
import { documentOf, ended, goldenFile, mainFile, saysOnStderr, spawned, start, stateOf } from './harness.js';

const folder = scratchFolder();
const one = goldenFile(folder, 'u_one');

test('every row of the exit table that these commands produce', async () => {
  const statusOf = async (...argv: string[]) => (await spawned(folder, argv)).status;
  const zero = join(folder, 'zero');
  writeFileSync(zero, '');
  const busy = goldenFile(folder, 'u_hundred');
  await using _held = await openDevice(busy, { mode: 'write' });
  expect({
    clean: await statusOf('check', '--now=1760000000', one),
    examined: await statusOf('examine', goldenFile(folder, 'u_corrupt1')),
    lint: await statusOf('check', '--now=1760000000', goldenFile(folder, 'u_corrupt1')),
    wipes: await statusOf('check', '--now=0', one),
    ambiguous: await statusOf('check', goldenFile(folder, 'u_conflict')),
    zeroBytes: await statusOf('check', zero),
    exists: await statusOf('create', '--main=9', one),
    busy: await statusOf('remap', 'add', busy, '9000'),
    missing: await statusOf('check', join(folder, 'none')),
    folder: await statusOf('check', folder),
    option: await statusOf('check', '--foo', one),
    number: await statusOf('check', '--now=1e3', one),
    nothing: await statusOf(),
    deadline: await statusOf('remap', 'add', '--timeout=0', one, '5'),
    planned: await statusOf('repair', goldenFile(folder, 'u_corrupt1')),
    repaired: await statusOf('repair', '--apply', goldenFile(folder, 'u_corrupt1')),
    nothingToRepair: await statusOf('repair', '--apply', one),
    help: await statusOf('--help'),
  }).toEqual({
    clean: 0,
    examined: 0,
    lint: 4,
    wipes: 4,
    ambiguous: 4,
    zeroBytes: 4,
    exists: 8,
    busy: 8,
    missing: 16,
    folder: 16,
    option: 16,
    number: 16,
    nothing: 16,
    deadline: 32,
    planned: 4,
    repaired: 1,
    nothingToRepair: 0,
    help: 0,
  });
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s while the spare hangs ends it with a report and 32',
  async (signal) => {
    const image = goldenFile(folder, 'real_three');
    const child = start(folder, ['remap', 'add', image, '5:6000'], { stuck: true });
    const result = ended(child);
    await saysOnStderr(child, '(stuck)');
    child.kill(signal);
    const ran = await result;
    expect(ran).toMatchObject({ status: 32, signal: null, stdout: '' });
    expect(ran.stderr).toContain('(ABORT_ERR)');
    expect(ran.stderr).toContain('a reader would find now: the old table or the new one (sequence 6)');
    expect(ran.stderr).toContain('writes are still in flight');
  },
);

test.each([
  ['repair --apply', 'u_corrupt1'],
  ['handover', 'real_three'],
])('a signal while the spare hangs under %s finds the elected table', async (command, name) => {
  const image = goldenFile(folder, name);
  const child = start(folder, [...command.split(' '), '--no-backup', image], { stuck: true });
  const result = ended(child);
  await saysOnStderr(child, '(stuck)');
  child.kill('SIGINT');
  const ran = await result;
  expect(ran).toMatchObject({ status: 32, signal: null });
  expect(ran.stderr).toContain('a reader finds the elected table (ABORT_ERR)\n');
  expect(ran.stderr).toContain(
    'a reader would find now: the elected table; the same command again goes on\n',
  );
  expect(ran.stderr).not.toMatch(/old/);
});

test('a second signal ends it at once', async () => {
  const image = goldenFile(folder, 'real_three');
  const child = start(folder, ['remap', 'add', image, '5:6000'], { stuck: true });
  const result = ended(child);
  await saysOnStderr(child, '(stuck)');
  child.kill('SIGTERM');
  await saysOnStderr(child, 'a reader would find now');
  child.kill('SIGINT');
  const ran = await result;
  expect(ran).toMatchObject({ status: 32, signal: null });
  expect(ran.stderr).not.toContain('writes are still in flight'); //  That would have come after a second of waiting.
});

test('a deadline ends it while the spare hangs', async () => {
  const image = goldenFile(folder, 'real_three');
  const child = start(folder, ['remap', 'add', '--timeout=400', image, '5:6000'], { stuck: true });
  const ran = await ended(child);
  expect(ran).toMatchObject({ status: 32, signal: null, stdout: '' });
  expect(ran.stderr).toContain('(ERR_TIMEOUT)');
});

test('a reader that goes away changes neither the status nor the stderr', async () => {
  const large = goldenFile(folder, 'u_max2048');
  for (const [argv, status] of [
    [['examine', '--json', large], 0],
    [['examine', '--all', large], 0],
    [['check', '--json', '--now=0', large], 4],
  ] as const) {
    const child = start(folder, argv);
    const result = ended(child);
    child.stdout?.destroy();
    expect(await result).toMatchObject({ status, signal: null, stderr: '' });
  }
  const pipe = `"${process.execPath}" "${mainFile}" examine --json "${large}" | head -c 10; echo " $\{PIPESTATUS[0]}"`;
  expect(execFileSync('bash', ['-c', pipe], { encoding: 'utf8' })).toBe('{\n  "schem 0\n');
});

test('a write command finishes its work when its reader goes away', async () => {
  const image = join(folder, 'spare.img');
  writeFileSync(image, new Uint8Array(2 ** 20));
  const child = start(folder, ['create', '--main=16384', image]);
  const result = ended(child);
  child.stdout?.destroy();
  child.stderr?.destroy();
  expect((await result).status).toBe(0);
  expect((await spawned(folder, ['check', image])).status).toBe(0);
});

test('a document larger than a pipe arrives whole', async () => {
  const ran = await spawned(folder, ['examine', '--json', goldenFile(folder, 'u_max2048')]);
  expect(ran.stdout.length).toBeGreaterThan(2 ** 18);
  expect(documentOf(ran.stdout).entries).toHaveLength(2048);
});

test('output that cannot be written is a failure', async () => {
  const full = openSync('/dev/full', 'w');
  const child = start(folder, ['examine', '--json', one], { stdio: ['ignore', full, 'pipe'] });
  const ran = await ended(child);
  closeSync(full);
  expect(ran).toMatchObject({
    status: 8,
    stderr: 'dmremap: the output could not be written: ENOSPC (ERR_IO)\n',
  });
});

test('closed streams do not stop it', async () => {
  const before = stateOf(one);
  const shell = `"${process.execPath}" "${mainFile}" check --now=1760000000 "${one}" <&- >&- 2>&-; echo $?`;
  expect(execFileSync('bash', ['-c', shell], { encoding: 'utf8' })).toBe('0\n');
  expect(stateOf(one)).toEqual(before);
});
