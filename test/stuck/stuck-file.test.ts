// Each command of the stuck file system, by what it does to operations that arrive, and by what is on the medium then.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { helperPath, newMountpoint } from './helper.js';
import { whyNo } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';

const noFile = whyNo('stuckFile');
const block = (value: number) => Buffer.alloc(4096, value);
const ddSource = '/proc/version';
const ddBytes = readFileSync(ddSource);

/** What the thread pool's writes came to: the bytes, or the code. */
const outcome = (work: Promise<{ bytesWritten: number }>) =>
  work.then(
    ({ bytesWritten }) => bytesWritten,
    ({ code }) => code as string,
  );

async function withHandle(file: StuckFile, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(file.path, 'r+');
  try {
    await work(handle);
  } finally {
    await file.pass();
    await file.release();
    await handle.close();
  }
}

describe.skipIf(noFile !== undefined)(noFile ?? 'a stuck file', () => {
  it('passes everything at first, and the bytes are on the medium', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await handle.write(block(1), 0, 4096, 8192);
      await handle.sync();
      const { buffer } = await handle.read(Buffer.alloc(4096), 0, 4096, 8192);
      expect(buffer.equals(block(1))).toBe(true);
    });
    expect(file.medium().subarray(8192, 12_288).equals(block(1))).toBe(true);
    expect(await file.status()).toMatchObject({ held: '0', delayed: '0' });
  });

  it('`stall` holds the kinds that it names, with the medium untouched, and `release` does them', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.stall('write');
      await handle.sync();
      const writing = outcome(handle.write(block(2), 0, 4096, 4096));
      const [held] = await file.held(1);
      expect(held).toMatchObject({ kind: 'write', file: 'disk', offset: 4096, length: 4096 });
      expect(file.medium().equals(Buffer.alloc(file.sizeBytes))).toBe(true);
      expect(await file.status()).toMatchObject({ held: '1', write: 'stall', fsync: 'pass' });
      await file.release();
      expect(await writing).toBe(4096);
      expect(file.medium().subarray(4096, 8192).equals(block(2))).toBe(true);
    });
  });

  it.each([
    ['read', (handle: FileHandle) => handle.read(Buffer.alloc(512), 0, 512, 0)],
    ['write', (handle: FileHandle) => handle.write(Buffer.alloc(512), 0, 512, 0)],
    ['fsync', (handle: FileHandle) => handle.sync()],
    ['fsync', (handle: FileHandle) => handle.datasync()],
  ] as const)('`stall` without a kind holds a %s too', async (kind, call) => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.stall();
      const calling = call(handle);
      await file.held(1, kind);
      await file.release();
      await calling;
      expect(await file.done(1)).toMatchObject([{ kind }]);
    });
  });

  it('`release N` does the oldest, `release #ID` any, and what arrives later is held', async () => {
    await using file = await stuckFile();
    await using device = await openDevice(file.path, { mode: 'write' });
    await file.stall('write');
    const writes = [1, 2, 3, 4].map((value) => device.write(BigInt(value * 4096), block(value)));
    const held = await file.held(4);
    const last = held[3];
    if (last === undefined) throw new Error('four are held');
    await file.releaseOne(last);
    await file.release(1);
    expect((await file.done(2)).map(({ id }) => id)).toEqual([last.id, held[0]?.id]);
    expect(await file.held(2)).toEqual([held[1], held[2]]);
    writes.push(device.write(0n, block(5)));
    await file.held(3);
    await file.release();
    await Promise.all(writes);
  });

  it('a synchronous write that is held does not keep others from arriving', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.stall('write');
      const writes = [0, 1, 2].map((index) => outcome(handle.write(block(index), 0, 4096, index * 4096)));
      await file.held(3);
      await file.release();
      expect(await Promise.all(writes)).toEqual([4096, 4096, 4096]);
    });
  });

  it('`release ERRNO` answers what is held with an error, and the medium stays as it was', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.stall('write');
      const writing = outcome(handle.write(block(3), 0, 4096, 0));
      await file.held(1);
      await file.releaseAs('EREMOTEIO');
      expect(await writing).toBe('EREMOTEIO');
      expect(await file.done(1)).toMatchObject([{ result: 'EREMOTEIO' }]);
      expect(file.medium().equals(Buffer.alloc(file.sizeBytes))).toBe(true);
    });
  });

  it('`delay` does an operation not before its time, and in the meantime others', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.delay(200, 'write');
      const begin = process.hrtime.bigint();
      const writing = outcome(handle.write(block(4), 0, 4096, 0));
      await file.held(1);
      const { buffer } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
      expect(buffer.equals(block(0))).toBe(true);
      expect(await writing).toBe(4096);
      expect(process.hrtime.bigint() - begin).toBeGreaterThanOrEqual(199_000_000n);
    });
  });

  it('`fail` answers so many operations with an errno, and then they pass', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.fail('ENOSPC', { times: 2, kinds: ['write'] });
      const results = [];
      for (let count = 0; count < 3; count++) results.push(await outcome(handle.write(block(5), 0, 4096, 0)));
      expect(results).toEqual(['ENOSPC', 'ENOSPC', 4096]);
      await file.fail('EIO');
      await expect(handle.datasync()).rejects.toMatchObject({ code: 'EIO' });
      await file.pass();
      await handle.datasync();
    });
  });

  it('`short` transfers so many bytes at a time and no more', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await file.short(1536);
      // libuv writes the rest again and again.
      expect(await outcome(handle.write(block(6), 0, 4096, 0))).toBe(4096);
      const pieces = await file.done(3, 'write');
      expect(pieces.map(({ offset, result }) => [offset, result])).toEqual([
        [0, 1536],
        [1536, 1536],
        [3072, 1024],
      ]);
      expect((await handle.read(Buffer.alloc(4096), 0, 4096, 0)).bytesRead).toBe(1536);
    });
  });

  it('`short` is an error to an asynchronous direct write: FUSE says EIO then (6.18), whatever was written', async () => {
    await using file = await stuckFile();
    // Not by threads: each waits for its write, and is told of the bytes.
    await using device = await openDevice(file.path, { mode: 'write', engine: 'io_uring' });
    await file.short(1536, 'write');
    const writing = device.write(0n, block(6));
    await expect(writing).rejects.toMatchObject({ code: 'ERR_IO', errno: 'EIO', outcome: 'unknown' });
    const expected = Buffer.alloc(file.sizeBytes);
    expected.fill(6, 0, 1536);
    expect(file.medium().equals(expected)).toBe(true);
  });

  it('`interrupts honour` ends an operation by a signal', async () => {
    await using file = await stuckFile();
    await file.interrupts('honour');
    await file.stall('write');
    const writer = ddTo(file);
    await file.held(1);
    const exit = once(writer, 'exit');
    writer.kill('SIGTERM');
    expect(await exit).toEqual([null, 'SIGTERM']);
    expect(await file.interrupted(1)).toMatchObject([{ kind: 'write', offset: 0 }]);
    expect(await file.done(1)).toMatchObject([{ result: 'EINTR' }]);
    expect(file.medium().equals(Buffer.alloc(file.sizeBytes))).toBe(true);
  });

  it('`interrupts ignore` keeps even a killed process until the release', async () => {
    await using file = await stuckFile();
    await file.stall('write');
    const writer = ddTo(file);
    await file.held(1);
    let exited = false;
    const exit = once(writer, 'exit').then((how) => {
      exited = true;
      return how;
    });
    writer.kill('SIGKILL');
    await file.interrupted(1);
    expect(exited).toBe(false);
    expect(await file.status()).toMatchObject({ held: '1' });
    await file.release();
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect(file.medium().subarray(0, ddBytes.length).equals(ddBytes)).toBe(true);
  });

  it('`trace` tells of what simply passes too, and how large its pieces are', async () => {
    await using file = await stuckFile({ sizeBytes: 4 * 1024 * 1024 });
    await withHandle(file, async (handle) => {
      await handle.write(block(7), 0, 4096, 0);
      await file.trace(true);
      await handle.write(Buffer.alloc(131_072), 0, 131_072, 131_072);
      const done = await file.done(1);
      expect(done).toMatchObject([{ kind: 'write', offset: 131_072, length: 131_072, result: 131_072 }]);
    });
  });

  it('serves several files, each with bytes of its own', async () => {
    await using file = await stuckFile({ beside: { spare: 8192 } });
    const spare = await open(file.pathOf('spare'), 'r+');
    await spare.write(block(8), 0, 4096, 4096);
    await spare.close();
    expect(file.medium('spare')).toEqual(Buffer.concat([block(0), block(8)]));
    expect(file.medium().equals(Buffer.alloc(file.sizeBytes))).toBe(true);
  });

  it('has a fixed size, as a disk has', async () => {
    await using file = await stuckFile();
    await withHandle(file, async (handle) => {
      await expect(handle.truncate(0)).rejects.toMatchObject({ code: 'EPERM' });
      expect(await outcome(handle.write(block(9), 0, 4096, file.sizeBytes))).toBe('ENOSPC');
      expect((await handle.stat()).size).toBe(file.sizeBytes);
    });
  });

  it('tells by hand when so many are held: wait-held, as a script uses it', async () => {
    const mountpoint = newMountpoint();
    const child = spawn(helperPath('stuckfs'), ['--owner', String(process.pid), mountpoint]);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const until = async (wanted: string) => {
      const seen: string[] = [];
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`${wanted} has not come after: ${seen.join(', ')}`);
        seen.push(value);
        if (value.startsWith(wanted)) return seen;
      }
    };
    await until('ready');
    child.stdin.write('stall write\nwait-held 2\n');
    await until('ok');
    {
      await using device = await openDevice(`${mountpoint}/disk`, { mode: 'write' });
      const writes = [device.write(0n, block(1)), device.write(4096n, block(2))];
      // Both are held before it says so, and it says so once.
      const seen = await until('waited');
      expect(seen.filter((line) => line.startsWith('held')).length).toBe(2);
      expect(seen.at(-1)).toBe('waited 2');
      child.stdin.write('release\npass\n');
      await Promise.all(writes);
    }
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('refuses what it does not understand, and goes on', async () => {
    await using file = await stuckFile();
    await expect(file.fail('EWHAT')).rejects.toThrow('fail ERRNO');
    await expect(file.stall('sleep' as never)).rejects.toThrow('what is sleep?');
    await expect(file.releaseOne({ id: 99 } as never)).rejects.toThrow('not held');
    expect(await file.status()).toMatchObject({ write: 'pass', held: '0' });
  });
});

/** A process with one synchronous write of `ddBytes` to the first block. */
function ddTo(file: StuckFile) {
  const words = [`if=${ddSource}`, `of=${file.path}`, 'bs=4096', 'count=1', 'conv=notrunc', 'status=none'];
  return spawn('dd', words, { stdio: 'ignore' });
}
