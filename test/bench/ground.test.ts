// What `--path` may be overwritten, and what not: nothing that could be somebody's.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, test } from 'vitest';
import { loopDevice, scratchFolder, whyNoLoop } from '../support/scratch.js';
import { runScript, startScript } from './harness.js';

const load = (name: string) => import(new URL(`../../${name}`, import.meta.url).href);
const { grounds } = await load('bench/frame/ground.mjs');
const { whenFree } = await load('bench/removal/waits.mjs');
const folder = scratchFolder();
const mebibyte = 1024 * 1024;
const room = 64 * mebibyte;
let files = 0;
const newPath = () => join(folder, `place-${files++}`);

/** A file of zeros, but for what is put in at some places. */
function fileOf(size: number, ...contents: readonly (readonly [at: number, bytes: string])[]): string {
  const path = newPath();
  writeFileSync(path, '');
  truncateSync(path, size);
  put(path, ...contents);
  return path;
}

function put(path: string, ...contents: readonly (readonly [at: number, bytes: string])[]) {
  const descriptor = openSync(path, 'r+');
  for (const [at, bytes] of contents) writeSync(descriptor, bytes, at);
  closeSync(descriptor);
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Takes a place as a benchmark does. `giveBack` is what comes in the end. */
async function take(
  path: string,
  {
    destroy = false,
    signal = new AbortController().signal,
  }: { destroy?: boolean; signal?: Pick<AbortSignal, 'throwIfAborted'> } = {},
) {
  const kept: AsyncDisposable[] = [];
  const giveBack = async () => {
    for (const resource of kept.reverse()) await resource[Symbol.asyncDispose]();
  };
  try {
    const [ground] = await grounds({ path, destroy, signal, keep: (one: AsyncDisposable) => kept.push(one) });
    return { ground, giveBack };
  } catch (error) {
    await giveBack();
    throw error;
  }
}

const refused = (path: string, ...options: readonly string[]) =>
  runScript('bench/writes.mjs', ['--quick', '--path', path, ...options], folder);

describe('what is taken', () => {
  const whole = { firstBlock: 1, blocks: room / 4096 - 1 };

  it('is a file that is not there yet, and goes again', async () => {
    const path = newPath();
    const { ground, giveBack } = await take(path);
    expect(ground).toMatchObject({ path, ...whole });
    // All of it has been written.
    expect(readFileSync(path).includes(0)).toBe(false);
    expect(lstatSync(path).size).toBe(room);
    await giveBack();
    expect(existsSync(path)).toBe(false);
  });

  it('is an empty file, which is empty again afterwards', async () => {
    const path = fileOf(0);
    const { ground, giveBack } = await take(path);
    expect(ground).toMatchObject({ path, ...whole });
    await giveBack();
    expect(lstatSync(path).size).toBe(0);
  });

  it('is not given back where somebody has put another file there', async () => {
    for (const path of [newPath(), fileOf(0)]) {
      const { giveBack } = await take(path);
      const theirs = fileOf(0, [0, 'theirs']);
      renameSync(theirs, path);
      await giveBack();
      expect(readFileSync(path, 'utf8')).toBe('theirs');
    }
  });

  it.each([8 * mebibyte, 8 * mebibyte + 512, 9 * mebibyte + 100, room + mebibyte + 1])(
    'is a file of %d zeros; again, by its mark; and not, where somebody has used it since',
    async (size) => {
      const path = fileOf(size);
      for (let time = 0; time < 2; time++) {
        const { ground, giveBack } = await take(path);
        const used = Math.min(room, size - (size % (128 * 1024)));
        expect(ground).toMatchObject({ firstBlock: 1, blocks: used / 4096 - 1 });
        await giveBack();
        const bytes = readFileSync(path);
        expect(bytes.length).toBe(size);
        expect(bytes.subarray(used).some((byte) => byte !== 0)).toBe(false);
        expect(bytes.subarray(0, used).includes(0)).toBe(false);
      }
      // As a file system does that leaves the first sector alone, or an array, or a partition table.
      for (const at of [100, 1024, 4096, 65_536, 8 * mebibyte - 1]) {
        const before = readFileSync(path)
          .subarray(at, at + 1)
          .toString('latin1');
        put(path, [at, 'x']);
        await expect(take(path)).rejects.toThrow(/is not empty \(at \d+ bytes\)/);
        const descriptor = openSync(path, 'r+');
        writeSync(descriptor, Buffer.from(before, 'latin1'), 0, 1, at);
        closeSync(descriptor);
      }
      await (await take(path)).giveBack();
    },
  );

  it('is what is full, with --destroy: the first 64 MiB of it', async () => {
    const path = newPath();
    writeFileSync(path, Buffer.alloc(room + mebibyte, 'data'));
    const beyond = readFileSync(path).subarray(room);
    const { ground, giveBack } = await take(path, { destroy: true });
    expect(ground).toMatchObject(whole);
    await giveBack();
    const bytes = readFileSync(path);
    expect(bytes.subarray(room).equals(beyond)).toBe(true);
    expect(bytes.subarray(0, room).includes('data')).toBe(false);
    await (await take(path)).giveBack();
  });

  it('is left as it was where it was asked to end', async () => {
    const ended = { signal: AbortSignal.abort('SIGINT') };
    const [missing, empty] = [newPath(), fileOf(0)];
    for (const path of [missing, empty]) await expect(take(path, ended)).rejects.toBe('SIGINT');
    expect(existsSync(missing)).toBe(false);
    expect(lstatSync(empty).size).toBe(0);
  });

  it('is not written once more in the end where somebody has begun to use it', async () => {
    const path = fileOf(9 * mebibyte);
    const { giveBack } = await take(path);
    put(path, [0, 'theirs']);
    const before = digest(path);
    await expect(giveBack()).rejects.toThrow(`${path} was changed meanwhile`);
    expect(digest(path)).toBe(before);
  });

  it('is known as ours where it has been written in part', async () => {
    const path = fileOf(9 * mebibyte);
    let steps = 0;
    const signal = {
      throwIfAborted() {
        if (steps++ === 3) throw new Error('killed');
      },
    };
    await expect(take(path, { signal })).rejects.toThrow('killed');
    const bytes = readFileSync(path);
    expect([bytes.includes(0), bytes.includes(0xa5)]).toEqual([true, true]);
    await (await take(path)).giveBack();
    expect(readFileSync(path).includes(0)).toBe(false);
  });
});

describe('what is refused, and stays as it was', () => {
  test.each([
    ['in its first block', 9 * mebibyte, 0],
    ['in the middle', 9 * mebibyte + 100, 5 * mebibyte + 1],
    ['at the end of what would be used', 9 * mebibyte, 9 * mebibyte - 1],
    ['in a last part that is no whole block', 9 * mebibyte + 100, 9 * mebibyte + 99],
    ['at the very end, beyond 64 MiB', room + 3 * mebibyte, room + 3 * mebibyte - 1],
    ['at the very end, in a part of a block', room + 3 * mebibyte + 100, room + 3 * mebibyte + 99],
  ])('a file with a byte %s', async (_, size, at) => {
    const path = fileOf(size, [at, 'x']);
    const before = digest(path);
    const ran = await refused(path);
    expect(ran).toMatchObject({ status: 1, lastLine: 'bench: FAILED: could not be measured: writes' });
    expect(ran.stderr).toContain(
      `bench: writes could not be measured: ${path} is not empty (at ${at} bytes): --destroy overwrites its first 64 MiB\n`,
    );
    expect(digest(path)).toBe(before);
  });

  it('a file that only begins like one of ours', async () => {
    const path = fileOf(9 * mebibyte, [0, 'dmremap bench: from here on 64 MiB may be overwritten\n']);
    const before = digest(path);
    await expect(take(path)).rejects.toThrow(`${path} is not empty (at 0 bytes)`);
    expect(digest(path)).toBe(before);
  });

  it('a file that is too small', async () => {
    const path = fileOf(8 * mebibyte - 1);
    for (const options of [[], ['--destroy']]) {
      const ran = await refused(path, ...options);
      expect(ran).toMatchObject({ status: 1 });
      expect(ran.stderr).toContain(`${path} has ${8 * mebibyte - 1} bytes; ${8 * mebibyte} are the least\n`);
    }
    expect(readFileSync(path).some((byte) => byte !== 0)).toBe(false);
  });

  it('a folder', async () => {
    const path = newPath();
    mkdirSync(path);
    const ran = await refused(path, '--destroy');
    expect(ran).toMatchObject({ status: 1 });
    expect(ran.stderr).toContain(`bench: writes could not be measured: `);
    expect(readdirSync(path)).toEqual([]);
  });

  it('/dev/null', async () => {
    const ran = await refused('/dev/null', '--destroy');
    expect(ran).toMatchObject({ status: 1 });
    expect(ran.stderr).toMatch(/writes could not be measured: .*\/dev\/null/);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('a link that leads nowhere, and what it would lead to is not made', async () => {
    const [link, nowhere] = [newPath(), newPath()];
    symlinkSync(nowhere, link);
    const ran = await refused(link);
    expect(ran).toMatchObject({ status: 1 });
    expect(ran.stderr).toContain(`${link} is a link that leads nowhere\n`);
    expect(existsSync(nowhere)).toBe(false);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('--destroy of nothing', async () => {
    const ran = await runScript('bench/writes.mjs', ['--quick', '--destroy'], folder);
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr).toContain('bench: --destroy: of what? --path names it');
  });
});

const no = whyNoLoop();
describe.skipIf(no !== undefined)(no ?? 'a block device', () => {
  it('is taken where it is empty, and again by its mark', async () => {
    const loop = loopDevice(fileOf(room + mebibyte));
    try {
      for (let time = 0; time < 2; time++) {
        const { ground, giveBack } = await take(loop.path);
        expect(ground).toMatchObject({ path: loop.path, blocks: room / 4096 - 1 });
        await giveBack();
      }
    } finally {
      loop.detach();
    }
  });

  it('is refused where somebody has it, as who has mounted it does', async () => {
    const file = fileOf(9 * mebibyte);
    const loop = loopDevice(file);
    const holder = openSync(loop.path, constants.O_RDWR | constants.O_EXCL);
    try {
      for (const options of [[], ['--destroy']]) {
        const ran = await refused(loop.path, ...options);
        expect(ran).toMatchObject({ status: 1 });
        expect(ran.stderr).toMatch(/writes could not be measured: .*(in use|busy)/i);
      }
    } finally {
      closeSync(holder);
      loop.detach();
    }
    expect(readFileSync(file).some((byte) => byte !== 0)).toBe(false);
  });
});

describe('a run that is ended in the middle', () => {
  /** Until it measures. */
  async function started(path: string) {
    const child = startScript('bench/writes.mjs', ['--quick', '--path', path], folder);
    const ended = once(child, 'close');
    child.stdout.resume();
    for await (const line of createInterface(child.stderr)) if (line.startsWith('bench: writes 1/')) break;
    child.stderr.resume();
    return { child, ended };
  }

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s gives back what it has taken', async (signal) => {
    for (const [path, left] of [
      [newPath(), undefined],
      [fileOf(0), 0],
    ] as const) {
      const { child, ended } = await started(path);
      child.kill(signal);
      expect(await ended).toEqual([signal === 'SIGINT' ? 130 : 143, null]);
      expect(lstatSync(path, { throwIfNoEntry: false })?.size).toBe(left);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('dmremap-bench-'))).toEqual([]);
  });

  it('by SIGKILL leaves what is known as ours', async () => {
    const path = newPath();
    const { child, ended } = await started(path);
    child.kill('SIGKILL');
    await ended;
    // Its processes see that it has gone, and go.
    await (await whenFree(() => take(path))).giveBack();
    expect(lstatSync(path).size).toBe(room);
  });
});
