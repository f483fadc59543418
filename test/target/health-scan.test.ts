// The scan reads everything once a pass, no faster than it may, and tells what it could not read.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DmremapError, type ErrorCode } from '../../lib/base/errors.js';
import { sector } from '../../lib/base/units.js';
import { HealthScan } from '../../lib/target/health-scan.js';
import { ScanReadError } from '../../lib/target/scan-subject.js';
import { chunks, fine, made, read, TestSubject, TestTime, turn } from '../support/scan.js';

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
