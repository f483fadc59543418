// A pipe without room, as the target of a write that a cancel truly withdraws. Our own devices refuse pipes: it is for
// programs that look at what the kernel does. It has no name in any folder, so nothing is left of it.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A pipe that is full. Other processes open `path` for writing, or inherit `fd`.
 *
 * ```ts
 * using pipe = fullPipe();
 * await using writer = await uringWriter({ target: pipe.path });
 * await writer.submit();
 * pipe.drain(); // There is room again.
 * ```
 */
export class FullPipe implements Disposable {
  /** For open(2) with O_WRONLY: it does not wait for a reader. */
  readonly path: string;
  /** Both ends of it, non-blocking. */
  readonly fd: number;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'dmremap-pipe-'));
    const fifo = join(folder, 'fifo');
    try {
      execFileSync('mkfifo', [fifo]);
      this.fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    } finally {
      rmSync(folder, { recursive: true });
    }
    this.path = `/proc/${process.pid}/fd/${this.fd}`;
    this.fill();
  }

  /** Writes until there is no room. Returns the number of bytes. */
  fill(): number {
    let bytes = 0;
    try {
      for (;;) bytes += writeSync(this.fd, filling);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      return bytes;
    }
  }

  /** Reads `bytes`, or all that is in it, and returns that. */
  drain(bytes = Number.POSITIVE_INFINITY): Buffer {
    const parts: Buffer[] = [];
    let left = bytes;
    try {
      while (left > 0) {
        const part = Buffer.alloc(Math.min(left, filling.length));
        const length = readSync(this.fd, part);
        parts.push(part.subarray(0, length));
        left -= length;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return Buffer.concat(parts);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

const filling = new Uint8Array(4096);

/** See `FullPipe`. */
export const fullPipe = (): FullPipe => new FullPipe();
