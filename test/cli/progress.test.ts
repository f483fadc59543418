// The bar of a command that takes longer than a second, on a terminal of its own; nothing of it anywhere else.
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, ended, goldenFile, mainFile, start } from './harness.js';

const folder = scratchFolder();
const stuck = new URL('stuck-writes.mjs', import.meta.url).href;
const bar = '\r\u001b[K[##############------] writing copy 1 (1 of 3)';

/** Adds a remap to a spare that hangs. A deadline ends it. */
async function onTerminal(TERM: string): Promise<string> {
  const image = goldenFile(folder, 'real_three');
  const words = `'${process.execPath}' --import '${stuck}' '${mainFile}' remap add --no-backup --timeout=2500 '${image}' 5:6000`;
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
