// Nothing of a stuck device outlives whoever made it: no mount, loop device, process, limit or frozen file system. Whoever
// made it is killed here, and so are the helpers themselves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder } from '../support/scratch.js';
import { frozenFile } from './frozen-file.js';
import { helperPath } from './helper.js';
import { throttledLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { stuckFile } from './stuck-file.js';

const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
const folder = scratchFolder();

/** The fixtures as plain JavaScript, for a process that is not of vitest. */
function compiledFixtures(): string {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of readdirSync(import.meta.dirname)) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
    const source = readFileSync(join(import.meta.dirname, name), 'utf8');
    const { outputText } = ts.transpileModule(source, { compilerOptions });
    writeFileSync(join(folder, name.replace(/ts$/, 'js')), outputText);
  }
  return folder;
}

/** What is left of the fixtures of a process: its helpers and their seconds, and what those have made. */
function leftOf(owner: number): string[] {
  const helpers = processes().filter(({ words }) => words.join(' ').includes(`--owner ${owner} `));
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes('dmremap-stuck-') && seenMounts.has(line.split(' ')[1] ?? ''));
  const loops = readdirSync('/sys/block').filter((name) => {
    const backing = maybeRead(`/sys/block/${name}/loop/backing_file`);
    const ofMemory = /memfd:stuck_loop-(\d+)/.exec(backing)?.[1];
    return (ofMemory !== undefined && seenPids.has(Number(ofMemory))) || seenMounts.has(dirname(backing));
  });
  return [...helpers.map(({ pid, words }) => `${pid} ${words.join(' ')}`), ...mounts, ...loops];
}

const seenPids = new Set<number>();
const seenMounts = new Set<string>();

/** To be called while everything is there: helpers are told by their owner, what they made by them. */
function look(owner: number): number {
  const helpers = processes().filter(({ words }) => words.join(' ').includes(`--owner ${owner} `));
  for (const { pid, words } of helpers) {
    seenPids.add(pid);
    const last = words.at(-1) ?? '';
    if (last.includes('dmremap-stuck-')) seenMounts.add(last.replace(/\/disk$/, ''));
  }
  return helpers.length;
}

function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), words: maybeRead(`/proc/${pid}/cmdline`).split('\0').slice(0, -1) }));
}

function maybeRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const nothingLeft = (owner: number) =>
  expect.poll(() => leftOf(owner), { timeout: 30_000, interval: 20 }).toEqual([]);

const no = whyNo('stuckLoop') ?? whyNo('throttledLoop') ?? whyNo('frozenFile');
describe.skipIf(no !== undefined)(no ?? 'whoever holds stuck devices', () => {
  it.each([
    ['SIGKILL', [null, 'SIGKILL']],
    ['SIGTERM', [null, 'SIGTERM']],
    ['exit', [3, null]],
    ['throw', [1, null]],
  ] as const)('can end by %s with writes under way on each, and nothing is left', async (end, how) => {
    const script = join(import.meta.dirname, '../fixtures/holder.mjs');
    const env = { ...process.env, DMREMAP_STUCK: dirname(helperPath('stuckfs')) };
    const holder = spawn(process.execPath, [script, compiledFixtures(), library, end], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const owner = holder.pid ?? 0;
    let said = '';
    holder.stderr.on('data', (part) => {
      said += part;
    });
    const exit = once(holder, 'exit');
    await Promise.race([once(holder.stdout, 'data'), exit.then(() => Promise.reject(new Error(said)))]);
    const helpers = look(owner);
    if (end === 'SIGKILL' || end === 'SIGTERM') {
      // Two file systems, three loop devices, one frozen file system; a second for each.
      expect(helpers).toBe(12);
      expect(leftOf(owner).length).toBe(12 + 3 + 3);
      holder.kill(end);
    }
    expect(await exit).toEqual(how);
    await nothingLeft(owner);
  });
});

describe.skipIf(no !== undefined)(no ?? 'a helper that is killed', () => {
  it('leaves no mount: what it held fails, and its fixture says how it ended', async () => {
    const file = await stuckFile();
    look(process.pid);
    const device = await openDevice(file.path, { mode: 'write' });
    await file.stall('write');
    const writing = device.write(0n, new Uint8Array(4096));
    await file.held(1);
    process.kill(file.pid, 'SIGKILL');
    await expect(writing).rejects.toMatchObject({ errno: 'ECONNABORTED', outcome: 'unknown' });
    await device.close();
    await expect(file.held(2)).rejects.toThrow('stuckfs ended with SIGKILL');
    await expect(file[Symbol.asyncDispose]()).rejects.toThrow('stuckfs ended with SIGKILL');
    await nothingLeft(process.pid);
  });

  it('leaves no limit on the number of its loop device', async () => {
    const disk = await throttledLoop();
    look(process.pid);
    await disk.stall();
    await disk.stall({ kind: 'read', bytesPerSecond: 1000 });
    await using other = await throttledLoop();
    const rules = [`write ${disk.device} 256`, `read ${disk.device} 1000`];
    expect(await other.rules()).toEqual(expect.arrayContaining(rules));
    process.kill(disk.pid, 'SIGKILL');
    await expect(disk[Symbol.asyncDispose]()).rejects.toThrow('stuck_loop ended with SIGKILL');
    const left = (await other.rules()).filter((rule) => rule.includes(` ${disk.device} `));
    expect(left).toEqual([]);
  });

  it('leaves nothing frozen', async () => {
    const file = await frozenFile();
    look(process.pid);
    const device = await openDevice(file.path, { mode: 'write' });
    await file.freeze(10_000);
    const writing = device.write(0n, new Uint8Array(4096));
    await file.held(1);
    process.kill(file.pid, 'SIGKILL');
    await writing;
    await device.close();
    await expect(file[Symbol.asyncDispose]()).rejects.toThrow('stuck_freeze ended with SIGKILL');
    await nothingLeft(process.pid);
  });
});
