// What everything above knows of a device: ranges of bytes, and what happened to them. It does not know what a copy is.
// The promises below hold for every device; test/device/contract.ts is the list of them (io-contract.md rules 1 to 8).
import { brand } from '../base/brand.js';
import type { Cancellable, CancelOptions } from '../base/cancellable.js';
import { type ErrorCode, OperationError, type Outcome } from '../base/errors.js';
import type { ByteOffset } from '../base/units.js';
import type { EngineGuarantees, EngineName } from './engines.js';

/** Which device it is, whatever its path: asked of the descriptor that does the I/O. */
export interface DeviceIdentity {
  /** `8:16`: of the block device, or of the file system that a file is on. Another one after a reboot, maybe. */
  readonly deviceNumber: string;
  /** Of a file; null for a block device. */
  readonly inode: bigint | null;
  /** BLKGETDISKSEQ: no other medium gets it before the next boot. Null for a file, and before Linux 5.15. */
  readonly diskSequence: bigint | null;
}

export interface DeviceInfo {
  readonly path: string;
  readonly kind: 'block' | 'file' | 'memory';
  /** Null for a device in memory. */
  readonly identity: DeviceIdentity | null;
  readonly engine: EngineName | 'memory';
  readonly guarantees: EngineGuarantees;
  readonly sizeBytes: bigint;
  /** Offsets and lengths are multiples of this (BLKSSZGET; statx(2) STATX_DIOALIGN for a file). */
  readonly logicalBlockSize: number;
  readonly physicalBlockSize: number;
  readonly writable: boolean;
  /** False where the file system refused O_DIRECT and `direct: 'prefer'` let that pass. */
  readonly direct: boolean;
}

export interface WriteStep {
  readonly offset: ByteOffset;
  /** Copied at the call: what becomes of the array afterwards does not matter. */
  readonly bytes: Uint8Array;
}

export interface WriteOptions extends CancelOptions {
  /** Each write is durable when it is done (RWF_DSYNC). Default true. */
  readonly durable?: boolean | undefined;
  /**
   * What to do where an aborted write to the same range may still land: `reject` with ERR_RANGE_UNSETTLED (default),
   * or `wait` until it has drained.
   */
  readonly unsettled?: 'reject' | 'wait' | undefined;
}

/** What is known about one write of an ordered batch. */
export interface WriteReport {
  readonly group: number;
  readonly offset: ByteOffset;
  readonly length: number;
  readonly outcome: Outcome;
  /** Name of the errno, where the kernel gave one. */
  readonly errno: string | undefined;
}

export interface CloseReport {
  /** Operations that were still in the kernel when the device was let go: they may land later. */
  readonly leftInFlight: number;
  /**
   * Whether somebody else can open the device now. If not, it is free as soon as the kernel allows it: what is left in flight
   * holds it until it has landed.
   */
  readonly released: boolean;
}

/** The rejection of `writeOrdered`: what is known, write by write. */
export class BatchError extends OperationError<readonly WriteReport[]> {
  readonly writes: readonly WriteReport[];

  constructor(
    code: ErrorCode,
    message: string | undefined,
    options: {
      cause?: unknown;
      errno?: string | undefined;
      writes: readonly WriteReport[];
      drained: Promise<readonly WriteReport[]>;
      hold?: () => void;
    },
  ) {
    super(code, message, { ...options, outcome: overallOutcome(options.writes) });
    this.writes = options.writes;
  }
}

brand(BatchError, 'BatchError');

/** `untouched` or `written` where that is true of every write, else `unknown`. */
export function overallOutcome(writes: readonly { readonly outcome: Outcome }[]): Outcome {
  const first = writes[0]?.outcome ?? 'untouched';
  return writes.every((write) => write.outcome === first) ? first : 'unknown';
}

/**
 * An open device. One of the caller's own may be given wherever a device is asked for: what it rejects with is believed only where
 * it is an error of this package that says what became of each write (guarded-device.ts).
 *
 * Every method returns a promise that settles exactly once and can be cancelled by `{ signal, timeoutMs }`
 * or `.cancel()`; none throws synchronously.
 *
 * Rejections: ABORT_ERR, ERR_TIMEOUT, ERR_DEVICE_CLOSED, ERR_DEVICE_READ_ONLY, ERR_IO, ERR_SHORT_TRANSFER, ERR_NO_SPACE,
 * ERR_DEVICE_VANISHED, ERR_RANGE_UNSETTLED, ERR_QUEUE_FULL and ERR_OUT_OF_MEMORY, all with `outcome` and `drained`; ERR_INVALID_ARG_TYPE,
 * ERR_OUT_OF_RANGE and ERR_UNALIGNED for wrong arguments.
 *
 * ERR_DEVICE_VANISHED is also what fails on a block device that has become too small for it since it was opened: to the
 * kernel a disk that was pulled has the size 0, and it answers ENOSPC, EIO or nothing. `errno` is what it has answered.
 */
export interface Device extends AsyncDisposable {
  readonly info: DeviceInfo;
  /** Aborted when the device is closed. */
  readonly closed: AbortSignal;
  /** Reads `length` bytes, 512 to 131,072, a multiple of the logical block. */
  read(offset: bigint, length: number, options?: CancelOptions): Cancellable<Uint8Array>;
  /** Writes 512 to 131,072 bytes, a multiple of the logical block. */
  write(offset: bigint, bytes: Uint8Array, options?: WriteOptions): Cancellable<void>;
  /**
   * Writes groups in order: a group is issued when every write of the last one has succeeded. What follows a failed
   * group is untouched. Rejects with a BatchError. A group takes its place in the queue when its turn comes: other
   * operations on the same range may come before it.
   */
  writeOrdered(groups: readonly (readonly WriteStep[])[], options?: WriteOptions): Cancellable<void>;
  /** fdatasync(2): makes durable what was written, and told as written, before the call. */
  flush(options?: CancelOptions): Cancellable<void>;
  /**
   * Fills the holes in the first `bytes` of a regular file, so that a full file system shows here and not in the middle of
   * a write. Changes neither size nor content; nothing to do on a block device. Rejects with ERR_NO_SPACE, ERR_IO,
   * ERR_OUT_OF_MEMORY.
   */
  allocate(bytes: number): Promise<void>;
  /** Whether an aborted write may still land somewhere in this range: what is read there is no evidence. */
  isUnsettled(offset: bigint, length: number): boolean;
  /**
   * Refuses new work, withdraws what is queued, asks the kernel to cancel the rest, waits up to `graceMs` (default
   * 1,000) and lets go. Never rejects; a second call gives the first one's report.
   */
  close(options?: { readonly graceMs?: number }): Promise<CloseReport>;
}

export const minTransferBytes = 512;
export const maxTransferBytes = 128 * 1024;
