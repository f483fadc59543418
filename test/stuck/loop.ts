// Loop devices that live as long as their helper: stuck ones over a file of our own file system, and throttled ones over
// memory. Each is set to detach with its last close, so one that is still open when its helper ends goes a moment later.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Helper } from './helper.js';
import { type MountedStuckFs, mountStuckFs, StuckFile, type StuckFileOptions } from './stuck-file.js';

export interface LoopOptions {
  /** 512 (default) to 4096: what the device takes as a unit. */
  readonly logicalBlockSize?: number;
}

interface Loop {
  readonly helper: Helper;
  readonly path: string;
  /** MAJOR:MINOR */
  readonly device: string;
  readonly mediumPath: string;
}

async function attachLoop(words: readonly string[], { logicalBlockSize = 512 }: LoopOptions): Promise<Loop> {
  const helper = await Helper.start('stuck_loop', ['--block-size', String(logicalBlockSize), ...words]);
  const [, path, device, mediumPath] = helper.events.find(([event]) => event === 'device') ?? [];
  if (path === undefined || device === undefined || mediumPath === undefined)
    throw new Error('stuck_loop named no device');
  return { helper, path, device, mediumPath };
}

export interface StuckLoopOptions extends StuckFileOptions, LoopOptions {
  /**
   * Whether the loop device goes past the page cache to its file (losetup --direct-io). Default true: then each write is
   * in flight by itself. Without it a thread of the kernel waits for each in turn, so that one is held at a time.
   */
  readonly direct?: boolean;
}

/**
 * A block device that hangs on command: a loop device over a `StuckFile`, with the commands of that. What is held is in
 * flight on a real block device, where nothing can cancel it.
 *
 * ```ts
 * await using disk = await stuckLoop({ logicalBlockSize: 4096 });
 * const device = await openDevice(disk.path, { mode: 'write' });
 * await disk.stall('write');
 * ```
 */
export class StuckLoop extends StuckFile {
  readonly #loop: Loop;

  private constructor(mounted: MountedStuckFs, sizeBytes: number, loop: Loop) {
    super(mounted, sizeBytes, loop.path);
    this.#loop = loop;
  }

  static override async make(options: StuckLoopOptions): Promise<StuckLoop> {
    const { mounted, sizeBytes } = await mountStuckFs(options);
    try {
      const words = [...(options.direct === false ? [] : ['--direct-io']), `${mounted.mountpoint}/disk`];
      return new StuckLoop(mounted, sizeBytes, await attachLoop(words, options));
    } catch (error) {
      await mounted.helper.stop();
      throw error;
    }
  }

  /**
   * As when a disk is pulled: the kernel takes the size away while the device is open. What is in flight stays so, and what is
   * on the medium stays there. Any other size is a device that has become smaller, or is back.
   */
  async pull(sizeBytes = 0): Promise<void> {
    await this.resize(sizeBytes);
    const run = promisify(execFile);
    // The loop device takes what the kernel believes of the file: it has to ask the file system again.
    await run('stat', ['--cached=never', this.pathOf('disk')]);
    await run('losetup', ['--set-capacity', this.path]);
  }

  /** Releases everything, detaches, unmounts, and resolves when nothing is left. Close what you have opened first. */
  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      // The last close of the loop device writes its page cache back.
      await this.letGo();
      await this.#loop.helper.stop();
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }
}

/** See `StuckLoop`. */
export const stuckLoop = (options: StuckLoopOptions = {}): Promise<StuckLoop> => StuckLoop.make(options);

export interface ThrottledLoopOptions extends LoopOptions {
  /** Default 1 MiB. */
  readonly sizeBytes?: number;
}

/**
 * A block device that becomes very slow on command: blkio.throttle of cgroup version 1 on a loop device over memory. There
 * is no daemon in it, and no event when an operation is held: the kernel tells of none. It applies to the processes of
 * this one's cgroup, which its children are in.
 *
 * ```ts
 * await using disk = await throttledLoop();
 * const device = await openDevice(disk.path, { mode: 'write' });
 * await disk.stall(); // 256 bytes a second: 4 KiB take 16 seconds.
 * await disk.release();
 * ```
 */
export class ThrottledLoop implements AsyncDisposable {
  readonly path: string;
  readonly #loop: Loop;

  private constructor(loop: Loop) {
    this.#loop = loop;
    this.path = loop.path;
  }

  static async make(options: ThrottledLoopOptions): Promise<ThrottledLoop> {
    const { sizeBytes = 1024 * 1024 } = options;
    return new ThrottledLoop(await attachLoop(['--memory', String(sizeBytes)], options));
  }

  /** Lets this much through in a second, from now on. It slows: each operation does complete at last. */
  stall({ kind = 'write', bytesPerSecond = 256 }: { kind?: 'read' | 'write'; bytesPerSecond?: number } = {}) {
    return this.#loop.helper.command(`stall ${kind} ${bytesPerSecond}`);
  }

  /** No limit any more, for what waits either. */
  async release(): Promise<void> {
    await this.#loop.helper.command('release write');
    await this.#loop.helper.command('release read');
  }

  /** Every limit on writes or reads that is set in this cgroup, as `write 7:0 256`: also those of other devices. */
  async rules(): Promise<readonly string[]> {
    const before = this.#loop.helper.events.length;
    await this.#loop.helper.command('rules');
    return this.#loop.helper.events.slice(before).map(([, ...rule]) => rule.join(' '));
  }

  /** The helper that holds the loop device. */
  get pid(): number {
    return this.#loop.helper.pid;
  }

  /** As the kernel counts it, `7:0`. */
  get device(): string {
    return this.#loop.device;
  }

  /** The bytes on the medium, read past the loop device. */
  medium(): Buffer {
    return readFileSync(this.#loop.mediumPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop.helper.stop();
  }
}

/** See `ThrottledLoop`. */
export const throttledLoop = (options: ThrottledLoopOptions = {}): Promise<ThrottledLoop> =>
  ThrottledLoop.make(options);
