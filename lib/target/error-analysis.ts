// Room: target, pure part. What the errors of main and spare say together. No timer and no clock: times come in. What is on
// the path of every request costs a few additions; a success allocates nothing, and no number of errors takes more memory.
import { argumentError } from '../base/errors.js';
import { type Sector, sector, u64Max } from '../base/units.js';
import { ErrorRegions } from './error-regions.js';
import { ErrorWindow } from './error-window.js';
import {
  checkThresholds,
  defaultThresholds,
  type HealthCounts,
  type HealthThresholds,
  type HealthVerdict,
  healthScore,
  healthVerdict,
} from './health-score.js';

export type AnalysedDevice = 'main' | 'spare';

export interface ErrorAnalysisOptions {
  /** How long an error counts, in milliseconds: 1,000 to 2^31 - 1. Default 24 hours, the interval of the health scan. */
  readonly windowMs?: number | undefined;
  /** Errors with no more sectors between them belong together: 0 to 2^32. Default 2,048: a track of a disk, about 1 MiB. */
  readonly gapSectors?: number | undefined;
  /** How many regions of errors are kept of each device: 1 to 1,024. Default 32, as upstream. */
  readonly maxRegions?: number | undefined;
  readonly thresholds?: Partial<HealthThresholds> | undefined;
}

/** An operation that failed. */
export interface RecordedError {
  readonly device: AnalysedDevice;
  readonly kind: 'read' | 'write';
  /** The first sector that could not be transferred, on the device itself. */
  readonly sector: Sector;
  /** How many: 1 or more. */
  readonly count: number;
  /** Of one clock that never goes back, in milliseconds: 0 to 2^53 - 1. One that is earlier than the last counts as now. */
  readonly atMs: number;
}

/** What is known of one device. */
export interface DeviceErrors {
  /** Failed reads within the window. */
  readonly readErrors: number;
  /** Failed writes within the window. */
  readonly writeErrors: number;
  /** Sectors of these. */
  readonly failedSectors: number;
  /** Sectors that were transferred within the window. */
  readonly goodSectors: number;
  /** Share of the failed sectors among all, 0 to 1; 0 where nothing was transferred. */
  readonly errorRate: number;
  /** Errors since the last success. */
  readonly run: number;
  /** The longest such run since the analysis began. */
  readonly longestRun: number;
  /** Errors since the analysis began. */
  readonly totalErrors: number;
}

/** Errors that lie close to each other, and are many enough. */
export interface HotSpot {
  readonly device: AnalysedDevice;
  readonly first: Sector;
  readonly last: Sector;
  /** From the first to the last, both included. */
  readonly spanSectors: bigint;
  /** Since this place was last free of errors for a whole window. */
  readonly errors: number;
}

export interface Analysis {
  readonly verdict: HealthVerdict;
  /** 0 to 100 (docs/health.md). */
  readonly score: number;
  /** Why the verdict is not `good`, in sentences without an end, for people. */
  readonly reasons: readonly string[];
  readonly main: DeviceErrors;
  readonly spare: DeviceErrors;
  /** Most errors first. */
  readonly hotSpots: readonly HotSpot[];
}

interface DeviceHistory {
  readonly window: ErrorWindow;
  readonly regions: ErrorRegions;
  run: number;
  longestRun: number;
  totalErrors: number;
}

export class ErrorAnalysis {
  readonly #main: DeviceHistory;
  readonly #spare: DeviceHistory;
  readonly #thresholds: HealthThresholds;
  readonly #windowMs: number;
  #latestMs = 0;

  /** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE. */
  constructor(options: ErrorAnalysisOptions = {}) {
    const { windowMs = 86_400_000, gapSectors = 2048, maxRegions = 32 } = options;
    checkInteger('windowMs', windowMs, 1000, 2 ** 31 - 1);
    checkInteger('gapSectors', gapSectors, 0, 2 ** 32);
    checkInteger('maxRegions', maxRegions, 1, 1024);
    this.#thresholds = { ...defaultThresholds, ...options.thresholds };
    checkThresholds(this.#thresholds);
    this.#windowMs = windowMs;
    const history = (): DeviceHistory => ({
      window: new ErrorWindow(windowMs),
      regions: new ErrorRegions(BigInt(gapSectors), maxRegions),
      run: 0,
      longestRun: 0,
      totalErrors: 0,
    });
    this.#main = history();
    this.#spare = history();
  }

  /**
   * Takes in an operation that failed.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE.
   */
  recordError({ device, kind, sector: first, count, atMs }: RecordedError): void {
    if (!['main', 'spare'].includes(device) || !['read', 'write'].includes(kind)) {
      throw argumentError('ERR_INVALID_ARG_VALUE', 'an error is a read or a write of main or spare');
    }
    if (typeof first !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', 'sector must be a bigint');
    checkInteger('count', count, 1, Number.MAX_SAFE_INTEGER);
    const last = first + BigInt(count) - 1n;
    if (first < 0n || last > u64Max) throw argumentError('ERR_OUT_OF_RANGE', 'there is no such sector');
    this.#advance(atMs);
    const history = this.#of(device);
    history.window.addError(kind, count);
    history.regions.add(first, last, this.#latestMs);
    history.totalErrors++;
    history.run++;
    if (history.run > history.longestRun) history.longestRun = history.run;
  }

  /** Takes in sectors that were transferred, as of the last time that the analysis has heard of. On the path of every request. */
  recordSuccess(device: AnalysedDevice, sectors: number): void {
    const history = this.#of(device);
    history.run = 0;
    history.window.addSuccess(sectors);
  }

  /**
   * What all of it says at this time: of the same clock as the errors'.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE.
   */
  analyse(nowMs: number): Analysis {
    this.#advance(nowMs);
    const [main, spare] = [summary(this.#main), summary(this.#spare)];
    const hotSpots = [...this.#hotSpots('main'), ...this.#hotSpots('spare')].sort(
      (a, b) => b.errors - a.errors,
    );
    const counts: HealthCounts = {
      errors: main.readErrors + main.writeErrors + spare.readErrors + spare.writeErrors,
      run: Math.max(main.run, spare.run),
      hotSpotErrors: hotSpots.reduce((all, { errors }) => all + errors, 0),
    };
    const verdict = healthVerdict(counts, this.#thresholds);
    return {
      verdict,
      score: healthScore(counts, this.#thresholds),
      reasons: verdict === 'good' ? [] : this.#reasons({ main, spare }, hotSpots),
      main,
      spare,
      hotSpots,
    };
  }

  #of(device: AnalysedDevice): DeviceHistory {
    return device === 'main' ? this.#main : this.#spare;
  }

  #advance(ms: number): void {
    if (typeof ms !== 'number') throw argumentError('ERR_INVALID_ARG_TYPE', 'a time must be a number');
    if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) {
      throw argumentError('ERR_OUT_OF_RANGE', 'a time must be 0 to 2^53 - 1 milliseconds');
    }
    if (ms > this.#latestMs) this.#latestMs = ms;
    for (const { window, regions } of [this.#main, this.#spare]) {
      window.advance(this.#latestMs);
      regions.forgetUntil(this.#latestMs - this.#windowMs);
    }
  }

  #hotSpots(device: AnalysedDevice): HotSpot[] {
    return this.#of(device)
      .regions.list.filter(({ errors }) => errors >= this.#thresholds.hotSpotErrors)
      .map(({ first, last, errors }) => ({
        device,
        first: sector(first),
        last: sector(last),
        spanSectors: last - first + 1n,
        errors,
      }));
  }

  #reasons(devices: Record<AnalysedDevice, DeviceErrors>, hotSpots: readonly HotSpot[]): string[] {
    const { failingErrors, watchRun, failingRun } = this.#thresholds;
    const reasons: string[] = [];
    for (const device of ['main', 'spare'] as const) {
      const { readErrors, writeErrors, run } = devices[device];
      if (readErrors + writeErrors > 0) {
        const within = `within ${durationText(this.#windowMs)}`;
        reasons.push(
          `${device}: ${readErrors} failed reads and ${writeErrors} failed writes ${within}, where ${failingErrors} are the mark of a failing disk`,
        );
      }
      if (run >= watchRun) {
        reasons.push(
          `${device}: ${run} errors in a row and no success since, where ${failingRun} are the mark of a failing disk`,
        );
      }
    }
    for (const { device, errors, first, last } of hotSpots) {
      reasons.push(`${device}: a hot spot of ${errors} errors between sectors ${first} and ${last}`);
    }
    return reasons;
  }
}

function summary({ window, run, longestRun, totalErrors }: DeviceHistory): DeviceErrors {
  const counts = window.counts();
  const all = counts.failedSectors + counts.goodSectors;
  return { ...counts, errorRate: all === 0 ? 0 : counts.failedSectors / all, run, longestRun, totalErrors };
}

const durationText = (ms: number): string =>
  ms % 3_600_000 === 0 ? `${ms / 3_600_000} hours` : `${Math.round(ms / 1000)} seconds`;

function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number') throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number`);
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be an integer of ${least} to ${most}`);
  }
}
