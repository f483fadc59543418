// Every error that leaves the package: one class, one table of codes. Detail travels as data.
// Callers switch on `code`, never on the text. What is wrong with bytes on a disk is a value
// (`Damage` in format/), not an error, and never comes through here.

import { brand } from './brand.js';

export const errorCodes = {
  // Asked for by the caller.
  ABORT_ERR: 'the operation was aborted',
  ERR_TIMEOUT: 'the operation did not settle before its deadline',

  // Wrong arguments.
  ERR_INVALID_ARG_TYPE: 'an argument has the wrong type',
  ERR_INVALID_ARG_VALUE: 'an argument has a value that is not allowed',
  ERR_OUT_OF_RANGE: 'a number is out of range',
  ERR_UNALIGNED: 'an offset or a length is not a multiple of the logical block',
  ERR_USAGE: 'the command line is wrong',

  // The engine.
  ERR_ADDON_MISSING: 'the native addon is not built',
  ERR_ENGINE_UNAVAILABLE: 'the engine cannot be used here',
  ERR_QUEUE_FULL: 'too many bytes are queued or in flight',
  ERR_OUT_OF_MEMORY: 'there is not enough memory',

  // The device.
  ERR_DEVICE_NOT_FOUND: 'there is no such device or file',
  ERR_NOT_A_DEVICE: 'this is neither a block device nor a regular file',
  ERR_ACCESS: 'access is denied',
  ERR_DEVICE_BUSY: 'the device is held by somebody else',
  ERR_DEVICE_READ_ONLY: 'the device cannot be written',
  ERR_DEVICE_TOO_SMALL: 'the device is too small',
  ERR_DEVICE_VANISHED: 'the device is gone',
  ERR_DEVICE_CHANGED: 'the path names another device than a moment ago',
  ERR_DEVICE_CLOSED: 'the device is closed',
  ERR_DIRECT_UNSUPPORTED: 'O_DIRECT is not supported here',
  ERR_NO_SPACE: 'the file system is full',
  ERR_IO: 'the device reported an error',
  ERR_SHORT_TRANSFER: 'the device transferred less than was asked for',
  ERR_RANGE_UNSETTLED: 'an aborted write to this range may still land',

  // The metadata.
  ERR_NO_METADATA: 'no copy of the metadata can be used',
  ERR_METADATA_EXISTS: 'there is metadata already',
  ERR_DATA_PRESENT: 'the device holds somebody else’s data',
  ERR_METADATA_AMBIGUOUS: 'more than one copy could be the right one',
  ERR_COPY_NOT_VALID: 'this copy is not valid',
  ERR_SEQUENCE_EXHAUSTED: 'the sequence cannot rise any more',
  ERR_SINGLE_COPY: 'only one copy fits, so a crash while it is written could leave none',
  ERR_COMMIT_PARTIAL: 'some copies were written and some were not',
  ERR_ANOTHER_WRITER: 'somebody else has written to the metadata',
  ERR_DATA_IN_METADATA: 'remapped sectors have their data inside the metadata region',
  ERR_STORE_CLOSED: 'the store is closed',
  ERR_STORE_READ_ONLY: 'the store was opened for reading',

  // What is saved, planned and put back.
  ERR_FILE_EXISTS: 'there is such a file already',
  ERR_IMAGE_INVALID: 'this is no saved image, or it is damaged',
  ERR_PLAN_CHANGED: 'the plan is not that of the bytes that are there now',
  ERR_CHANGED_SINCE: 'the spare was written to since this was saved',
  ERR_OTHER_MAIN: 'the metadata belongs to another main device',
  ERR_CLOCK_BEHIND: 'by the clock of this host the table is from the future',

  // The remap table.
  ERR_TABLE_FULL: 'the table holds 2048 entries, and that is all that fits',
  ERR_TABLE_INVALID: 'this is not the JSON of a remap table',
  ERR_GHOST_ENTRIES: 'entries of an earlier table stand where new ones would be written',
  ERR_GHOST_NOT_FOUND: 'there is no such entry behind the table',
  ERR_DUMP_INVALID: 'this is not a dump, or its table is refused',
  ERR_IMPORT_INVALID: 'this is no list of remaps',
  ERR_IMPORT_CONFLICT: 'remaps of a list cannot be added to the table',
  ERR_ORIGINAL_OUT_OF_RANGE: 'the original sector lies beyond the main device',
  ERR_ORIGINAL_MAPPED: 'the original sector is mapped already',
  ERR_ORIGINAL_NOT_MAPPED: 'the original sector is not mapped',
  ERR_SPARE_OUT_OF_RANGE: 'the spare sector lies beyond the spare device',
  ERR_SPARE_IN_METADATA: 'the spare sector lies inside the metadata region',
  ERR_SPARE_IN_USE: 'the spare sector is in use',
  ERR_SPARE_HELD: 'the spare sector is kept back: another copy or a ghost entry names it',
  ERR_SPARE_EXHAUSTED: 'the spare has no free sector left',

  // The life of a target.
  ERR_MAIN_MISMATCH: 'this is not the main device that the metadata was made for',
  ERR_TABLE_UNALIGNED: 'the table maps parts of logical blocks',
  ERR_TARGET_SUSPENDED: 'the target is suspended',
  ERR_TARGET_DESTROYED: 'the target is destroyed',
  ERR_TARGET_DEGRADED: 'the metadata could not be made durable, and no further try is made by itself',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/**
 * What is known about an operation that did not succeed (io-contract.md rule 4):
 * `untouched`, proven: withdrawn before it was issued; `written`, its own completion says so;
 * `unknown`: it may land now, later, in part, or not at all.
 */
export type Outcome = 'untouched' | 'written' | 'unknown';

/** An error of this package. Switch on `code`; the message is for people. */
export class DmremapError extends Error {
  readonly code: ErrorCode;
  /** Name of the errno where the kernel gave one, as in errno(3). */
  readonly errno: string | undefined;

  constructor(
    code: ErrorCode,
    message?: string,
    options: { cause?: unknown; errno?: string | undefined } = {},
  ) {
    super(message ?? errorCodes[code], 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'DmremapError';
    this.code = code;
    this.errno = options.errno;
  }
}

/**
 * An operation that ended without success. `Final` is what `drained` resolves to: the final outcome of one
 * operation, or a richer report where the operation had several parts.
 */
export class OperationError<Final = Outcome> extends DmremapError {
  readonly outcome: Outcome;
  readonly #drained: Promise<Final>;
  readonly #hold: (() => void) | undefined;

  /** `hold` keeps the process alive until `drained` resolves; it is called when somebody asks for `drained`. */
  constructor(
    code: ErrorCode,
    message: string | undefined,
    options: {
      cause?: unknown;
      errno?: string | undefined;
      outcome: Outcome;
      drained: Promise<Final>;
      hold?: (() => void) | undefined;
    },
  ) {
    super(code, message, options);
    this.name = operationNames[code] ?? 'DeviceError';
    this.outcome = options.outcome;
    this.#drained = options.drained;
    this.#hold = options.hold;
  }

  /**
   * Resolves when nothing of this operation is in flight any more, to the final outcome. Never rejects. Asking for it
   * keeps the process alive until then; a stuck write that nobody asks about does not.
   */
  get drained(): Promise<Final> {
    this.#hold?.();
    return this.#drained;
  }

  /** Calls `listener` with the final outcome once nothing is in flight, without keeping the process alive for it. */
  whenDrained(listener: (final: Final) => void): void {
    void this.#drained.then(listener);
  }
}

brand(DmremapError, 'DmremapError');
brand(OperationError, 'OperationError');

const operationNames: Partial<Record<ErrorCode, string>> = {
  ABORT_ERR: 'AbortError',
  ERR_TIMEOUT: 'TimeoutError',
};

/** A wrong argument: a TypeError or a RangeError, with a code as everything else. */
export function argumentError(
  code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE' | 'ERR_UNALIGNED',
  message: string,
): (TypeError | RangeError) & { code: ErrorCode } {
  const numeric = code === 'ERR_OUT_OF_RANGE' || code === 'ERR_UNALIGNED';
  return Object.assign(numeric ? new RangeError(message) : new TypeError(message), { code });
}

export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCodes, code);
