// Room: cli. One deadline for a whole command, and the signal that ends it.
import { AbortRequest, type CancelOptions, neverStarted } from '../../base/cancellable.js';
import type { Context } from '../context.js';

/** The options of the next operation: what is left of the deadline. Throws ERR_TIMEOUT where nothing is left. */
export interface Limits {
  (): CancelOptions;
  /** Waits for a person: the deadline is for devices, and does not run meanwhile. */
  outside<T>(waiting: () => Promise<T>): Promise<T>;
}

/** Counts from the call. */
export function limitsOf({ signal, monotonicMs }: Context, timeoutMs: number | undefined): Limits {
  if (timeoutMs === undefined)
    return Object.assign(() => ({ signal }), { outside: <T>(waiting: () => Promise<T>) => waiting() });
  let end = monotonicMs() + timeoutMs;
  const limits = () => {
    const left = Math.ceil(end - monotonicMs());
    //  A timer of 0 ms would race with a fast device.
    if (left <= 0) throw neverStarted(new AbortRequest('ERR_TIMEOUT', undefined));
    return { signal, timeoutMs: left };
  };
  const outside: Limits['outside'] = async (waiting) => {
    const asked = monotonicMs();
    try {
      return await waiting();
    } finally {
      end += monotonicMs() - asked;
    }
  };
  return Object.assign(limits, { outside });
}
