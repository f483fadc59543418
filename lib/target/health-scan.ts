// Room: target. Reads all of main once in a while, slowly, and scrubs the copies before each pass: they are few, and what they
// guard is worth most. It goes on where it was stopped. A stop is done when the call returns: what still settles then finds
// its run aborted and touches nothing.
import {
  AbortRequest,
  type Cancellable,
  type CancelOptions,
  cancellable,
  neverStarted,
  type Settle,
} from '../base/cancellable.js';
import { type Sector, sector } from '../base/units.js';
import type { ScrubReport } from '../store/commit/scrub-report.js';
import { type CheckedScanOptions, checkScanOptions, type HealthScanOptions } from './scan-options.js';
import { failedRanges, isDiskError, type ScanSubject } from './scan-subject.js';

/** A pass over all of main, from its first sector to its last, in one go or in several. */
export interface ScanPass {
  /** Counted from 1. */
  readonly pass: number;
  readonly failedSectors: number;
  /** Time that was spent on it, rests and stops not counted. */
  readonly durationMs: number;
}

/** How far a scan is. */
export interface ScanProgress {
  /** `resting`: between two passes. */
  readonly state: 'stopped' | 'scanning' | 'resting';
  /** The pass that is under way, or would be next. */
  readonly pass: number;
  /** The next sector to be read. */
  readonly cursor: Sector;
  /** Size of main. */
  readonly sectors: bigint;
  /** Sectors of this pass that could not be read. */
  readonly failedSectors: number;
  /** The last pass that was completed. */
  readonly lastPass: ScanPass | undefined;
  readonly lastScrub: ScrubReport | undefined;
  /** What ended the last pass before its end, a stop apart: the next one goes on from there. */
  readonly lastError: unknown;
}

interface Run {
  readonly stopping: AbortController;
  /** Goes on to the next pass. */
  periodic: boolean;
  /** Ends the rest between two passes. */
  resting: AbortController | undefined;
}

export class HealthScan {
  readonly #subject: ScanSubject;
  readonly #options: CheckedScanOptions;
  #run: Run | undefined;
  readonly #callers = new Set<Settle<ScanPass>>();
  #cursor: Sector;
  #pass = 1;
  #failedSectors = 0;
  #spentMs = 0;
  /** Since when the time counts; undefined while it does not. */
  #since: number | undefined;
  #lastPass: ScanPass | undefined;
  #lastScrub: ScrubReport | undefined;
  #lastError: unknown;

  /** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE or ERR_UNALIGNED. */
  constructor(subject: ScanSubject, options: HealthScanOptions = {}) {
    this.#subject = subject;
    this.#options = checkScanOptions(options);
    this.#cursor = this.#options.cursor;
  }

  /** The next sector to be read: what another scan has to be told to go on from here. */
  get cursor(): Sector {
    return this.#cursor;
  }

  get progress(): ScanProgress {
    const run = this.#run;
    return {
      state: run === undefined ? 'stopped' : run.resting === undefined ? 'scanning' : 'resting',
      pass: this.#pass,
      cursor: this.#cursor,
      sectors: this.#subject.sectors,
      failedSectors: this.#failedSectors,
      lastPass: this.#lastPass,
      lastScrub: this.#lastScrub,
      lastError: this.#lastError,
    };
  }

  /** Scans from the cursor on, pass after pass. Where it does already: no effect. */
  start(): void {
    if (this.#run === undefined) this.#launch(true);
    else this.#run.periodic = true;
  }

  /**
   * Ends it when the call returns: the read in flight is aborted, and no timer and no listener is left. Callers of `scanOnce`
   * get ABORT_ERR. `start` and `scanOnce` go on at the cursor.
   */
  stop(): void {
    this.#end();
    const reason = new DOMException('the scan was stopped', 'AbortError');
    for (const caller of this.#callers) {
      caller.reject(neverStarted(new AbortRequest('ABORT_ERR', reason)));
    }
    this.#callers.clear();
  }

  /**
   * The end of the pass that is under way, or of one from the cursor on, which begins at once also where the scan rests. An
   * abort of the last one who waits for it ends a pass that nobody else has asked for.
   *
   * Rejections: ABORT_ERR, ERR_TIMEOUT; what ended the pass early (ERR_DEVICE_CLOSED, ERR_DEVICE_VANISHED and the like). What
   * cannot be read ends no pass: it is counted, and told to the subject.
   */
  scanOnce(options: CancelOptions = {}): Cancellable<ScanPass> {
    return cancellable<ScanPass>(options, (settle) => {
      this.#callers.add(settle);
      if (this.#run === undefined) this.#launch(false);
      this.#run?.resting?.abort();
      return (request) => {
        this.#callers.delete(settle);
        settle.reject(neverStarted(request));
        if (this.#callers.size === 0 && this.#run?.periodic === false) this.#end();
      };
    });
  }

  #launch(periodic: boolean): void {
    const run: Run = { stopping: new AbortController(), periodic, resting: undefined };
    this.#run = run;
    void this.#passes(run);
  }

  #end(): void {
    const run = this.#run;
    this.#run = undefined;
    this.#stopCounting();
    run?.stopping.abort();
    run?.resting?.abort();
  }

  async #passes(run: Run): Promise<void> {
    const { signal } = run.stopping;
    while (!signal.aborted) {
      const failure = await this.#completePass(signal).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (signal.aborted) return;
      this.#stopCounting();
      if (failure === undefined) this.#passDone();
      this.#lastError = failure?.error;
      if (!run.periodic) this.#run = undefined;
      const callers = [...this.#callers];
      this.#callers.clear();
      for (const caller of callers) {
        if (failure !== undefined) caller.reject(failure.error);
        else caller.resolve(this.#lastPass as ScanPass);
      }
      if (!run.periodic) return;
      await this.#rest(run);
    }
  }

  #passDone(): void {
    this.#lastPass = { pass: this.#pass, failedSectors: this.#failedSectors, durationMs: this.#spentMs };
    this.#pass++;
    this.#cursor = sector(0);
    this.#failedSectors = 0;
    this.#spentMs = 0;
  }

  async #rest(run: Run): Promise<void> {
    const resting = new AbortController();
    run.resting = resting;
    try {
      await this.#options.time.pause(this.#options.intervalMs, resting.signal);
    } catch (error) {
      if (!resting.signal.aborted) throw error;
    }
    run.resting = undefined;
  }

  /** From the cursor to the end of main. Rejects when it is aborted. */
  async #completePass(signal: AbortSignal): Promise<void> {
    const { chunkSectors, msPerSector, time } = this.#options;
    this.#since = time.now();
    await this.#scrub(signal);
    const { sectors } = this.#subject;
    while (this.#cursor < sectors) {
      const left = sectors - this.#cursor;
      const count = Number(left < chunkSectors ? left : chunkSectors);
      const begun = time.now();
      await this.#read(this.#cursor, count, signal);
      signal.throwIfAborted();
      this.#cursor = sector(this.#cursor + BigInt(count));
      await time.pause(Math.max(0, count * msPerSector - (time.now() - begun)), signal);
    }
  }

  async #scrub(signal: AbortSignal): Promise<void> {
    try {
      const report = await this.#subject.scrub(signal);
      signal.throwIfAborted();
      this.#lastScrub = report;
    } catch (error) {
      if (signal.aborted || !isDiskError(error)) throw error;
      this.#subject.onError?.({ failed: [], error });
      return;
    }
    if (this.#lastScrub.needsRepair) this.#subject.repair();
    signal.throwIfAborted();
  }

  async #read(first: Sector, count: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#subject.read(first, count, signal);
    } catch (error) {
      if (signal.aborted || !isDiskError(error)) throw error;
      const failed = failedRanges(error, first, count);
      const sectors = failed.reduce((all, range) => all + range.count, 0);
      // An error may name a sector twice.
      this.#failedSectors += Math.min(sectors, count);
      this.#subject.onError?.({ failed, error });
    }
  }

  #stopCounting(): void {
    if (this.#since !== undefined) this.#spentMs += this.#options.time.now() - this.#since;
    this.#since = undefined;
  }
}
