// The three ways to remove a target while its writes hang, beside each other (bench/removal): (1) blocking writes, and a leak; (2)
// asynchronous writes that are cancelled, ours; (3) blocking writes that are completed by force. What is compared here always
// holds; `npm run validate` measures how long each takes.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { openWhenFree } from '../stuck/hanging.js';
import { stuckLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { type StuckFile, stuckFile } from '../stuck/stuck-file.js';
import { whenStuck } from '../stuck/threads.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const script = join(import.meta.dirname, '../../bench/removal/subject.mjs');
const library = join(import.meta.dirname, '../../dist');
const operations = 100;
/** Of them, what the kernel has: what each option lets through at a time. */
const depth = 64;
/** Long beside what a busy machine takes to come from a write to the removal: a deadline must not pass before. */
const boundMs = 2000;

interface Looked {
  readonly descriptors: number;
  readonly threads: number;
}
interface Removed extends Looked {
  readonly leaked: number;
  readonly settled: number;
}

class Subject implements AsyncDisposable {
  readonly #child;
  readonly #exit: Promise<unknown[]>;
  readonly #disk: StuckFile;

  constructor(option: string, disk: StuckFile, spare: string) {
    this.#disk = disk;
    const words = [library, option, disk.path, spare, String(operations), String(boundMs)];
    const env = { ...process.env, UV_THREADPOOL_SIZE: String(depth) };
    this.#child = fork(script, words, { env, execArgv: [] });
    this.#exit = once(this.#child, 'exit');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async hears(): Promise<Record<string, unknown>> {
    const ended = this.#exit.then(() => Promise.reject(new Error('it ended')));
    const [said] = await Promise.race([once(this.#child, 'message'), ended]);
    return said;
  }

  async does(step: string): Promise<unknown> {
    this.#child.send(step);
    return (await this.hears())[step];
  }

  /** Tells it to exit. Resolves when it has. */
  async leave(): Promise<unknown[]> {
    this.#child.send('leave');
    return this.#exit;
  }

  /** It has taken the order to leave. */
  async hasLeftTalk(): Promise<void> {
    if (this.#child.connected) await once(this.#child, 'disconnect');
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isGone) {
      this.#child.kill('SIGKILL');
      // Where a test has failed: it cannot go before.
      await this.#disk.release();
    }
    await this.#exit;
  }
}

const young = Buffer.alloc(operations * 4096, 2);
const writeAll = async (device: Awaited<ReturnType<typeof openDevice>>) => {
  for (let at = 0; at < young.length; at += 65_536)
    await device.write(BigInt(at), young.subarray(at, at + 65_536), { durable: false });
};
/** Blocks of the successor that something older has landed on. */
const ghosts = (disk: StuckFile) => {
  const medium = disk.medium();
  const blocks = Array.from({ length: operations }, (_, index) =>
    medium.subarray(index * 4096, (index + 1) * 4096),
  );
  return blocks.filter((block) => !block.equals(young.subarray(0, 4096))).length;
};

const devices = [
  ['a stuck loop device', 'stuckLoop', () => stuckLoop()],
  ['a stuck file on FUSE', 'stuckFile', () => stuckFile()],
] as const;

for (const [title, fixture, make] of devices) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? title, () => {
    const removed = async (option: string, disk: StuckFile) => {
      const spare = zeroFile(join(folder, `${fixture}-${option}`), 1024 * 1024);
      const subject = new Subject(option, disk, spare);
      await subject.hears();
      const before = (await subject.does('open')) as Looked;
      await disk.stall('write');
      await subject.does('write');
      await disk.held(depth, 'write');
      const after = (await subject.does('remove')) as Removed;
      // It has not waited for the device, whichever it is.
      expect((await disk.status()).held).toBe(String(depth));
      await disk.pass();
      return { subject, before, after };
    };

    it.each([
      ['option 1, blocking with a leak', 'leak', operations - depth],
      ['option 3, completed by force', 'force', operations],
    ] as const)('%s: ghosts land over the data of a successor', async (_, option, settled) => {
      await using disk = await make();
      const { subject, after } = await removed(option, disk);
      await using process = subject;
      expect(after).toMatchObject({ leaked: depth, settled });
      {
        await using successor = await openDevice(disk.path, { mode: 'write' });
        await writeAll(successor);
        expect(ghosts(disk)).toBe(0);
        // It cannot even leave.
        const gone = process.leave();
        if (fixture === 'stuckLoop') await whenStuck(1, process.pid);
        else await process.hasLeftTalk();
        expect(process.isGone).toBe(false);
        await disk.release();
        await disk.done(depth, 'write');
        await gone;
      }
      expect(ghosts(disk)).toBe(depth);
    });

    it('option 2, cancelled: nothing is leaked, and a successor is refused until all have landed', async () => {
      await using disk = await make();
      const { subject, before, after } = await removed('cancel', disk);
      await using process = subject;
      expect(after).toMatchObject({ leaked: 0, settled: operations });
      expect(after.descriptors).toBeLessThan(before.descriptors);
      expect(after.threads).toBeLessThanOrEqual(before.threads);
      expect(await process.leave()).toEqual([0, null]);
      await expect(openDevice(disk.path, { mode: 'write' })).rejects.toMatchObject({
        code: 'ERR_DEVICE_BUSY',
      });
      expect((await disk.status()).held).toBe(String(depth));
      await disk.release();
      await disk.done(depth, 'write');
      await using successor = await openWhenFree(disk.path);
      await writeAll(successor);
      expect(ghosts(disk)).toBe(0);
    });
  });
}
