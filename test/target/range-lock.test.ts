// Who holds which sectors, and in which order they get them.
import { describe, expect, it } from 'vitest';
import { AbortRequest } from '../../lib/base/cancellable.js';
import { RangeLock } from '../../lib/target/range-lock.js';

const never = new AbortController().signal;

/** Asks for ranges in order, `r` to share and `w` to have alone, and tells which were granted at once. */
function asked(...ranges: readonly (readonly ['r' | 'w', number, number])[]) {
  const lock = new RangeLock();
  const granted: number[] = [];
  const releases: (() => void)[] = [];
  const ends = ranges.map(async ([kind, start, end], at) => {
    releases[at] = await lock.acquire(BigInt(start), BigInt(end), kind === 'w', never);
    granted.push(at);
  });
  const settle = () => new Promise(setImmediate);
  return { lock, granted, releases, ends, settle };
}

describe('a range lock', () => {
  it.each([
    [
      'two readers share',
      [
        ['r', 0, 8],
        ['r', 4, 12],
      ],
      [0, 1],
    ],
    [
      'a writer is alone',
      [
        ['w', 0, 8],
        ['r', 7, 9],
      ],
      [0],
    ],
    [
      'neighbours do not touch',
      [
        ['w', 0, 8],
        ['w', 8, 16],
      ],
      [0, 1],
    ],
    [
      'a writer waits for a reader',
      [
        ['r', 0, 8],
        ['w', 0, 1],
      ],
      [0],
    ],
    [
      'a reader does not pass a writer that waits',
      [
        ['r', 0, 8],
        ['w', 0, 8],
        ['r', 0, 8],
      ],
      [0],
    ],
    [
      'who is not in the way passes',
      [
        ['w', 0, 8],
        ['w', 0, 8],
        ['w', 8, 9],
      ],
      [0, 2],
    ],
  ] as const)('%s', async (_, ranges, expected) => {
    const { granted, settle } = asked(...ranges);
    await settle();
    expect(granted).toEqual(expected);
  });

  it('grants in the order of the calls, and is empty in the end', async () => {
    const { lock, granted, releases, ends, settle } = asked(
      ['w', 0, 8],
      ['w', 4, 12],
      ['r', 8, 16],
      ['r', 9, 10],
      ['w', 0, 16],
    );
    for (let at = 0; at < ends.length; at++) {
      await settle();
      releases[granted[at] as number]?.();
    }
    await Promise.all(ends);
    expect(granted).toEqual([0, 1, 2, 3, 4]);
    expect(lock.size).toBe(0);
  });

  it('lets who was behind one that gave up go on, and gives it nothing', async () => {
    const lock = new RangeLock();
    const reader = await lock.acquire(0n, 8n, false, never);
    const controller = new AbortController();
    const writer = lock.acquire(0n, 8n, true, controller.signal);
    const second = lock.acquire(0n, 8n, false, never);
    controller.abort(new AbortRequest('ERR_TARGET_SUSPENDED', undefined));
    await expect(writer).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED', outcome: 'untouched' });
    (await second)();
    reader();
    expect(lock.size).toBe(0);
  });

  it('is given back once, however often that is said', async () => {
    const lock = new RangeLock();
    const first = await lock.acquire(0n, 8n, true, never);
    const second = lock.acquire(0n, 8n, true, never);
    first();
    first();
    const third = lock.acquire(0n, 8n, true, never);
    let got = false;
    void third.then(() => {
      got = true;
    });
    const release = await second;
    await new Promise(setImmediate);
    expect(got).toBe(false);
    release();
    (await third)();
    expect(lock.size).toBe(0);
  });

  it('refuses under a signal that is aborted already', async () => {
    const lock = new RangeLock();
    await expect(lock.acquire(0n, 1n, false, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORT_ERR',
    });
    expect(lock.size).toBe(0);
  });
});
