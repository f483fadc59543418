// Room: target. What a health scan may be told, and where it gets its time from.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { maxTimeoutMs } from '../base/cancellable.js';
import { argumentError } from '../base/errors.js';
import { type Sector, sector, u64Max } from '../base/units.js';

/** Time, as the scan sees it. */
export interface ScanTime {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Resolves after so many milliseconds, on a later turn of the loop even where they are 0; rejects when it is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<unknown>;
}

export interface HealthScanOptions {
  /** Read at once: 4,096 to 16,777,216 bytes, a multiple of 4,096. Default 131,072, the most that a device reads at once. */
  readonly chunkBytes?: number | undefined;
  /** At most so many bytes of main are read a second: 4,096 to 2^53 - 1. Default 16 MiB: a terabyte in 17 hours. */
  readonly bytesPerSecond?: number | undefined;
  /** From the end of a pass to the next one: 0 to 2^31 - 1. Default 24 hours, the module's `scan_interval_hours`. */
  readonly intervalMs?: number | undefined;
  /** The sector of main to begin at, to go on where another scan was; down to a multiple of 8. Default 0. */
  readonly cursor?: bigint | undefined;
  readonly time?: ScanTime | undefined;
}

export interface CheckedScanOptions {
  readonly chunkSectors: bigint;
  readonly msPerSector: number;
  readonly intervalMs: number;
  readonly cursor: Sector;
  readonly time: ScanTime;
}

const largestChunkBytes = 16 * 1024 * 1024;
/** O_DIRECT reads whole logical blocks; no device has larger ones than this. */
const blockBytes = 4096;
const blockSectors = 8n;

/** Unreferenced: a scan keeps no process alive. */
const realTime: ScanTime = {
  now: () => performance.now(),
  pause: (ms, signal) =>
    ms > 0 ? sleep(ms, undefined, { signal, ref: false }) : nextTurn(undefined, { signal, ref: false }),
};

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE or ERR_UNALIGNED. */
export function checkScanOptions(options: HealthScanOptions): CheckedScanOptions {
  const {
    chunkBytes = 131_072,
    bytesPerSecond = 16 * 1024 * 1024,
    intervalMs = 86_400_000,
    cursor = 0n,
    time = realTime,
  } = options;
  checkNumber('chunkBytes', chunkBytes, blockBytes, largestChunkBytes);
  checkNumber('bytesPerSecond', bytesPerSecond, blockBytes, Number.MAX_SAFE_INTEGER);
  checkNumber('intervalMs', intervalMs, 0, maxTimeoutMs);
  if (chunkBytes % blockBytes !== 0) {
    throw argumentError('ERR_UNALIGNED', `chunkBytes must be a multiple of ${blockBytes}`);
  }
  if (typeof cursor !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', 'cursor must be a bigint');
  if (cursor < 0n || cursor > u64Max) throw argumentError('ERR_OUT_OF_RANGE', 'cursor must be 0 to 2^64 - 1');
  return {
    chunkSectors: BigInt(chunkBytes / 512),
    msPerSector: (512 * 1000) / bytesPerSecond,
    intervalMs,
    cursor: sector(cursor - (cursor % blockSectors)),
    time,
  };
}

function checkNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number') throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number`);
  if (!(value >= least && value <= most)) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be ${least} to ${most}`);
  }
}
