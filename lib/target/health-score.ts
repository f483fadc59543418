// Room: target, pure part. From counts to a verdict and a score; docs/health.md has the formula, where its numbers come
// from, and a worked table that a test holds against this file.
import { argumentError } from '../base/errors.js';

/** What the verdict and the score are made of. */
export interface HealthCounts {
  /** Errors within the window, of both devices, reads and writes. */
  readonly errors: number;
  /** Errors in a row and no success since: of the device with more of them. */
  readonly run: number;
  /** Errors in hot spots. */
  readonly hotSpotErrors: number;
}

/** When to look closer, and when to give a disk up. Integers of 1 or more. */
export interface HealthThresholds {
  /** So many errors within the window: watch. Default 1. */
  readonly watchErrors: number;
  /** So many: failing. Default 20. */
  readonly failingErrors: number;
  /** So many errors of one device in a row: watch. Default 5. */
  readonly watchRun: number;
  /** So many: failing. Default 10. */
  readonly failingRun: number;
  /** So many errors close to each other are a hot spot. Default 3. */
  readonly hotSpotErrors: number;
}

/** `watch`: there were errors, and backups should be young. `failing`: replace the disk. */
export type HealthVerdict = 'good' | 'watch' | 'failing';

export const defaultThresholds: HealthThresholds = {
  watchErrors: 1, //  After the first scan error a drive is 39 times as likely to fail within 60 days (Pinheiro 2007).
  failingErrors: 20, //  md: MD_DEFAULT_MAX_CORRECTED_READ_ERRORS.
  watchRun: 5, //  Upstream's health score falls above 5 in a row,
  failingRun: 10, //  and again above 10; ZFS gives a device up at 10 errors in 600 seconds.
  hotSpotErrors: 3, //  Two can be one bad sector, read and asked for again.
};

/** @throws RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_TYPE. */
export function checkThresholds(thresholds: HealthThresholds): void {
  for (const [name, value] of Object.entries(thresholds)) {
    if (typeof value !== 'number') throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number`);
    if (!(Number.isSafeInteger(value) && value >= 1)) {
      throw argumentError('ERR_OUT_OF_RANGE', `${name} must be an integer of 1 or more`);
    }
  }
  const { watchErrors, failingErrors, watchRun, failingRun } = thresholds;
  if (watchErrors > failingErrors || watchRun > failingRun) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      'a disk is watched before it is failing: watch* must not exceed failing*',
    );
  }
}

/**
 * 100 for a disk without errors, 0 for one that is as bad as it gets. Another error never raises it.
 *
 * score = 100 - min(40, 40 errors / failingErrors) - min(40, 40 run / failingRun) - min(20, 20 hotSpotErrors / failingErrors),
 * each part rounded up.
 */
export function healthScore(counts: HealthCounts, thresholds: HealthThresholds): number {
  const { failingErrors, failingRun } = thresholds;
  return (
    100 -
    part(40, counts.errors, failingErrors) -
    part(40, counts.run, failingRun) -
    part(20, counts.hotSpotErrors, failingErrors)
  );
}

const part = (most: number, count: number, limit: number): number =>
  Math.min(most, Math.ceil((most * count) / limit));

export function healthVerdict(
  { errors, run, hotSpotErrors }: HealthCounts,
  thresholds: HealthThresholds,
): HealthVerdict {
  if (errors >= thresholds.failingErrors || run >= thresholds.failingRun) return 'failing';
  const watched = errors >= thresholds.watchErrors || run >= thresholds.watchRun || hotSpotErrors > 0;
  return watched ? 'watch' : 'good';
}
