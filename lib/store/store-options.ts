// Room: store. What a store may be told, and what is refused of it before anything is opened.
import type { CancelOptions } from '../base/cancellable.js';
import { argumentError } from '../base/errors.js';
import { type UnixSeconds, u64Max } from '../base/units.js';
import type { OpenDeviceOptions } from '../device/native-device.js';
import type { GeometryName } from '../format/geometry.js';
import { copyCount } from '../format/structure.js';

export interface StoreOptions extends CancelOptions, Pick<OpenDeviceOptions, 'direct' | 'window'> {
  /** Default `driver`: where the kernel module looks. */
  readonly geometry?: GeometryName | undefined;
  /** The clock, in seconds since the epoch: for the driver's future rule, and for what is written. */
  readonly now?: (() => UnixSeconds) | undefined;
  /** `own` (default): each copy carries its number. `zero`: what the module writes. */
  readonly copyIndex?: 'own' | 'zero' | undefined;
  /** Distance of the spare sectors that the table hands out. Default 8. */
  readonly spacing?: 8 | 1 | undefined;
}

export interface OpenStoreOptions extends StoreOptions {
  /** Default `read`. */
  readonly mode?: 'read' | 'write' | undefined;
  /** Names the copy to go on from (0 to 4), where more than one could be the right one. */
  readonly copy?: number | undefined;
  /** Opens for writing although a copy cannot be read: it is left alone, and could turn out to be newer than all others. */
  readonly allowUnreadable?: boolean | undefined;
  /**
   * What becomes of entries that an emptied or cut table has left behind it. `refuse` (default): while there are any, nothing
   * can be added (ERR_GHOST_ENTRIES). `forget`: they are given up, and the next commit writes zeros over them.
   */
  readonly ghosts?: 'refuse' | 'forget' | undefined;
}

export interface CreateStoreOptions extends StoreOptions {
  /** Size of the main device in 512-byte sectors. */
  readonly mainSectors: bigint;
  /** Size of the spare. Default: that of the device. */
  readonly spareSectors?: bigint | undefined;
  /** Replaces metadata, or a file system, that is there already. */
  readonly force?: boolean | undefined;
  /** Creates even where only one copy fits. */
  readonly allowUnsafe?: boolean | undefined;
  /** Replaces even a table whose live data lies inside the metadata region, and is destroyed by it. */
  readonly allowDataInMetadata?: boolean | undefined;
}

export interface CommitOptions extends CancelOptions {
  /**
   * Where aborted writes may still land and fewer than two other copies are left: `reject` with ERR_RANGE_UNSETTLED
   * (default), or `wait`.
   */
  readonly unsettled?: 'reject' | 'wait' | undefined;
  /** Commits even where only one copy can be written: a crash meanwhile may leave none. */
  readonly allowUnsafe?: boolean | undefined;
  /** Commits although live entries have their data inside the metadata region, which the write may destroy. */
  readonly allowDataInMetadata?: boolean | undefined;
}

export function checkStoreOptions(options: StoreOptions): void {
  const { mode, copy } = options as OpenStoreOptions;
  if (copy !== undefined && !(Number.isInteger(copy) && copy >= 0 && copy < copyCount)) {
    throw argumentError('ERR_OUT_OF_RANGE', `copies are numbered 0 to ${copyCount - 1}, not ${String(copy)}`);
  }
  oneOf('mode', mode, ['read', 'write']);
  oneOf('geometry', options.geometry, ['driver', 'documented']);
  oneOf('copyIndex', options.copyIndex, ['own', 'zero']);
  oneOf('spacing', options.spacing, [8, 1]);
  if (options.now !== undefined && typeof options.now !== 'function') {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'now must be a function');
  }
}

/** What an opening is told of ghosts; a repair has an option of that name too. */
export function checkOpenOptions(options: OpenStoreOptions): void {
  checkStoreOptions(options);
  oneOf('ghosts', options.ghosts, ['refuse', 'forget']);
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw argumentError('ERR_INVALID_ARG_VALUE', `${name} must be one of ${allowed.join(', ')}`);
}

export function checkSectors(name: string, value: unknown): void {
  if (typeof value !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a bigint`);
  if (value < 1n || value > u64Max)
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be 1 to 2^64 - 1 sectors`);
}
