// The background work, step by step: the test decides when a commit ends and how, and when a pause is over.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AbortRequest } from '../../lib/base/cancellable.js';
import { SyncWork } from '../../lib/target/sync-work.js';

const never = new AbortController().signal;
const turn = () => new Promise(setImmediate);

function worker({ attempts = 3 } = {}) {
  const commits: {
    resolve: () => void;
    reject: (error: unknown) => void;
    signal: AbortSignal;
    attempt: number;
  }[] = [];
  const pauses: { ms: number; end: () => void }[] = [];
  const state = { active: true, locked: 0, most: 0 };
  let unlocked: (() => void) | undefined;
  let lock: Promise<void> = Promise.resolve();
  const work = new SyncWork(
    {
      isActive: () => state.active,
      lock: async () => {
        await lock;
        state.most = Math.max(state.most, ++state.locked);
        return () => state.locked--;
      },
      commit: ({ signal, attempt }) =>
        new Promise((resolve, reject) => {
          commits.push({ resolve, reject, signal, attempt });
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        }),
      pause: (ms, signal) =>
        new Promise((resolve) => {
          pauses.push({ ms, end: resolve });
          signal.addEventListener('abort', () => resolve(), { once: true });
        }),
    },
    { attempts, backoffMs: 100 },
  );
  const hold = () => {
    lock = new Promise((resolve) => {
      unlocked = resolve;
    });
    return () => unlocked?.();
  };
  return { work, commits, pauses, state, hold };
}

describe('the sync work', () => {
  it('is clean where nothing was changed', async () => {
    const { work, commits } = worker();
    await work.whenClean(never);
    expect(work.status.dirty).toBe(false);
    expect(commits).toEqual([]);
  });

  it('is clean after a commit that succeeds, and not before', async () => {
    const { work, commits } = worker();
    work.markDirty();
    const clean = work.whenClean(never);
    await turn();
    expect(work.status.dirty).toBe(true);
    commits[0]?.resolve();
    await clean;
    expect(work.status).toMatchObject({ dirty: false, failures: 0 });
  });

  it('stays dirty where something changes during the commit, and commits that too, one after the other', async () => {
    const { work, commits, state } = worker();
    work.markDirty();
    const first = work.whenClean(never);
    await turn();
    work.markDirty();
    let second = false;
    const later = work.whenClean(never).then(() => {
      second = true;
    });
    commits[0]?.resolve();
    await first;
    expect(work.status.dirty).toBe(true);
    expect(second).toBe(false);
    await turn();
    commits[1]?.resolve();
    await later;
    expect(work.status.dirty).toBe(false);
    expect(commits.length).toBe(2);
    expect(state).toMatchObject({ most: 1, locked: 0 });
  });

  it('tries again after a failure, later each time, and then no more: degraded', async () => {
    const { work, commits, pauses } = worker();
    work.markDirty();
    const clean = work.whenClean(never);
    const told = expect(clean).rejects.toMatchObject({
      code: 'ERR_TARGET_DEGRADED',
      cause: { message: 'no 3' },
    });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await turn();
      expect(commits.at(-1)?.attempt).toBe(attempt);
      commits.at(-1)?.reject(new Error(`no ${attempt}`));
      await turn();
      pauses.at(-1)?.end();
    }
    await told;
    expect(pauses.map(({ ms }) => ms)).toEqual([100, 200]);
    expect(work.status).toMatchObject({ dirty: true, degraded: true, failures: 3 });
    expect(commits.length).toBe(3);
  });

  it('tries afresh when it is degraded and somebody asks, or something changes', async () => {
    for (const again of ['ask', 'change'] as const) {
      const { work, commits } = worker({ attempts: 1 });
      work.markDirty();
      await turn();
      commits[0]?.reject(new Error('no'));
      await turn();
      expect(work.status.degraded).toBe(true);
      if (again === 'change') work.markDirty();
      const clean = work.whenClean(never);
      await turn();
      commits[1]?.resolve();
      await clean;
      expect(work.status).toMatchObject({ dirty: false, degraded: false, failures: 0 });
    }
  });

  it('looks whether the target is active again when it has got the lock', async () => {
    const { work, commits, state, hold } = worker();
    const unlock = hold();
    work.markDirty();
    await turn();
    state.active = false;
    unlock();
    await turn();
    expect(commits).toEqual([]);
    expect(state.locked).toBe(0);
  });

  it.each(['commit', 'pause'] as const)(
    'is withdrawn in the middle of a %s: everybody is told, nobody tries again',
    async (when) => {
      const { work, commits } = worker();
      work.markDirty();
      const { signal } = new AbortController();
      const clean = work.whenClean(signal);
      await turn();
      if (when === 'pause') commits[0]?.reject(new Error('no'));
      await turn();
      work.withdraw(new AbortRequest('ERR_TARGET_DESTROYED', undefined));
      await expect(clean).rejects.toMatchObject({ code: 'ERR_TARGET_DESTROYED' });
      await turn();
      expect(commits[0]?.signal.aborted).toBe(true);
      expect(commits.length).toBe(1);
      work.markDirty();
      await turn();
      expect(commits.length).toBe(1);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    },
  );

  it('goes on for the others when one who waits gives up', async () => {
    const { work, commits } = worker();
    work.markDirty();
    const controller = new AbortController();
    const one = work.whenClean(controller.signal);
    const other = work.whenClean(never);
    await turn();
    controller.abort();
    await expect(one).rejects.toMatchObject({ code: 'ABORT_ERR' });
    commits[0]?.resolve();
    await other;
  });
});
