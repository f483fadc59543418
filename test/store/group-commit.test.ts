// Callers that come while a commit is under way share the next one, and none of them can spoil it for the others.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { Step } from '../../lib/device/request.js';
import { CommitError } from '../../lib/store/commit/commit-report.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { random } from '../support/random.js';
import { drawnDevice, electedSequence, failure, issued, now, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

const sequences = (reports: readonly { readonly sequence: bigint }[]) =>
  reports.map(({ sequence }) => sequence);

/** Holds the n-th group of writes until `resume()`: a commit on it has three. */
class HoldingDevice extends MemoryDevice {
  #seen = 0;
  readonly #from: number;

  constructor(content: Uint8Array, from: number) {
    super(content);
    this.#from = from;
  }

  protected override isHeld(steps: readonly Step[]): boolean {
    const writes = steps.some(({ kind }) => kind === 'write');
    if (writes) this.#seen++;
    return writes && this.#seen === this.#from;
  }
}

const holding = (from: number) => new HoldingDevice(drawnDevice('7 7 7 7 7').bytes, from);

/** Two share a commit that waits for an aborted write to land; one of them has left. */
async function leftWhileWaiting() {
  const device = new HoldingDevice(drawnDevice('7 7 . . .').bytes, 1);
  const store = await openStore(device);
  const first = store.commit();
  const options = { unsettled: 'wait' } as const;
  const [leaving, staying] = [store.commit(options), store.commit(options)];
  first.cancel();
  await failure(first);
  leaving.cancel();
  return { device, left: await failure(leaving), staying };
}

describe('group commit', () => {
  it('gives callers that come while one is under way the next one, with all of their changes', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    const add = (original: number) => {
      store.table.add(original);
      return store.commit();
    };
    const reports = await Promise.all([add(1000), add(1001), add(1002), add(1003)]);
    expect(sequences(reports)).toEqual([8n, 9n, 9n, 9n]);
    expect(reports[1]).toBe(reports[3]);
    expect((await MetadataStore.open(device, { now })).table.size).toBe(5);
  });

  it.each(Array.from({ length: 24 }, (_, turns) => turns))(
    'keeps an abort %i turns after the last write to the commit that it was meant for',
    async (turns) => {
      const device = drawnDevice('7 7 7 7 7');
      const store = await openStore(device);
      await store.commit();
      const writeOrdered = device.writeOrdered.bind(device);
      let commits = 0;
      device.writeOrdered = (...call) => {
        const writing = writeOrdered(...call);
        const cancel = async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          first.cancel();
        };
        if (++commits === 1) void writing.then(cancel);
        return writing;
      };
      const first = store.commit();
      const second = store.commit();
      await first.catch(() => undefined);
      expect((await second).finds).toBe('new');
      expect(commits).toBe(2);
    },
  );

  it('says that the store is closed after it is, though its device was closed before', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await store.commit();
    await device.close();
    await store.close();
    for (let call = 0; call < 2; call++) {
      expect((await failure(store.commit())).code).toBe('ERR_STORE_CLOSED');
    }
  });

  it('leaves nothing on a device that outlives the store', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const before = getEventListeners(device.closed, 'abort').length;
    for (const ends of ['committed', 'aborted']) {
      const store = await openStore(device);
      await store.commit();
      const last = store.commit();
      if (ends === 'aborted') last.cancel();
      await last.catch(({ drained }) => drained);
      await store.close();
    }
    expect(getEventListeners(device.closed, 'abort')).toHaveLength(before);
  });

  it('holds for hundreds: two commits, whatever the number of callers', async () => {
    const spy = new SpyDevice(drawnDevice('7 7 7 7 7'));
    const store = await openStore(spy);
    const callers = Array.from({ length: 256 }, (_, at) => {
      store.table.add(2000 + at);
      return store.commit();
    });
    const reports = await Promise.all(callers);
    expect(new Set(sequences(reports))).toEqual(new Set([8n, 9n]));
    expect(issued(spy).split(' | ').length).toBe(6);
  });

  it('starts at once where none is under way, and again after the last one', async () => {
    const spy = new SpyDevice(drawnDevice('7 7 7 7 7'));
    const store = await openStore(spy);
    const commit = store.commit();
    expect(spy.groups.length).toBe(3); // Handed over as one ordered batch before the call has returned.
    await commit;
    expect((await store.commit()).sequence).toBe(9n);
  });

  it('shares nothing between callers that allow different things', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const reports = await Promise.all([
      store.commit(),
      store.commit({ allowUnsafe: true }),
      store.commit({ allowUnsafe: true }),
      store.commit(),
    ]);
    expect(sequences(reports)).toEqual([8n, 9n, 9n, 10n]);
  });

  it('lets a caller that waits leave: nothing of it is written, and the others get theirs', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const [first, leaving, staying] = [store.commit(), store.commit(), store.commit()];
    leaving.cancel('no');
    expect(await failure(leaving)).toMatchObject({ code: 'ABORT_ERR', outcome: 'untouched', cause: 'no' });
    expect(sequences(await Promise.all([first, staying]))).toEqual([8n, 9n]);
  });

  it('drops a commit that nobody waits for any more', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const [first, leaving] = [store.commit(), store.commit()];
    leaving.cancel();
    await failure(leaving);
    await first;
    expect((await store.commit()).sequence).toBe(9n);
  });

  it('drops it also from between others, which share as before', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const first = store.commit();
    const leaving = store.commit({ allowUnsafe: true });
    const staying = store.commit();
    leaving.cancel();
    await failure(leaving);
    const reports = await Promise.all([first, staying, store.commit()]);
    expect(sequences(reports)).toEqual([8n, 9n, 9n]);
  });

  it('lets a caller leave in the middle, at once, while the commit goes on for the other', async () => {
    const device = holding(4);
    const store = await openStore(device);
    const first = store.commit();
    const [leaving, staying] = [store.commit(), store.commit()];
    await first;
    leaving.cancel('enough');
    const error = await failure(leaving);
    expect(error).toMatchObject({ name: 'AbortError', cause: 'enough', finds: 'either', outcome: 'unknown' });
    expect(error.copies.map(({ outcome }) => outcome)).toEqual(Array(5).fill('unknown'));
    device.resume();
    const report = await staying;
    expect(report).toMatchObject({ finds: 'new', degraded: [], sequence: 9n });
    expect(await error.drained).toEqual(report);
    expect(error.sequence).toBe(9n);
  });

  it('tells a caller who has left how the commit ended, where it failed too', async () => {
    const device = holding(4);
    const store = await openStore(device);
    const first = store.commit();
    const [leaving, staying] = [store.commit(), store.commit()];
    await first;
    leaving.cancel();
    leaving.cancel('twice');
    const error = await failure(leaving);
    const drained = error.drained;
    staying.cancel('me too');
    const last = await failure(staying);
    expect(last).toMatchObject({ cause: 'me too', finds: 'either' });
    device.resume();
    expect(await drained).toEqual(await last.drained);
    expect((await drained).finds).toBe('new');
  });

  it('says of copies that are left out why, and what an election may find where a copy was named', async () => {
    const device = new HoldingDevice(drawnDevice('9+ 8 7 . .').bytes, 1);
    const store = await openStore(device, 0);
    const first = store.commit();
    const [leaving, staying] = [store.commit(), store.commit()];
    first.cancel();
    await failure(first);
    leaving.cancel();
    const error = await failure(leaving);
    expect(error.finds).toBe('other');
    expect(error.copies.map(({ reason }) => reason)).toEqual([
      undefined,
      undefined,
      undefined, //  The aborted write may still land, and the commit may come to write it.
      'absent',
      'absent',
    ]);
    expect(await error.drained).toMatchObject({ finds: 'new' });
    await staying;
    device.resume();
  });

  it('ends when the last of its callers has left, and says what is known to each, for its own reason', async () => {
    const device = holding(4);
    const store = await openStore(device);
    const shared = new AbortController();
    const first = store.commit();
    const [a, b, c] = [
      store.commit({ signal: shared.signal }),
      store.commit({ signal: shared.signal }),
      store.commit(),
    ] as const;
    await first;
    c.cancel('third');
    shared.abort('both');
    const errors = await Promise.all([failure(a), failure(b), failure(c)]);
    expect(errors.map(({ cause }) => cause)).toEqual(['both', 'both', 'third']);
    for (const { copies, finds } of errors) {
      // The precise report of the aborted batch: only the first phase was in flight.
      expect(copies.filter(({ outcome }) => outcome === 'unknown').length).toBe(1);
      expect(finds).toBe('either');
    }
    device.resume();
    const finals = await Promise.all(errors.map(({ drained }) => drained));
    for (const final of finals) expect(final.finds).toBe('new');
    expect(await electedSequence(device)).toBe(9n);
  });

  it('says of a caller who leaves while the commit still waits what is true, then and finally', async () => {
    const { device, left, staying } = await leftWhileWaiting();
    expect(left.copies.slice(0, 2).map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
    device.resume();
    const report = await staying;
    expect(left.sequence).toBe(report.sequence);
    expect(await left.drained).toEqual(report);
  });

  it('says that nothing was written where the others leave while it waits', async () => {
    const { device, left, staying } = await leftWhileWaiting();
    staying.cancel('me too');
    const last = await failure(staying);
    expect(last).toMatchObject({ cause: 'me too', outcome: 'untouched' });
    const final = await left.drained;
    expect(final.copies.map(({ outcome }) => outcome)).toEqual(Array(5).fill('untouched'));
    expect(final).toEqual(await last.drained);
    device.resume();
  });

  it('lets nobody join a commit that is starting, whatever is called meanwhile', async () => {
    const device = drawnDevice('7 7 7 7 7');
    let onNow = () => {};
    const store = await MetadataStore.open(device, {
      mode: 'write',
      now: () => {
        onNow();
        return now();
      },
    });
    let late: ReturnType<MetadataStore['commit']> | undefined;
    onNow = () => {
      if (late !== undefined) return;
      store.table.add(2000);
      late = store.commit();
    };
    store.table.add(1000);
    const first = await store.commit();
    const second = await (late as NonNullable<typeof late>);
    expect(sequences([first, second])).toEqual([8n, 9n]);
    expect((await MetadataStore.open(device, { now })).table.size).toBe(3);
  });

  it('counts a default that is written out as one that is not', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const reports = await Promise.all([
      store.commit(),
      store.commit({ unsettled: 'reject' }),
      store.commit({ allowUnsafe: false }),
    ]);
    expect(sequences(reports)).toEqual([8n, 9n, 9n]);
  });

  it('rejects all who share a commit that fails', async () => {
    const spy = new SpyDevice(drawnDevice('7 7 7 7 7'));
    const store = await openStore(spy);
    const first = store.commit();
    const sharing = [store.commit(), store.commit()];
    spy.faults.push(...[0n, 1n, 2n, 3n, 4n].map((copy) => ({ offset: copy * 131_072n, errno: 'EIO' })));
    await first;
    for (const commit of sharing) expect(await failure(commit)).toMatchObject({ code: 'ERR_COMMIT_PARTIAL' });
  });

  it('ends with the store: who waits gets ERR_STORE_CLOSED, with nothing written', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const [running, waiting] = [store.commit(), store.commit()];
    const closing = store.close();
    expect(await failure(running)).toMatchObject({ code: 'ERR_STORE_CLOSED' });
    expect(await failure(waiting)).toMatchObject({ code: 'ERR_STORE_CLOSED', outcome: 'untouched' });
    await closing;
    device.resume();
  });

  it('acknowledges nobody whose change a reader would not find, whoever else aborts', async () => {
    const { int } = random(20_260_102);
    const device = new MemoryDevice(drawnDevice('7 7 7 7 7').bytes);
    const store = await openStore(device);
    const told = { done: 0, aborted: 0 };
    for (let round = 0; round < 60; round++) {
      const callers = Array.from({ length: 1 + int(8) }, async (_, at) => {
        for (let turns = int(12); turns > 0; turns--) await new Promise(setImmediate);
        const original = 1000 + round * 20 + at;
        store.table.add(original);
        const commit = store.commit({ unsettled: 'wait' });
        if (int(3) === 0) {
          for (let turns = int(6); turns > 0; turns--) await new Promise(setImmediate);
          commit.cancel();
        }
        const result = await commit.catch((error: unknown) => error);
        if (result instanceof CommitError) {
          told.aborted++;
          await result.drained;
          return;
        }
        told.done++;
        const reader = await MetadataStore.open(new MemoryDevice(device.bytes), { now });
        expect(reader.table.lookup(original)).toBeDefined();
      });
      await Promise.all(callers);
    }
    expect(told.done).toBeGreaterThan(0);
    expect(told.aborted).toBeGreaterThan(0);
  });
});
