// Many operations under one signal, with one listener: an event target looks through all that it has when one of them goes, so a
// thousand of them would cost a thousand times as much each.
import { LinkedList, type Links } from './linked-list.js';

/** Whoever wants to hear of an abort. */
export interface Abortable extends Links<Abortable> {
  onAbort(signal: AbortSignal): void;
}

interface Listener {
  readonly abortables: LinkedList<Abortable>;
  readonly heard: () => void;
}

const listeners = new WeakMap<AbortSignal, Listener>();

/** Tells it of the abort to come, in the order of these calls. Until `unlisten`, which must follow. */
export function listen(signal: AbortSignal, abortable: Abortable): void {
  let listener = listeners.get(signal);
  if (listener === undefined) {
    const abortables = new LinkedList<Abortable>();
    listener = {
      abortables,
      heard: () => {
        for (const one of abortables.all()) tell(one, signal);
      },
    };
    listeners.set(signal, listener);
  }
  if (listener.abortables.size === 0) signal.addEventListener('abort', listener.heard);
  listener.abortables.add(abortable);
}

/** What one of them throws keeps the others from nothing, as with listeners of their own. */
function tell(abortable: Abortable, signal: AbortSignal): void {
  try {
    abortable.onAbort(signal);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** Leaves nothing on the signal where it was the last one. */
export function unlisten(signal: AbortSignal, abortable: Abortable): void {
  const listener = listeners.get(signal);
  if (listener === undefined) return;
  listener.abortables.remove(abortable);
  if (listener.abortables.size === 0) signal.removeEventListener('abort', listener.heard);
}
