// The bar of a command that takes longer than a second, on a terminal of its own; nothing of it anywhere else.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { spareWithData } from '../support/inside.js';
import { scratchFolder } from '../support/scratch.js';
import { SpyDevice } from '../support/spy-device.js';
import { dmremap, ended, goldenFile, mainFile, start, stepsOf } from './harness.js';

const folder = scratchFolder();
const stuck = new URL('stuck-writes.mjs', import.meta.url).href;
const bar = '\r\u001b[K[##############------] writing copy 1 (1 of 3)';

const adding = () => `remap add '${goldenFile(folder, 'real_three')}' 5:6000`;

/** Runs a command that writes to a spare that hangs. A deadline ends it. */
async function onTerminal(TERM: string, command = adding()): Promise<string> {
  const words = `'${process.execPath}' --import '${stuck}' '${mainFile}' ${command} --no-backup --timeout=2500`;
  const child = spawn('script', ['-qec', words, '/dev/null'], {
    env: { PATH: process.env.PATH, SHELL: '/bin/sh', TERM, NO_COLOR: '1' },
  });
  const { stdout, status } = await ended(child);
  expect(status).toBe(32);
  expect(stdout).toContain('(stuck)');
  return stdout;
}

test('a bar shows what hangs, and is gone before the report; it has no colours', async () => {
  const seen = await onTerminal('xterm');
  const at = seen.indexOf(bar);
  expect(at, seen).toBeGreaterThan(seen.indexOf('(stuck)'));
  const after = seen.slice(at + bar.length).split('\r\u001b[K');
  expect(after).toEqual(['', expect.stringMatching(/^dmremap: .*\(ERR_TIMEOUT\)/)]);
  expect(seen.split('\u001b[').filter((part) => /^[0-9;]*m/.test(part))).toEqual([]);
});

test('a terminal that cannot erase a line has none', async () => {
  expect(await onTerminal('dumb')).not.toContain('[#');
});

test('where it is no terminal, there is none, and a line for each step only where that is asked for', async () => {
  const image = goldenFile(folder, 'real_three');
  const child = start(folder, ['remap', 'add', '--timeout=1500', image, '5:6000'], { stuck: true });
  expect((await ended(child)).stderr).not.toMatch(/[[]#|^[{]/m);
  const ran = await dmremap(folder, ['handover', '--no-backup', '--json', '--progress-json', image]);
  expect(ran.stderr.trim().split('\n')).toEqual(expect.arrayContaining([expect.stringMatching(/^\{.*\}$/)]));
  expect(JSON.parse(ran.stdout)).toMatchObject({ schema: 'dmremap.handover/1' });
});

/** A spare with data of three remaps inside the metadata region. */
function withDataInside(): string {
  const path = join(folder, 'inside.img');
  const remaps = [
    [5n, 0n],
    [6n, 257n],
    [8n, 700n],
  ] as const;
  writeFileSync(path, spareWithData('7 7 7 7 7', remaps));
  return path;
}

test('a bar shows how much data is moved, where that hangs', async () => {
  const seen = await onTerminal('xterm', `relocate --apply '${withDataInside()}'`);
  expect(seen).toContain('] writing data to 3 free places (1 of 1)');
});

describe.each([
  [
    'repair --output',
    () => ['repair', `--output=${join(folder, 'new')}`, goldenFile(folder, 'u_corrupt1')],
    1,
  ],
  ['relocate', () => ['relocate', withDataInside()], 4],
] as const)('%s', (_, argv, done) => {
  test('a bar shows which copy hangs, and is gone before the result', async () => {
    let drawn = '';
    let isDrawn = () => {};
    const bar = new Promise<void>((resolve) => {
      isDrawn = resolve;
    });
    const ran = await dmremap(folder, [...argv()], {
      isTTY: true,
      onStderr: (text) => {
        drawn += text;
        if (text.includes('] reading copy 3')) isDrawn();
      },
      openDevice: async (path, options) => {
        const device = new SpyDevice(await openDevice(path, options));
        const { read } = device;
        let reads = 0;
        //  The fourth copy answers when the bar has been seen.
        device.read = (...call) => {
          reads += 1;
          return reads === 4
            ? (bar.then(() => read.apply(device, call)) as ReturnType<typeof read>)
            : read.apply(device, call);
        };
        return device;
      },
    });
    expect(ran.status, ran.stderr).toBe(done);
    expect(drawn).toMatch(/\[#*-*\] reading copy 3/);
    expect(drawn.endsWith('\r\u001b[K')).toBe(true);
  });
});

test.each([
  [
    'repair --output',
    () => ['repair', `--output=${join(folder, 'repaired')}`, goldenFile(folder, 'u_corrupt1')],
    ['open', 'read', 'plan', 'write', 'verdict'],
    [{ output: true }],
  ],
  [
    'restore --output',
    () => ['restore', `--backup=${goldenFile(folder, 'u_one')}`, `--output=${join(folder, 'restored')}`],
    ['write', 'verdict'],
    [{ output: true }],
  ],
  ['relocate', () => ['relocate', withDataInside()], ['open', 'read', 'plan', 'verdict'], []],
  [
    'relocate --apply',
    () => ['relocate', '--apply', '--no-backup', withDataInside()],
    ['open', 'read', 'plan', 'save', 'check', 'write', 'read-back', 'verdict'],
    [{ places: 3 }, { copies: [3] }],
  ],
] as const)('%s tells each step', async (_, argv, names, writes) => {
  const ran = await dmremap(folder, [...argv(), '--progress-json']);
  const steps = stepsOf(ran.stderr);
  expect([...new Set(steps.map(({ step }) => step))]).toEqual(names);
  const written = steps.filter(({ step }) => step === 'write');
  for (const [at, write] of writes.entries()) expect(written[at]).toMatchObject(write);
  expect(steps.at(-1)).toMatchObject({ step: 'verdict', exitStatus: ran.status });
});
