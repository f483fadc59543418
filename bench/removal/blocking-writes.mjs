// Models of the two ways not taken, to be measured beside ours. Both write as upstream's module did, blocking, on a pool of threads
// (Node's own: UV_THREADPOOL_SIZE of them), each write with O_DIRECT and O_DSYNC. As the module, they let go of the device when they
// are removed: no exclusive hold outlives them.
//
//   option 1  removal waits for a bounded time, and then leaks what has not ended: the work, its thread, its descriptor
//   option 3  each write has a deadline at which it is completed by force: its caller hears of it, the kernel does not
//
// Better than the originals where they can be: what has not begun is withdrawn, and no memory is used twice.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const blockBytes = 4096;

export class BlockingWrites {
  #file;
  #threads;
  #deadlineMs;
  #boundMs;
  #memory;
  #used = 0;
  #queue = [];
  /** Not ended, as their callers see it. */
  #running = new Set();
  /** In the kernel still. */
  #inKernel = 0;
  #whenEnded = () => {};

  /** @param deadlineMs of option 3, from the beginning of a write; @param boundMs of option 1, of a removal. */
  static async open(path, { threads, operations, deadlineMs, boundMs }) {
    const writes = new BlockingWrites();
    writes.#file = await open(path, constants.O_RDWR | constants.O_DIRECT | constants.O_DSYNC);
    writes.#threads = threads;
    writes.#deadlineMs = deadlineMs;
    writes.#boundMs = boundMs;
    // O_DIRECT wants aligned memory, and WebAssembly's is the one in JavaScript that begins at a page.
    const pages = Math.ceil((operations * blockBytes) / 65_536);
    writes.#memory = new Uint8Array(new WebAssembly.Memory({ initial: pages }).buffer);
    return writes;
  }

  /** How many writes the kernel has. */
  get inKernel() {
    return this.#inKernel;
  }

  /** One block of 4 KiB. */
  write(offset, bytes) {
    const own = this.#memory.subarray(this.#used, this.#used + blockBytes);
    this.#used += blockBytes;
    own.set(bytes);
    return new Promise((resolve, reject) => {
      this.#queue.push({ offset, bytes: own, resolve, reject });
      this.#next();
    });
  }

  #next() {
    if (this.#running.size >= this.#threads) return;
    const work = this.#queue.shift();
    if (work === undefined) return;
    this.#running.add(work);
    this.#inKernel++;
    const end = (settle, value) => {
      clearTimeout(timer);
      if (!this.#running.delete(work)) return;
      settle(value);
      this.#next();
      if (this.#running.size === 0) this.#whenEnded();
    };
    const timer =
      this.#deadlineMs === undefined
        ? undefined
        : setTimeout(() => end(work.reject, new Error('completed by force')), this.#deadlineMs);
    this.#file
      .write(work.bytes, 0, blockBytes, work.offset)
      .finally(() => this.#inKernel--)
      .then(
        () => end(work.resolve),
        (error) => end(work.reject, error),
      );
  }

  /** Resolves to the number of writes that are left behind: nobody will ever be told what became of them. */
  async remove() {
    for (const { reject } of this.#queue.splice(0)) reject(new Error('withdrawn'));
    if (this.#running.size > 0) {
      const ended = new Promise((resolve) => {
        this.#whenEnded = resolve;
      });
      const bound =
        this.#boundMs === undefined ? [] : [new Promise((done) => setTimeout(done, this.#boundMs))];
      await Promise.race([ended, ...bound]);
    }
    const leaked = this.#inKernel;
    // Of option 1 the descriptor is leaked with its work. Of option 3 all work has "ended": it closes it, under running writes.
    if (this.#running.size === 0) void this.#file.close().catch(() => {});
    return leaked;
  }
}
