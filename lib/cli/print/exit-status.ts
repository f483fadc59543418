// Room: cli. The exit status: bits that are OR-ed, as in fsck(8) (cli.md).
import { type ErrorCode, isErrorCode } from '../../base/errors.js';

/** The bits. `repaired` is for the commands that repair. */
export const exitBits = {
  clean: 0,
  repaired: 1,
  damageLeft: 4,
  failed: 8,
  usage: 16,
  cancelled: 32,
} as const;

const { damageLeft, failed, usage, cancelled } = exitBits;

//  What is not here is a failed operation.
const statusOfCodes: Partial<Record<ErrorCode, number>> = {
  ABORT_ERR: cancelled,
  ERR_TIMEOUT: cancelled,

  ERR_USAGE: usage,
  ERR_INVALID_ARG_TYPE: usage,
  ERR_INVALID_ARG_VALUE: usage,
  ERR_OUT_OF_RANGE: usage,
  ERR_DEVICE_NOT_FOUND: usage,
  ERR_NOT_A_DEVICE: usage,
  ERR_COPY_NOT_VALID: usage,
  ERR_IMAGE_INVALID: usage,
  ERR_TABLE_FULL: usage,
  ERR_TABLE_INVALID: usage,
  ERR_TABLE_UNALIGNED: usage,
  ERR_GHOST_NOT_FOUND: usage,
  ERR_DUMP_INVALID: usage,
  ERR_IMPORT_INVALID: usage,
  ERR_IMPORT_CONFLICT: usage,
  ERR_ORIGINAL_OUT_OF_RANGE: usage,
  ERR_ORIGINAL_MAPPED: usage,
  ERR_ORIGINAL_NOT_MAPPED: usage,
  ERR_SPARE_OUT_OF_RANGE: usage,
  ERR_SPARE_IN_METADATA: usage,
  ERR_SPARE_IN_USE: usage,
  ERR_SPARE_HELD: usage,
  ERR_SPARE_EXHAUSTED: usage,

  //  It failed because of it, and it is still there.
  ERR_METADATA_AMBIGUOUS: failed | damageLeft,
  ERR_CLOCK_BEHIND: failed | damageLeft,
};

/** The code of anything that was thrown; undefined where it is not one of ours: a mistake in this program. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return isErrorCode(code) ? code : undefined;
}

/** The exit status that a code alone leads to. */
export const statusOfCode = (code: ErrorCode | undefined): number =>
  (code === undefined ? undefined : statusOfCodes[code]) ?? failed;

/** The exit status that an error alone leads to. */
export const statusOf = (error: unknown): number => statusOfCode(codeOf(error));
