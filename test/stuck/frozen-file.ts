// A file on an ext4 that can be frozen (FIFREEZE), in a loop device over memory. Whoever writes to it while it is frozen
// waits where no signal reaches, and cannot even exit; so two guardians, each in a session of its own, thaw it by a timer.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Helper, newMountpoint } from './helper.js';
import { type ThrottledLoop, throttledLoop } from './loop.js';
import { whenStuck } from './threads.js';

/** Who ended a freeze: `thaw()`, the guardian's timer, or the end of the fixture. */
export type ThawedBy = 'command' | 'timer' | 'end';

export interface FrozenFileOptions {
  /** Default 1 MiB. All of it is allocated. */
  readonly sizeBytes?: number;
}

/**
 * A file on a file system that can be frozen.
 *
 * ```ts
 * await using file = await frozenFile();
 * const device = await openDevice(file.path, { mode: 'write' });
 * await file.freeze(3000); // Three seconds at most, whatever becomes of this process.
 * const writing = device.write(0n, bytes);
 * await file.held(1);
 * await file.thaw();
 * ```
 *
 * While it is frozen nobody can call sync(2), anywhere on the machine: it would wait too.
 */
export class FrozenFile implements AsyncDisposable {
  readonly path: string;
  readonly #disk: ThrottledLoop;
  readonly #guardian: Helper;

  private constructor(path: string, guardian: Helper, disk: ThrottledLoop) {
    this.path = path;
    this.#guardian = guardian;
    this.#disk = disk;
  }

  static async make({ sizeBytes = 1024 * 1024 }: FrozenFileOptions): Promise<FrozenFile> {
    const disk = await throttledLoop({ sizeBytes: sizeBytes + fileSystemBytes });
    let guardian: Helper | undefined;
    try {
      const sbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
      await promisify(execFile)('mkfs.ext4', ['-q', '-F', disk.path], { env: sbin });
      const mountpoint = newMountpoint();
      guardian = await Helper.start('stuck_freeze', [disk.path, mountpoint]);
      const path = join(mountpoint, 'disk');
      // Every block written once, so that a write to it later changes nothing of the file system.
      await writeFile(path, new Uint8Array(sizeBytes), { flush: true });
      return new FrozenFile(path, guardian, disk);
    } catch (error) {
      await guardian?.stop();
      await disk[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Freezes it, for so long at most (10 seconds are the most). Resolves when it is frozen. */
  freeze(atMostMs: number): Promise<void> {
    return this.#guardian.command(`freeze ${atMostMs}`);
  }

  /** Resolves when so many threads of a process wait for the file system. */
  async held(count: number, pid?: number): Promise<void> {
    await whenStuck(count, pid);
  }

  /** Thaws it now. Resolves when it is thawed. */
  thaw(): Promise<void> {
    return this.#guardian.command('thaw');
  }

  /** The guardian. */
  get pid(): number {
    return this.#guardian.pid;
  }

  /** Resolves when it has been thawed so many times, to who did it each time. */
  thawed(count: number): Promise<readonly ThawedBy[]> {
    return this.#guardian.until(() => {
      const thaws = this.#guardian.events
        .filter(([event]) => event === 'thawed')
        .map(([, by]) => by as ThawedBy);
      return thaws.length >= count ? thaws : undefined;
    });
  }

  /** Thaws, unmounts, detaches, and resolves when nothing is left. Close what you have opened first. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#guardian.stop();
    } finally {
      await this.#disk[Symbol.asyncDispose]();
    }
  }
}

/** For the journal and the rest of an ext4. */
const fileSystemBytes = 32 * 1024 * 1024;

/** See `FrozenFile`. */
export const frozenFile = (options: FrozenFileOptions = {}): Promise<FrozenFile> => FrozenFile.make(options);
