// What a cancel does: for each state of a write one probe is asked to cancel it by IORING_OP_ASYNC_CANCEL, and another one by
// io_uring_register_sync_cancel, so that neither sees what the other has left.
import type { Cancelled, CancelState } from './expected.js';
import { makePlace, type PlaceName } from './places.js';
import { boundMs, hold, Probe, patienceMs, within } from './probe.js';

/** The probe's own word for the state, and where it writes to; without a place the probe itself holds it. */
const made: Record<CancelState, readonly [string, PlaceName?]> = {
  unsubmitted: ['unsubmitted'],
  linked: ['linked'],
  drained: ['drained'],
  queued: ['queued'],
  frozen: ['worker', 'frozen'],
  // Not stalled: what holds it is its source.
  page: ['page', 'loop'],
  fsync: ['fsync', 'fsync'],
  interruptible: ['worker', 'interruptible'],
  loop: ['direct', 'loop'],
  throttled: ['direct', 'throttled'],
  fuse: ['direct-async', 'fuse'],
  poll: ['poll'],
  'poll-async': ['poll-async'],
};

const signed = (result: string) => (/^\d+$/.test(result) ? result : `-${result}`);

function ofWrite(result: string): string {
  if (result === '4096') return 'written';
  return result === '0' ? 'done' : signed(result);
}

/** As it came before the release, or else after it. */
function story(before: string | undefined, after: string | undefined): string {
  if (before !== undefined) return before;
  return after === undefined ? 'never came' : `${after} after release`;
}

export async function measureCancel(state: CancelState, command: 'cancel' | 'sync-cancel') {
  const [word, placeName] = made[state];
  await using place = placeName === undefined ? undefined : await makePlace(placeName);
  const probe = await Probe.start('cancel_probe', [word, ...(place === undefined ? [] : [place.path])]);
  const held = state === 'page' ? undefined : place;
  const release = async () => (held === undefined ? probe.order('release') : held.release());
  try {
    await held?.stall();
    probe.order('submit');
    await probe.must('there');
    if (held !== undefined) await hold(held, probe);
    probe.order(command);
    const answerEvent = command === 'cancel' ? 'cancelled' : 'sync-cancelled';
    // The synchronous one waits for a second itself, and is always answered.
    if (command === 'sync-cancel') await probe.must(answerEvent);
    const [answer, write] = await Promise.all([probe.event(answerEvent), probe.event('completed')]);
    await release();
    const lateWrite = write ?? (await probe.event('completed', patienceMs));
    const lateAnswer = answer ?? (await probe.event(answerEvent, boundMs));
    const cancelled: Cancelled = {
      answer: story(answer && signed(answer), lateAnswer && signed(lateAnswer)),
      write: story(write && ofWrite(write), lateWrite && ofWrite(lateWrite)),
    };
    return { cancelled, liburing: probe.liburing };
  } finally {
    await release().catch(() => {});
    await within(patienceMs, probe.end());
  }
}
