// Room: target. Who may touch which sectors: readers share, a writer is alone, and conflicting requests keep the order in
// which they came. The device keeps that order for single operations; a write that fails and is remapped is several, and
// what came behind it must not slip in between.
import { abortRequestOf, neverStarted } from '../base/cancellable.js';

interface Hold {
  readonly start: bigint;
  readonly end: bigint;
  readonly exclusive: boolean;
  /** Earlier ones that are in its way. */
  blockers: number;
  /** Later ones that wait for this one. */
  readonly waiters: Set<Hold>;
  grant: () => void;
}

export class RangeLock {
  /** Granted or waiting, in the order of their calls. */
  readonly #holds = new Set<Hold>();

  /** Holds and waiters. */
  get size(): number {
    return this.#holds.size;
  }

  /**
   * Resolves with the function that gives [start, end) back, when nothing that came earlier is in the way.
   * Rejects as never started when `signal` is aborted first.
   */
  acquire(start: bigint, end: bigint, exclusive: boolean, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(neverStarted(abortRequestOf(signal)));
        return;
      }
      const hold: Hold = { start, end, exclusive, blockers: 0, waiters: new Set(), grant: () => {} };
      for (const other of this.#holds) {
        if (start >= other.end || other.start >= end || !(exclusive || other.exclusive)) continue;
        other.waiters.add(hold);
        hold.blockers++;
      }
      this.#holds.add(hold);
      const release = () => this.#release(hold);
      if (hold.blockers === 0) {
        resolve(release);
        return;
      }
      const onAbort = () => {
        for (const other of this.#holds) other.waiters.delete(hold);
        this.#release(hold);
        reject(neverStarted(abortRequestOf(signal)));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      hold.grant = () => {
        signal.removeEventListener('abort', onAbort);
        resolve(release);
      };
    });
  }

  #release(hold: Hold): void {
    if (!this.#holds.delete(hold)) return;
    for (const waiter of hold.waiters) if (--waiter.blockers === 0) waiter.grant();
  }
}
