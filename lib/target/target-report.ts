// Room: target. What a target tells of itself.
import type { Finds } from '../store/commit/commit-report.js';
import type { HeldCount } from '../store/table/held-back.js';
import type { Analysis } from './error-analysis.js';
import type { ScanProgress } from './health-scan.js';
import type { Latency, TimedOperation } from './observability.js';
import type { SyncStatus } from './sync-work.js';
import type { TargetState } from './target-state.js';

export interface TargetStatus {
  readonly state: TargetState;
  readonly main: string;
  readonly spare: string;
  readonly mainSectors: bigint;
  /** Requests begin and end at multiples of this: 8 where a device has logical blocks of 4,096 bytes. */
  readonly blockSectors: number;
  /** Sequence of the table; undefined where the target is not active. */
  readonly sequence: bigint | undefined;
  /** Remapped sectors, and blocks whose remap is not known to be durable. */
  readonly remaps: number;
  readonly pendingBlocks: number;
  /**
   * Blocks that can still be moved to the spare: for that many both entries (2,048 in all, `blockSectors` for each block) and
   * places are left. Undefined where the target is not active.
   */
  readonly remapsLeft: number | undefined;
  /** Places of the spare that are kept back, and why. Undefined where the target is not active. */
  readonly held: HeldCount | undefined;
  readonly sync: SyncStatus | undefined;
  /** Requests of callers that have not settled. */
  readonly requests: number;
  /** Operations that were given up and that the kernel has still. */
  readonly inFlight: number;
  readonly counters: Readonly<Counters>;
  /** What the errors of both devices say together (docs/health.md). */
  readonly health: Analysis;
  readonly scan: ScanProgress;
  readonly latency: Readonly<Partial<Record<TimedOperation, Latency>>>;
}

export interface Counters {
  reads: number;
  writes: number;
  /** Logical blocks that could not be read, or written. */
  readErrors: number;
  writeErrors: number;
  /** Requests that were aborted, or ran out of time. */
  aborts: number;
}

export interface SuspendReport {
  /** Requests of callers that were aborted; each was told what it did to the disk. */
  readonly aborted: number;
  /** What a reader finds on the disk now, where a commit was aborted: the old table, the new one, or one of the two. */
  readonly finds: Finds | undefined;
  /** Operations that the kernel has still: they may land later. */
  readonly leftInFlight: number;
}

export interface DestroyReport extends SuspendReport {
  /** Whether both descriptors were closed in time; if not, they are as soon as the kernel allows it. */
  readonly released: boolean;
}
