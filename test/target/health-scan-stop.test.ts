// A stop is done when the call returns, at whatever moment, and a start after it goes on where it was.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { DmremapError } from '../../lib/base/errors.js';
import { sector } from '../../lib/base/units.js';
import { ScanReadError } from '../../lib/target/scan-subject.js';
import { random } from '../support/random.js';
import {
  chunkSectors,
  chunks,
  fine,
  hang,
  made,
  read,
  type TestSubject,
  type TestTime,
  turn,
} from '../support/scan.js';

describe('a stop', () => {
  /** Nothing of the scan is left: what it was given to abort with has no listeners. */
  const expectNothingLeft = (time: TestTime, subject: TestSubject) => {
    for (const signal of [...time.signals, ...subject.signals]) {
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    }
  };

  it('is done when the call returns: the read in flight is aborted', async () => {
    const { time, subject, scan } = made(320n);
    subject.onRead = async (first, _, signal) => {
      if (first === 96n) await hang(signal);
    };
    scan.start();
    while (scan.cursor < 96n || subject.reads.length < 4) await turn();
    scan.stop();
    expect(scan.progress).toMatchObject({ state: 'stopped', cursor: 96n });
    expect([...subject.signals].every(({ aborted }) => aborted)).toBe(true);
    expectNothingLeft(time, subject);
    const reads = subject.reads.length;
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(subject.reads.length).toBe(reads);
    expect(subject.failures).toEqual([]);
  });

  it('ends a scrub in flight, a pause and a rest as well', async () => {
    for (const where of ['scrub', 'pause', 'rest']) {
      const { time, subject, scan } = made(64n, { bytesPerSecond: 8192 }, where === 'pause' ? 1 : 80_000_000);
      if (where === 'scrub') subject.onScrub = hang;
      scan.start();
      while (!(where === 'scrub' ? subject.scrubs > 0 : time.isHolding)) await turn();
      scan.stop();
      expect(scan.progress.state).toBe('stopped');
      expectNothingLeft(time, subject);
      const { scrubs, reads } = subject;
      const before = reads.length;
      for (let turns = 0; turns < 5; turns++) await turn();
      expect([where, subject.scrubs, reads.length]).toEqual([where, scrubs, before]);
      expect(subject.repairs).toBe(0);
    }
  });

  it('rejects those who wait for a pass', async () => {
    const { subject, scan } = made(64n);
    subject.onRead = (_, __, signal) => hang(signal);
    const waiting = [scan.scanOnce(), scan.scanOnce()];
    scan.stop();
    for (const one of waiting) {
      await expect(one).rejects.toMatchObject({
        name: 'AbortError',
        code: 'ABORT_ERR',
        cause: { message: 'the scan was stopped' },
      });
    }
  });

  it('from within what the scan calls is a stop', async () => {
    const error = new DmremapError('ERR_IO');
    const { subject, scan } = made(320n);
    subject.onRead = async () => {
      throw error;
    };
    subject.onError = () => scan.stop();
    await expect(scan.scanOnce()).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await turn();
    expect([subject.reads.length, scan.cursor]).toEqual([1, 0n]);

    const other = made(320n);
    other.subject.report = { ...fine, needsRepair: true };
    other.subject.repair = () => other.scan.stop();
    await expect(other.scan.scanOnce()).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await turn();
    expect(other.subject.reads).toEqual([]);
  });

  it('forgets who waited: the next one who waits alone can end the pass again', async () => {
    const { subject, scan } = made(320n);
    subject.onRead = (_, __, signal) => hang(signal);
    const waiting = expect(scan.scanOnce()).rejects.toMatchObject({ code: 'ABORT_ERR' });
    scan.stop();
    const next = scan.scanOnce();
    next.cancel();
    await expect(next).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(scan.progress.state).toBe('stopped');
    await waiting;
  });

  it('takes no time: how long a pass took is what was spent on it', async () => {
    const { time, subject, scan } = made(320n);
    subject.onRead = async (first) => {
      if (first === 96n) scan.stop();
    };
    await expect(scan.scanOnce()).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const stoppedMs = 1_000_000;
    time.ms += stoppedMs;
    subject.onRead = async () => {};
    expect((await scan.scanOnce()).durationMs).toBeCloseTo(time.ms - stoppedMs);
  });

  it('without a scan is none', () => {
    const { scan } = made(64n);
    scan.stop();
    scan.stop();
    expect(scan.progress.state).toBe('stopped');
  });

  it('a late answer of a read that was given up changes nothing of the scan that followed', async () => {
    const { subject, scan } = made(96n);
    let answer: ((how: Promise<void>) => void) | undefined;
    subject.onRead = () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      });
    for (const late of [undefined, new DmremapError('ERR_IO')]) {
      scan.start();
      while (answer === undefined) await turn();
      scan.stop();
      answer(late === undefined ? Promise.resolve() : Promise.reject(late));
      answer = undefined;
      await turn();
      expect(scan.progress).toMatchObject({ state: 'stopped', cursor: 0n, failedSectors: 0 });
    }
    expect(subject.failures).toEqual([]);
    subject.onRead = async () => {};
    expect(await scan.scanOnce()).toMatchObject({ pass: 1, failedSectors: 0 });
  });

  it('at any moment and a start after it still read every sector of each pass in order, errors and time counted once', async () => {
    const { int } = random(20_261_122);
    const { time, subject, scan } = made(640n, { bytesPerSecond: 1024 * 1024 });
    let stops = 0;
    let durationMs = 0;
    subject.onRead = async (first) => {
      for (let turns = int(3); turns > 0; turns--) await turn();
      if (first % 128n === 0n) throw new ScanReadError([{ first: sector(first), count: 1 }]);
    };
    // The reads that were not given up: each follows the last one that was completed.
    for (let pass = 1; pass <= 5; ) {
      const once = scan.scanOnce();
      for (let turns = int(30); turns > 0; turns--) await turn();
      if (scan.progress.state === 'scanning') {
        stops++;
        scan.stop();
      }
      const done = await once.catch(() => undefined);
      if (done === undefined) continue;
      expect(done).toMatchObject({ pass, failedSectors: 5 });
      durationMs += done.durationMs;
      pass++;
    }
    expect(stops).toBeGreaterThan(5);
    expect(durationMs).toBeLessThanOrEqual(time.ms);
    const firsts = subject.reads.map(({ first }) => first);
    for (const [at, first] of firsts.entries()) {
      const before = firsts[at - 1];
      // The next chunk, the same one again, or the first of the next pass.
      if (before !== undefined) expect([before, before + chunkSectors, 0n]).toContain(first);
    }
  });
});

describe('an abort of one who waits for a pass', () => {
  it('ends the pass where nobody else has asked for it, and the next one goes on there', async () => {
    const { subject, scan } = made(320n);
    const controller = new AbortController();
    const once = scan.scanOnce({ signal: controller.signal });
    while (scan.cursor < 96n) await turn();
    controller.abort('enough');
    await expect(once).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' });
    expect(scan.progress.state).toBe('stopped');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    const { cursor } = scan;
    subject.reads.length = 0;
    await scan.scanOnce();
    expect(read(subject)).toEqual(chunks(cursor, 320n));
  });

  it('leaves it to others', async () => {
    const { subject, scan } = made(320n);
    const [leaving, staying] = [scan.scanOnce(), scan.scanOnce()];
    leaving.cancel();
    await expect(leaving).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(await staying).toMatchObject({ pass: 1 });

    subject.onRead = (_, __, signal) => hang(signal);
    scan.start();
    const timed = scan.scanOnce({ timeoutMs: 0 });
    await expect(timed).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(scan.progress.state).not.toBe('stopped');
    scan.stop();
  });

  it('before the call begins nothing', async () => {
    const { subject, scan } = made(320n);
    await expect(scan.scanOnce({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect([subject.scrubs, scan.progress.state]).toEqual([0, 'stopped']);
  });
});
