// The scan reads everything once a pass, no faster than it may, goes on where it was stopped, and stops when it is told to.
import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DmremapError, type ErrorCode } from '../../lib/base/errors.js';
import { type Sector, sector } from '../../lib/base/units.js';
import type { ScrubReport } from '../../lib/store/scrub-report.js';
import { HealthScan } from '../../lib/target/health-scan.js';
import type { HealthScanOptions, ScanTime } from '../../lib/target/scan-options.js';
import { type ScanFailure, ScanReadError, type ScanSubject } from '../../lib/target/scan-subject.js';
import { random } from '../support/random.js';

const chunkBytes = 4096 * 4;
const chunkSectors = 32n;
const fine: ScrubReport = { copies: [], needsRepair: false, code: undefined };
const turn = () => new Promise(setImmediate);

/** Time that passes when somebody pauses, and in no other way. Long pauses are held until `wake()`. */
class TestTime implements ScanTime {
  ms = 0;
  readonly pauses: number[] = [];
  readonly signals = new Set<AbortSignal>();
  #held: (() => void) | undefined;
  constructor(readonly holdFromMs = Number.POSITIVE_INFINITY) {}

  now = () => this.ms;
  pause = (ms: number, signal: AbortSignal) => {
    this.pauses.push(ms);
    this.signals.add(signal);
    return new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      const done = () => {
        signal.removeEventListener('abort', abort);
        this.ms += ms;
        resolve();
      };
      if (ms >= this.holdFromMs) this.#held = done;
      else setImmediate(done);
    });
  };
  get isHolding(): boolean {
    return this.#held !== undefined;
  }
  wake(): void {
    this.#held?.();
    this.#held = undefined;
  }
}

class TestSubject implements ScanSubject {
  readonly reads: { readonly first: bigint; readonly count: number; readonly atMs: number }[] = [];
  readonly failures: ScanFailure[] = [];
  readonly signals = new Set<AbortSignal>();
  scrubs = 0;
  repairs = 0;
  report = fine;
  /** What a read does beside being counted. */
  onRead: (first: Sector, count: number, signal: AbortSignal) => Promise<void> = async () => {};
  onScrub: (signal: AbortSignal) => Promise<void> = async () => {};
  constructor(
    public sectors: bigint,
    readonly time: TestTime,
  ) {}

  async read(first: Sector, count: number, signal: AbortSignal): Promise<void> {
    this.reads.push({ first, count, atMs: this.time.ms });
    this.signals.add(signal);
    await this.onRead(first, count, signal);
  }
  async scrub(signal: AbortSignal): Promise<ScrubReport> {
    this.scrubs++;
    this.signals.add(signal);
    await this.onScrub(signal);
    return this.report;
  }
  repair(): void {
    this.repairs++;
  }
  onError(failure: ScanFailure): void {
    this.failures.push(failure);
  }
}

/** Never settles but by the abort, as a read of a device that hangs. */
const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

function made(sectors: bigint, options: HealthScanOptions = {}, holdFromMs?: number) {
  const time = new TestTime(holdFromMs);
  const subject = new TestSubject(sectors, time);
  const scan = new HealthScan(subject, { chunkBytes, time, ...options });
  return { time, subject, scan };
}

/** The chunks of a range, in order. */
const chunks = (from: bigint, to: bigint) =>
  Array.from({ length: Number((to - from + chunkSectors - 1n) / chunkSectors) }, (_, at) => {
    const first = from + BigInt(at) * chunkSectors;
    return { first, count: Number(to - first < chunkSectors ? to - first : chunkSectors) };
  });

const read = ({ reads }: TestSubject) => reads.map(({ first, count }) => ({ first, count }));

describe('a pass', () => {
  it.each([0n, 1n, 31n, 32n, 33n, 1000n])(
    'over %i sectors reads each once, in order, and scrubs first',
    async (sectors) => {
      const { subject, scan } = made(sectors);
      let readsBeforeScrub = 0;
      subject.onScrub = async () => {
        readsBeforeScrub += subject.reads.length;
      };
      expect(await scan.scanOnce()).toMatchObject({ pass: 1, failedSectors: 0 });
      expect(read(subject)).toEqual(chunks(0n, sectors));
      expect([subject.scrubs, readsBeforeScrub]).toEqual([1, 0]);
      expect(scan.progress).toMatchObject({
        state: 'stopped',
        pass: 2,
        cursor: 0n,
        failedSectors: 0,
        lastScrub: fine,
      });
    },
  );

  it('begins where it is told to, at a whole block, and the next one at the beginning', async () => {
    const { subject, scan } = made(1000n, { cursor: 517n });
    await scan.scanOnce();
    expect(read(subject)).toEqual(chunks(512n, 1000n));
    subject.reads.length = 0;
    await scan.scanOnce();
    expect(read(subject)).toEqual(chunks(0n, 1000n));
  });

  it('that is told to begin behind the end is over', async () => {
    const { subject, scan } = made(1000n, { cursor: 5000n });
    await scan.scanOnce();
    expect(subject.reads).toEqual([]);
    expect(scan.cursor).toBe(0n);
  });

  it('is never faster than it may be, and tells how long it took', async () => {
    const bytesPerSecond = 64 * 1024;
    const { time, subject, scan } = made(1000n, { bytesPerSecond });
    // Some reads take longer than their share of the time: what follows does not make up for it.
    subject.onRead = async (first) => {
      time.ms += first % 64n === 0n ? 100 : 400;
    };
    const { durationMs } = await scan.scanOnce();
    const shareMs = (count: number) => (count * 512 * 1000) / bytesPerSecond;
    for (const [at, { count, atMs }] of subject.reads.entries()) {
      const next = subject.reads[at + 1];
      if (next !== undefined) expect(next.atMs - atMs).toBeGreaterThanOrEqual(shareMs(count));
    }
    expect(durationMs).toBe(time.ms);
    expect(durationMs).toBeGreaterThanOrEqual(shareMs(1000));
  });

  it('leaves the loop to others, however fast the reads are', async () => {
    const { subject, scan } = made(100_000n, { bytesPerSecond: Number.MAX_SAFE_INTEGER, time: undefined });
    let turns = 0;
    const count = () => {
      turns++;
      if (scan.progress.state === 'scanning') setImmediate(count);
    };
    const scanning = scan.scanOnce();
    setImmediate(count);
    await scanning;
    expect(turns).toBeGreaterThanOrEqual(subject.reads.length);
  });
});

describe('what cannot be read', () => {
  it('is told, counted and passed over', async () => {
    const { subject, scan } = made(320n);
    const cause = new ScanReadError([
      { first: sector(70), count: 2 },
      { first: sector(90), count: 10 },
      { first: sector(5), count: 60 },
      { first: sector(300), count: 1 },
    ]);
    subject.onRead = async (first) => {
      if (first === 64n) throw cause;
      if (first === 128n) throw new DmremapError('ERR_TIMEOUT');
    };
    expect(await scan.scanOnce()).toMatchObject({ failedSectors: 2 + 6 + 1 + 32 });
    expect(read(subject)).toEqual(chunks(0n, 320n));
    expect(subject.failures).toMatchObject([
      // What lies outside of what was asked for is cut off.
      {
        error: cause,
        failed: [
          { first: 70n, count: 2 },
          { first: 90n, count: 6 },
          { first: 64n, count: 1 },
        ],
      },
      { error: { code: 'ERR_TIMEOUT' }, failed: [{ first: 128n, count: 32 }] },
    ]);
  });

  it('and is named twice, or not at all, is counted as no more than was asked for', async () => {
    const { subject, scan } = made(64n);
    const whole = { first: sector(0), count: 32 };
    subject.onRead = async (first) => {
      throw new ScanReadError(first === 0n ? [whole, whole] : []);
    };
    expect(await scan.scanOnce()).toMatchObject({ failedSectors: 64 });
    expect(subject.failures[1]?.failed).toEqual([{ first: 32n, count: 32 }]);
  });

  it('is the copies too: a scrub that fails is told, and the pass goes on', async () => {
    const { subject, scan } = made(64n);
    subject.onScrub = async () => {
      throw new DmremapError('ERR_TIMEOUT');
    };
    await scan.scanOnce();
    expect(subject.failures).toMatchObject([{ failed: [], error: { code: 'ERR_TIMEOUT' } }]);
    expect(read(subject)).toEqual(chunks(0n, 64n));
  });

  it.each(['ERR_DEVICE_CLOSED', 'ERR_DEVICE_VANISHED', 'ERR_STORE_CLOSED'] satisfies ErrorCode[])(
    'because of %s ends the pass, which goes on there the next time',
    async (code) => {
      const { subject, scan } = made(320n);
      subject.onRead = async (first) => {
        if (first === 96n) throw new DmremapError(code);
      };
      await expect(scan.scanOnce()).rejects.toMatchObject({ code });
      expect(scan.progress).toMatchObject({ state: 'stopped', pass: 1, cursor: 96n, lastError: { code } });
      expect(subject.failures).toEqual([]);
      subject.onRead = async () => {};
      expect(await scan.scanOnce()).toMatchObject({ pass: 1 });
      expect(read(subject)).toEqual([...chunks(0n, 128n), ...chunks(96n, 320n)]);
      expect(scan.progress.lastError).toBeUndefined();
    },
  );

  it('because the subject is at fault is no error of the disk', async () => {
    const { subject, scan } = made(320n);
    subject.onScrub = async () => {
      throw new TypeError('a mistake');
    };
    await expect(scan.scanOnce()).rejects.toThrow('a mistake');
    expect(subject.failures).toEqual([]);
  });
});

describe('a scrub', () => {
  it('that finds something to mend schedules a repair, once', async () => {
    const { subject, scan } = made(64n);
    subject.report = { ...fine, needsRepair: true };
    await scan.scanOnce();
    expect(subject.repairs).toBe(1);
    expect(scan.progress.lastScrub).toBe(subject.report);
    subject.report = { ...fine, code: 'ERR_ANOTHER_WRITER' };
    await scan.scanOnce();
    expect(subject.repairs).toBe(1);
  });
});

describe('scanning on and on', () => {
  const intervalMs = 1_000_000;

  it('rests between the passes', async () => {
    const { time, subject, scan } = made(64n, { intervalMs }, intervalMs);
    scan.start();
    scan.start();
    for (let pass = 1; pass <= 3; pass++) {
      while (!time.isHolding) await turn();
      expect(scan.progress).toMatchObject({
        state: 'resting',
        pass: pass + 1,
        cursor: 0n,
        lastPass: { pass },
      });
      expect(subject.reads.length).toBe(2 * pass);
      expect(subject.scrubs).toBe(pass);
      time.wake();
      await turn();
    }
    scan.stop();
  });

  it('does so too after a pass that came to nothing', async () => {
    const { time, subject, scan } = made(64n, { intervalMs }, intervalMs);
    subject.onRead = async () => {
      throw new DmremapError('ERR_DEVICE_VANISHED');
    };
    scan.start();
    while (!time.isHolding) await turn();
    expect(scan.progress).toMatchObject({
      state: 'resting',
      pass: 1,
      lastError: { code: 'ERR_DEVICE_VANISHED' },
    });
    subject.onRead = async () => {};
    time.wake();
    while (!time.isHolding) await turn();
    expect(scan.progress).toMatchObject({ pass: 2, lastError: undefined });
    scan.stop();
  });

  it('a pass that is asked for ends the rest, and the next rest is a whole one', async () => {
    const { time, subject, scan } = made(64n, { intervalMs }, intervalMs);
    scan.start();
    while (!time.isHolding) await turn();
    expect(await scan.scanOnce()).toMatchObject({ pass: 2 });
    expect(subject.reads.length).toBe(4);
    expect(scan.progress.state).toBe('resting');
    expect(time.pauses.filter((ms) => ms === intervalMs).length).toBe(2);
    scan.stop();
  });

  it('a pass that is asked for in the middle of one is that one', async () => {
    const { time, subject, scan } = made(640n, { intervalMs }, intervalMs);
    scan.start();
    while (subject.reads.length < 5) await turn();
    const passes = await Promise.all([scan.scanOnce(), scan.scanOnce()]);
    expect(passes).toMatchObject([{ pass: 1 }, { pass: 1 }]);
    expect(read(subject)).toEqual(chunks(0n, 640n));
    while (!time.isHolding) await turn();
    scan.stop();
  });

  it('begins in the middle of a pass that was asked for once', async () => {
    const { time, subject, scan } = made(640n, { intervalMs }, intervalMs);
    const once = scan.scanOnce();
    while (subject.reads.length < 5) await turn();
    scan.start();
    await once;
    while (!time.isHolding) await turn();
    expect(scan.progress.state).toBe('resting');
    scan.stop();
  });
});

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

it.each([
  ['rest', 2 ** 40, "scan.progress.state === 'resting'"],
  ['pause', 4096, 'scan.cursor > 0n'],
])('a scan keeps no process alive, not with its %s', (_, bytesPerSecond, until) => {
  const compiled = fileURLToPath(new URL('../../dist/target/health-scan.js', import.meta.url));
  const script = `
    import { HealthScan } from ${JSON.stringify(compiled)};
    const scrub = async () => ({ copies: [], needsRepair: false, code: undefined });
    const subject = { sectors: 64n, read: async () => {}, scrub, repair() {} };
    const scan = new HealthScan(subject, { bytesPerSecond: ${bytesPerSecond} });
    scan.start();
    while (!(${until})) await new Promise((resolve) => setTimeout(resolve, 1));
    process.on('exit', () => console.log(scan.progress.state));
  `;
  const options = { encoding: 'utf8', timeout: 30_000 } as const;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
  expect(out.trim()).toBe(bytesPerSecond === 4096 ? 'scanning' : 'resting');
});

it.each([
  [{ chunkBytes: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ chunkBytes: 2 ** 25 }, 'ERR_OUT_OF_RANGE'],
  [{ chunkBytes: 4097 }, 'ERR_UNALIGNED'],
  [{ chunkBytes: '4096' }, 'ERR_INVALID_ARG_TYPE'],
  [{ bytesPerSecond: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ bytesPerSecond: Number.NaN }, 'ERR_OUT_OF_RANGE'],
  [{ intervalMs: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ intervalMs: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
  [{ cursor: 8 }, 'ERR_INVALID_ARG_TYPE'],
  [{ cursor: -8n }, 'ERR_OUT_OF_RANGE'],
  [{ cursor: 2n ** 64n }, 'ERR_OUT_OF_RANGE'],
])('options %o are refused with %s', (options, code) => {
  const make = () => new HealthScan(new TestSubject(64n, new TestTime()), options as never);
  expect(make).toThrow(expect.objectContaining({ code }));
});
