// Room: target. What a target may be told, and what is refused of it before anything is opened.
import type { CancelOptions } from '../base/cancellable.js';
import { argumentError } from '../base/errors.js';
import type { Device } from '../device/device.js';
import type { OpenDeviceOptions } from '../device/native-device.js';
import type { CreateStoreOptions, OpenStoreOptions } from '../store/store-options.js';
import type { ErrorAnalysisOptions } from './error-analysis.js';
import type { HealthScanOptions } from './scan-options.js';
import type { SyncOptions } from './sync-work.js';

export interface TargetPolicy {
  /**
   * What becomes of a block of main that cannot be read. `report` (default): the read fails and names it; the next write
   * goes to main again. `remap-on-write`: the next write goes to the spare. `remap-zero`: **its data is destroyed**: it is
   * zeros on the spare from then on, and the read succeeds.
   */
  readonly onReadError: 'report' | 'remap-on-write' | 'remap-zero';
  /** What becomes of a block that cannot be written: `remap` (default) gives it a place on the spare. */
  readonly onWriteError: 'remap' | 'report';
}

type Shared = Partial<TargetPolicy> &
  CancelOptions &
  Pick<OpenDeviceOptions, 'direct' | 'window' | 'engine'> & {
    /** A path, which the target opens and closes, or an open device, which stays the caller's to close. */
    readonly main: string | Device;
    readonly spare: string | Device;
    /** How the table is made durable in the background. */
    readonly sync?: SyncOptions | undefined;
    /** Reads main, and looks at the copies, again and again while the target is active. Default: not, only at `scan()`. */
    readonly healthScan?: HealthScanOptions | undefined;
    /** When errors count as what. */
    readonly errorAnalysis?: ErrorAnalysisOptions | undefined;
  };

export type OpenTargetOptions = Shared &
  Pick<OpenStoreOptions, 'copy' | 'allowUnreadable' | 'geometry' | 'now' | 'copyIndex'> & {
    /**
     * What becomes of entries that an emptied or cut table has left behind it. `refuse` (default): the target is not opened
     * (ERR_GHOST_ENTRIES), as its remaps would overwrite them and their data. `forget`: they are given up, durably, before the
     * target is active.
     */
    readonly ghosts?: 'refuse' | 'forget' | undefined;
  };

export type CreateTargetOptions = Shared &
  Pick<CreateStoreOptions, 'force' | 'allowDataInMetadata' | 'geometry' | 'now' | 'copyIndex'>;

/** @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE. */
export function checkTargetOptions(options: Shared): void {
  if (typeof options !== 'object' || options === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'options must be an object');
  }
  oneOf('onReadError', options.onReadError, ['report', 'remap-on-write', 'remap-zero']);
  oneOf('onWriteError', options.onWriteError, ['remap', 'report']);
  oneOf('ghosts', (options as OpenTargetOptions).ghosts, ['refuse', 'forget']);
  const { writeTimeoutMs, attempts, backoffMs } = options.sync ?? {};
  between('sync.writeTimeoutMs', writeTimeoutMs, 1, 2 ** 31 - 1);
  between('sync.attempts', attempts, 1, 1000);
  between('sync.backoffMs', backoffMs, 0, 30_000);
}

function oneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw argumentError('ERR_INVALID_ARG_VALUE', `${name} must be ${allowed.join(', ')}`);
}

function between(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
    return;
  throw argumentError('ERR_OUT_OF_RANGE', `${name} must be a whole number from ${least} to ${most}`);
}
