// Room: cli. One deadline for a whole command, and the signal that ends it.
import { AbortRequest, type CancelOptions, neverStarted } from '../base/cancellable.js';
import type { Context } from './context.js';

/** The options of the next operation: what is left of the deadline. Throws ERR_TIMEOUT where nothing is left. */
export type Limits = () => CancelOptions;

/** Counts from the call. */
export function limitsOf({ signal, monotonicMs }: Context, timeoutMs: number | undefined): Limits {
  if (timeoutMs === undefined) return () => ({ signal });
  const end = monotonicMs() + timeoutMs;
  return () => {
    const left = Math.ceil(end - monotonicMs());
    //  A timer of 0 ms would race with a fast device.
    if (left <= 0) throw neverStarted(new AbortRequest('ERR_TIMEOUT', undefined));
    return { signal, timeoutMs: left };
  };
}
