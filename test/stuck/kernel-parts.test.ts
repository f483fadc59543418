// The fixtures that the library has no use for: a full pipe, and a page that is not there. They are for programs that look
// at what the kernel does to a write.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { fullPipe } from './full-pipe.js';
import { whyNo } from './reasons.js';
import { stuckFile } from './stuck-file.js';
import { uringWriter } from './uring-writer.js';

const folder = scratchFolder();

const noPipe = whyNo('fullPipe');
describe.skipIf(noPipe !== undefined)(noPipe ?? 'a full pipe', () => {
  it('takes nothing until something was read from it, and then that much', () => {
    using pipe = fullPipe();
    expect(pipe.fill()).toBe(0);
    expect(pipe.drain(8192).length).toBe(8192);
    expect(pipe.fill()).toBe(8192);
    expect(pipe.drain().length).toBeGreaterThan(8192);
    expect(pipe.fill()).toBeGreaterThan(8192);
  });

  it('holds a write that a cancel withdraws, and not a byte of it arrives', async () => {
    using pipe = fullPipe();
    await using writer = await uringWriter({ target: pipe.path });
    await writer.submit();
    expect(await writer.cancel()).toBe(0);
    expect(await writer.completed()).toBe('ECANCELED');
    expect(pipe.drain().every((byte) => byte === 0)).toBe(true);
  });

  it('lets the write through when there is room', async () => {
    using pipe = fullPipe();
    await using writer = await uringWriter({ target: pipe.path });
    await writer.submit();
    const before = pipe.drain(); // The write may have come into the end of it.
    expect(await writer.completed()).toBe(4096);
    const all = Buffer.concat([before, pipe.drain()]);
    expect(all.subarray(0, -4096).every((byte) => byte === 0)).toBe(true);
    expect(all.subarray(-4096).equals(Buffer.alloc(4096, 0x77))).toBe(true);
  });
});

const noPage = whyNo('unresolvedPage');
describe.skipIf(noPage !== undefined)(noPage ?? 'a page that is not there', () => {
  it.each([
    ['buffered', false],
    ['direct', true],
  ] as const)(
    'holds a %s write on a worker of the kernel, out of reach of a cancel, until it is there',
    async (name, direct) => {
      const target = join(folder, name);
      writeFileSync(target, new Uint8Array(4096));
      await using writer = await uringWriter({ target, direct, unresolvedPage: true });
      await writer.submit({ async: true });
      await writer.faulted();
      expect(await writer.cancel()).toBe('EALREADY');
      expect(readFileSync(target).every((byte) => byte === 0)).toBe(true);
      await writer.releasePage();
      expect(await writer.completed()).toBe(4096);
      expect(readFileSync(target).equals(Buffer.alloc(4096, 0x77))).toBe(true);
    },
  );

  it('does not keep its process from being killed', async () => {
    const target = join(folder, 'killed');
    writeFileSync(target, new Uint8Array(4096));
    const writer = await uringWriter({ target, unresolvedPage: true });
    await writer.submit({ async: true });
    await writer.faulted();
    process.kill(writer.pid, 'SIGKILL');
    await expect(writer[Symbol.asyncDispose]()).rejects.toThrow('SIGKILL');
    expect(readFileSync(target).every((byte) => byte === 0)).toBe(true);
  });
});

const noFile = whyNo('stuckFile') ?? noPipe;
describe.skipIf(noFile !== undefined)(noFile ?? 'a stuck file, seen from C', () => {
  it('holds a direct write in flight, which no cancel finds', async () => {
    await using file = await stuckFile();
    await using writer = await uringWriter({ target: file.path, direct: true });
    await file.stall('write');
    await writer.submit({ async: true });
    await file.held(1);
    expect(await writer.cancel()).toBe('ENOENT');
    await file.release();
    expect(await writer.completed()).toBe(4096);
  });
});
