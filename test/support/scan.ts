// A scan in a time of its own, over a subject that does what a test tells it.
import type { Sector } from '../../lib/base/units.js';
import type { ScrubReport } from '../../lib/store/commit/scrub-report.js';
import { HealthScan } from '../../lib/target/health-scan.js';
import type { HealthScanOptions, ScanTime } from '../../lib/target/scan-options.js';
import type { ScanFailure, ScanSubject } from '../../lib/target/scan-subject.js';

export const chunkBytes = 4096 * 4;
export const chunkSectors = 32n;
export const fine: ScrubReport = { copies: [], needsRepair: false, code: undefined };
export const turn = () => new Promise(setImmediate);

/** Time that passes when somebody pauses, and in no other way. Long pauses are held until `wake()`. */
export class TestTime implements ScanTime {
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

export class TestSubject implements ScanSubject {
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
export const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

export function made(sectors: bigint, options: HealthScanOptions = {}, holdFromMs?: number) {
  const time = new TestTime(holdFromMs);
  const subject = new TestSubject(sectors, time);
  const scan = new HealthScan(subject, { chunkBytes, time, ...options });
  return { time, subject, scan };
}

/** The chunks of a range, in order. */
export const chunks = (from: bigint, to: bigint) =>
  Array.from({ length: Number((to - from + chunkSectors - 1n) / chunkSectors) }, (_, at) => {
    const first = from + BigInt(at) * chunkSectors;
    return { first, count: Number(to - first < chunkSectors ? to - first : chunkSectors) };
  });

export const read = ({ reads }: TestSubject) => reads.map(({ first, count }) => ({ first, count }));
