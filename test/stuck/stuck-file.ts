// A file on a file system of our own that hangs, is slow or fails on command. Nothing here goes by time: a command that
// has resolved holds for every later operation, and `held`, `done` and `interrupted` wait for the operations themselves.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Helper, newMountpoint } from './helper.js';

export type Kind = 'read' | 'write' | 'fsync' | 'allocate';

/** An operation as it has arrived at the file system. */
export interface Operation {
  readonly id: number;
  readonly kind: Kind;
  /** Name of the file, `disk` unless there are others. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** How it was answered: the number of bytes, or the name of an errno. */
export interface Answered extends Operation {
  readonly result: number | string;
}

export interface StuckFileOptions {
  /** Default 1 MiB. */
  readonly sizeBytes?: number;
  /** More files beside it, by name, with their sizes; `pathOf` tells where they are. */
  readonly beside?: Readonly<Record<string, number>>;
  /** Whoever writes waits for the file system, io_uring's worker too: no write is asynchronous (FUSE_ASYNC_DIO). */
  readonly synchronous?: boolean;
}

/**
 * A file whose operations are held, delayed or failed on command. At first everything passes.
 *
 * ```ts
 * await using file = await stuckFile({ sizeBytes: 1024 * 1024 });
 * const device = await openDevice(file.path, { mode: 'write' });
 * await file.stall('write');
 * const writing = device.write(0n, bytes);
 * await file.held(1);
 * writing.cancel(); // Settles as unknown.
 * await file.release(); // And now it lands.
 * ```
 *
 * Do not call anything synchronous on a path that is stalled: this process would wait for itself.
 */
export class StuckFile implements AsyncDisposable {
  /** What is to be opened. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly #helper: Helper;
  readonly #mountpoint: string;
  readonly #unanswered: Map<number, Operation>;
  readonly #answered: Answered[];
  readonly #interrupted: Operation[];

  /** Use `stuckFile()`. `path` replaces what is to be opened. */
  protected constructor(mounted: MountedStuckFs, sizeBytes: number, path?: string) {
    this.#helper = mounted.helper;
    this.#mountpoint = mounted.mountpoint;
    this.#unanswered = mounted.held;
    this.#answered = mounted.answered;
    this.#interrupted = mounted.interrupted;
    this.sizeBytes = sizeBytes;
    this.path = path ?? this.pathOf('disk');
  }

  static async make(options: StuckFileOptions): Promise<StuckFile> {
    const { mounted, sizeBytes } = await mountStuckFs(options);
    return new StuckFile(mounted, sizeBytes);
  }

  /** Where a file is in the file system, past any loop device. */
  pathOf(name: string): string {
    return join(this.#mountpoint, name);
  }

  /** The process that serves the file system. */
  get pid(): number {
    return this.#helper.pid;
  }

  /** Holds these kinds of operations, all if none is named, until they are released. */
  stall(...kinds: Kind[]): Promise<void> {
    return this.#helper.command(['stall', ...kinds].join(' '));
  }

  /** Lets these kinds through from now on, all if none is named. What is held stays so until `release`. */
  pass(...kinds: Kind[]): Promise<void> {
    return this.#helper.command(['pass', ...kinds].join(' '));
  }

  /** Does the `count` oldest of what is held, or all. What arrives later is held as before. */
  release(count?: number): Promise<void> {
    return this.#helper.command(`release ${count ?? 'all'}`);
  }

  /** Does one that is held, whatever is older: completions in another order than submissions. */
  releaseOne({ id }: Operation): Promise<void> {
    return this.#helper.command(`release #${id}`);
  }

  /** Answers what is held with an errno, such as `EIO`. The medium is not touched. */
  releaseAs(errno: string, count?: number): Promise<void> {
    return this.#helper.command(`release ${count ?? 'all'} ${errno}`);
  }

  /** Does each operation this long after it has arrived. */
  delay(delayMs: number, ...kinds: Kind[]): Promise<void> {
    return this.#helper.command(['delay', delayMs, ...kinds].join(' '));
  }

  /** Answers with an errno, `times` times or until the next `pass`. */
  fail(
    errno: string,
    { times, kinds = [] }: { times?: number; kinds?: readonly Kind[] } = {},
  ): Promise<void> {
    return this.#helper.command(['fail', errno, ...(times === undefined ? [] : [times]), ...kinds].join(' '));
  }

  /** Transfers this many bytes at most, in reads and writes unless kinds are named. */
  short(bytes: number, ...kinds: Kind[]): Promise<void> {
    return this.#helper.command(['short', bytes, ...kinds].join(' '));
  }

  /** Whether a signal to who waits for an operation ends it (EINTR) or not. At first not, as on a block device. */
  interrupts(what: 'honour' | 'ignore'): Promise<void> {
    return this.#helper.command(`interrupts ${what}`);
  }

  /** With it `done` tells of every operation; without, of those that did not simply pass. */
  trace(on: boolean): Promise<void> {
    return this.#helper.command(`trace ${on ? 'on' : 'off'}`);
  }

  /** Resolves when at least so many operations are held (or delayed), to all of them, the oldest first. */
  held(count: number, kind?: Kind): Promise<readonly Operation[]> {
    return this.#atLeast(count, () => Array.from(this.#unanswered.values()), kind);
  }

  /** Resolves when at least so many were answered since the beginning, in the order of their answers. */
  done(count: number, kind?: Kind): Promise<readonly Answered[]> {
    return this.#atLeast(count, () => this.#answered.slice(), kind);
  }

  /** Resolves when for at least so many the kernel has passed on a signal. */
  interrupted(count: number): Promise<readonly Operation[]> {
    return this.#atLeast(count, () => this.#interrupted.slice());
  }

  #atLeast<T extends Operation>(count: number, list: () => T[], kind?: Kind): Promise<readonly T[]> {
    return this.#helper.until(() => {
      const found = list().filter((operation) => kind === undefined || operation.kind === kind);
      return found.length >= count ? found : undefined;
    });
  }

  /** What the file system says of itself: numbers held, delayed and answered, and the rule of each kind. */
  async status(): Promise<Readonly<Record<string, string>>> {
    const before = this.#helper.events.length;
    await this.#helper.command('status');
    const status = this.#helper.events.slice(before).find(([event]) => event === 'status') ?? [];
    return Object.fromEntries(status.slice(1).map((pair) => pair.split('=')));
  }

  /** The bytes on the medium, read past the file system: it does not matter what is stalled. */
  medium(name = 'disk'): Buffer {
    const found = this.#helper.events.find(([event, file]) => event === 'file' && file === name);
    if (found?.[4] === undefined) throw new Error(`there is no file ${name}`);
    return readFileSync(found[4]);
  }

  /** The size that the file has from now on, to whoever asks: at most what it was made with. */
  protected resize(sizeBytes: number): Promise<void> {
    return this.#helper.command(`size ${sizeBytes}`);
  }

  /** Lets everything through and what is held go. */
  protected async letGo(): Promise<void> {
    await this.pass();
    await this.release();
  }

  /** Releases everything, unmounts, and resolves when nothing is left. Close what you have opened first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#helper.stop();
  }
}

/** What a subclass passes to the constructor. */
export interface MountedStuckFs {
  readonly helper: Helper;
  readonly mountpoint: string;
  readonly held: Map<number, Operation>;
  readonly answered: Answered[];
  readonly interrupted: Operation[];
}

export async function mountStuckFs({ sizeBytes = 1024 * 1024, beside = {}, synchronous }: StuckFileOptions) {
  const mountpoint = newMountpoint();
  const held = new Map<number, Operation>();
  const answered: Answered[] = [];
  const interrupted: Operation[] = [];
  const take = ([event, ...words]: readonly string[]) => {
    if (event === 'held' || event === 'delayed') held.set(Number(words[0]), operationOf(words));
    if (event === 'interrupted') interrupted.push(operationOf(words));
    if (event !== 'done') return;
    held.delete(Number(words[0]));
    const result = words[5] ?? '';
    answered.push({ ...operationOf(words), result: /^\d+$/.test(result) ? Number(result) : result });
  };
  const files = Object.entries({ disk: sizeBytes, ...beside }).flatMap(([name, size]) => [
    '--file',
    `${name}=${size}`,
  ]);
  const words = [...(synchronous ? ['--synchronous'] : []), ...files, mountpoint];
  const helper = await Helper.start('stuckfs', words, take);
  const mounted: MountedStuckFs = { helper, mountpoint, held, answered, interrupted };
  return { mounted, sizeBytes };
}

function operationOf([id, kind, file, offset, length]: readonly string[]): Operation {
  return {
    id: Number(id),
    kind: kind as Kind,
    file: file ?? '',
    offset: Number(offset),
    length: Number(length),
  };
}

/** See `StuckFile`. */
export const stuckFile = (options: StuckFileOptions = {}): Promise<StuckFile> => StuckFile.make(options);
