// Errnos by name, and the codes that stand for them.
import { constants } from 'node:os';
import type { ErrorCode } from '../base/errors.js';

/** In the place of an errno: the write was refused behind one that may still land. */
export const unsettledError = 4096;

// Those that Node does not name and a device or a file system may say (asm-generic/errno.h).
const unnamed = { ENOTBLK: 15, EBADFD: 77, ESHUTDOWN: 108, EREMOTEIO: 121, ENOMEDIUM: 123, EMEDIUMTYPE: 124 };

// Not util.getSystemErrorName(): libuv knows neither EDQUOT nor ESTALE. Of two names the first (EAGAIN, ENOTSUP).
const errnoNames = new Map(
  Object.entries({ ...constants.errno, ...unnamed })
    .reverse()
    .map(([name, error]) => [error, name]),
);

/** As in errno(3); undefined for what is no errno. */
export function errnoName(error: number): string | undefined {
  if (error <= 0 || error >= unsettledError) return undefined;
  return errnoNames.get(error) ?? `errno ${error}`;
}

const codesOfErrnos: Record<string, ErrorCode> = {
  ENXIO: 'ERR_DEVICE_VANISHED',
  ENODEV: 'ERR_DEVICE_VANISHED',
  ESTALE: 'ERR_DEVICE_VANISHED',
  ESHUTDOWN: 'ERR_DEVICE_VANISHED',
  ENOSPC: 'ERR_NO_SPACE',
  EDQUOT: 'ERR_NO_SPACE',
  EROFS: 'ERR_DEVICE_READ_ONLY',
};

/** The code that stands for an errno, by its name. */
export const codeOfErrnoName = (name: string): ErrorCode => codesOfErrnos[name] ?? 'ERR_IO';
