// Room: store, pure part. A remap entry as JSON: one shape in every document.
import type { RemapEntry } from '../../format/structure.js';

export interface EntryJson {
  readonly original: string;
  readonly spare: string;
  /** Nanoseconds since the epoch. */
  readonly timestamp: string;
  readonly accessCount: number;
  readonly errorCount: number;
  readonly reason: number;
  readonly flags: number;
}

export const toEntryJson = (entry: RemapEntry): EntryJson => ({
  original: `${entry.originalSector}`,
  spare: `${entry.spareSector}`,
  timestamp: `${entry.remapTimestampNs}`,
  accessCount: entry.accessCount,
  errorCount: entry.errorCount,
  reason: entry.remapReason,
  flags: entry.flags,
});
