// Room: target. What a health scan asks of the target that it scans, and what it tells.
import { DmremapError } from '../base/errors.js';
import { type Sector, sector } from '../base/units.js';
import type { ScrubReport } from '../store/commit/scrub-report.js';

/** Sectors of main that follow each other. */
interface ScannedRange {
  readonly first: Sector;
  /** 1 or more. */
  readonly count: number;
}

/** What a scan found that could not be read. */
export interface ScanFailure {
  /** Of main; empty where the copies could not be scrubbed. */
  readonly failed: readonly ScannedRange[];
  readonly error: DmremapError;
}

/** What is scanned. */
export interface ScanSubject {
  /** Size of main in 512-byte sectors, as it is at the call. */
  readonly sectors: bigint;
  /**
   * Reads sectors of main and drops them. Settles at once when `signal` is aborted. Rejects with a ScanReadError that names
   * the sectors, or with any DmremapError: then all of them count as failed.
   */
  read(first: Sector, count: number, signal: AbortSignal): Promise<unknown>;
  /** As `MetadataStore.scrub`. */
  scrub(signal: AbortSignal): Promise<ScrubReport>;
  /** Called where a scrub has found what a commit would mend: schedules one, and does not wait for it. */
  repair(): void;
  /** Called with each failure, before the scan goes on. It may stop the scan. */
  onError?(failure: ScanFailure): void;
}

/** Some sectors of a read could not be read. */
export class ScanReadError extends DmremapError {
  readonly failed: readonly ScannedRange[];

  constructor(
    failed: readonly ScannedRange[],
    options: { cause?: unknown; errno?: string | undefined } = {},
  ) {
    super('ERR_IO', undefined, options);
    this.name = 'ScanReadError';
    this.failed = failed;
  }
}

/** What an error says of the disk; of any other the device is closed, or gone, and there is no sense in going on. */
export const isDiskError = (error: unknown): error is DmremapError =>
  error instanceof DmremapError && ['ERR_IO', 'ERR_SHORT_TRANSFER', 'ERR_TIMEOUT'].includes(error.code);

/** The sectors that failed of a read of `count` from `first` on: what the error names outside of it does not count. */
export function failedRanges(error: DmremapError, first: Sector, count: number): readonly ScannedRange[] {
  const end = first + BigInt(count);
  const named = error instanceof ScanReadError ? error.failed : [];
  const inside = named.flatMap((range): ScannedRange[] => {
    const from = range.first > first ? range.first : first;
    const rangeEnd = range.first + BigInt(range.count);
    const to = rangeEnd < end ? rangeEnd : end;
    return to > from ? [{ first: from, count: Number(to - from) }] : [];
  });
  return inside.length > 0 ? inside : [{ first: sector(first), count }];
}
