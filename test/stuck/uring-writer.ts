// A C program that makes one write through io_uring and tells what becomes of it: without our addon, to see what the
// kernel does. It can write from memory that is not there yet (userfaultfd).
import { Helper } from './helper.js';

export interface UringWriterOptions {
  /** A file, a device or a pipe. */
  readonly target: string;
  /** Write from a page that is not there until `releasePage()`. */
  readonly unresolvedPage?: boolean;
  /** O_DIRECT. */
  readonly direct?: boolean;
  /** Default 4096. */
  readonly length?: number;
}

/**
 * One write through io_uring in a process of its own. The result of a write or of a cancel is a number, or the name of an
 * errno.
 *
 * ```ts
 * await using writer = await uringWriter({ target, unresolvedPage: true });
 * await writer.submit({ async: true });
 * await writer.faulted(); // A worker of the kernel waits for the page.
 * await writer.cancel(); // 'EALREADY'
 * await writer.releasePage();
 * await writer.completed(); // 4096
 * ```
 */
export class UringWriter implements AsyncDisposable {
  readonly #helper: Helper;

  private constructor(helper: Helper) {
    this.#helper = helper;
  }

  static async make({ target, unresolvedPage, direct, length = 4096 }: UringWriterOptions) {
    const words = [...(unresolvedPage ? ['--page'] : []), ...(direct ? ['--direct'] : [])];
    return new UringWriter(await Helper.start('uring_write', [...words, '--length', String(length), target]));
  }

  get pid(): number {
    return this.#helper.pid;
  }

  /** Hands the write to the kernel, with IOSQE_ASYNC if asked: without it an unresolved page stops the whole process. */
  submit({ async = false }: { async?: boolean } = {}): Promise<void> {
    return this.#helper.command(async ? 'submit async' : 'submit');
  }

  /** Resolves when the kernel has run into the page. */
  async faulted(): Promise<void> {
    await this.#event('faulted');
  }

  /** Asks the kernel to cancel; resolves to the result of that. */
  async cancel(): Promise<number | string> {
    await this.#helper.command('cancel');
    return this.#event('cancelled');
  }

  /** The page is there now. */
  releasePage(): Promise<void> {
    return this.#helper.command('release');
  }

  /** Resolves to the result of the write. */
  completed(): Promise<number | string> {
    return this.#event('completed');
  }

  async #event(name: string): Promise<number | string> {
    const [, result = ''] = await this.#helper.until(() =>
      this.#helper.events.find(([event]) => event === name),
    );
    return /^\d+$/.test(result) ? Number(result) : result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#helper.stop();
  }
}

/** See `UringWriter`. */
export const uringWriter = (options: UringWriterOptions): Promise<UringWriter> => UringWriter.make(options);
