// What a failed step of opening a device means: one line with a code, for a person who has to do something about it.
import { DmremapError, type ErrorCode } from '../base/errors.js';
import { errnoName } from './errno.js';
import { underLoop, whoHolds } from './holder.js';
import type { OpenedDevice } from './native.js';

export function openError(
  path: string,
  { failedStep, error, kind, major, minor, holder }: OpenedDevice,
): DmremapError {
  const errno = errnoName(error ?? 0);
  const fail = (code: ErrorCode, message: string) => new DmremapError(code, `${path}: ${message}`, { errno });
  if (failedStep !== 'install' && (errno === 'EMFILE' || errno === 'ENFILE')) {
    const limit = errno === 'EMFILE' ? 'RLIMIT_NOFILE' : 'fs.file-max';
    return fail('ERR_QUEUE_FULL', `too many files are open (${errno}): raise ${limit}, or close some`);
  }
  switch (failedStep) {
    case 'kind':
      return fail('ERR_NOT_A_DEVICE', `is a ${kind}, neither a block device nor a regular file`);
    case 'changed':
      return fail('ERR_DEVICE_CHANGED', 'names another device than a moment ago');
    case 'direct':
      return fail(
        'ERR_DIRECT_UNSUPPORTED',
        'O_DIRECT is not supported here; buffered writes only if they are asked for',
      );
    case 'read-only':
      return fail('ERR_DEVICE_READ_ONLY', 'the device is read-only');
    case 'lock':
      if (errno !== 'EAGAIN') return fail('ERR_IO', `flock failed: ${errno}`);
      return fail(
        'ERR_DEVICE_BUSY',
        'another process holds its lock, a write of an earlier one is still in flight, or an open that was aborted is still ending',
      );
    case 'loop':
      if (errno !== 'EBUSY')
        return fail('ERR_IO', `whether a loop device stands on it cannot be told: ${errno}`);
      return fail(
        'ERR_DEVICE_BUSY',
        `${loopText(kind, major, minor, holder)}: write to that, or detach it first`,
      );
    case 'swap':
      return fail('ERR_DEVICE_BUSY', 'it is used as swap');
    case 'install':
      if (errno === 'EMFILE') return fail('ERR_QUEUE_FULL', 'too many devices are open (EMFILE)');
      if (errno === 'EAGAIN') return fail('ERR_QUEUE_FULL', 'no thread could be started for it (EAGAIN)');
      if (errno === 'ENOMEM') return fail(...byErrno(errno, major, minor));
      return fail('ERR_IO', `the engine cannot take it: ${errno}`);
    default:
      return fail(...byErrno(errno, major, minor));
  }
}

/** What the loop device stands on may be a partition of the device, or its disk: then that is told. */
const loopText = (kind: string, major: number, minor: number, loop: string): string =>
  kind === 'block' ? (whoHolds(major, minor) ?? underLoop('device', loop)) : underLoop('file', loop);

function byErrno(errno: string | undefined, major: number, minor: number): [ErrorCode, string] {
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return ['ERR_DEVICE_NOT_FOUND', `no such device or file (${errno})`];
    case 'EACCES':
    case 'EPERM':
      return ['ERR_ACCESS', `access is denied (${errno})`];
    case 'EROFS':
      return ['ERR_DEVICE_READ_ONLY', 'the file system is read-only'];
    case 'ETXTBSY':
      return ['ERR_DEVICE_BUSY', 'the file is in use (ETXTBSY)'];
    case 'EBUSY': {
      const unseen =
        'somebody holds it exclusively, a write of an earlier process is still in flight, or an open that was aborted is still ending';
      return ['ERR_DEVICE_BUSY', `the device is busy: ${whoHolds(major, minor) ?? unseen}`];
    }
    case 'ENXIO':
    case 'ENODEV':
    case 'ENOMEDIUM':
    case 'ESTALE':
      return ['ERR_DEVICE_VANISHED', `the device is gone (${errno})`];
    case 'ENOMEM':
      return ['ERR_OUT_OF_MEMORY', 'there is not enough memory (ENOMEM)'];
    default:
      return ['ERR_IO', `cannot be opened: ${errno ?? 'unknown error'}`];
  }
}

/** Why the holes of a file could not be filled. */
export function allocateError(path: string, error: number): DmremapError {
  const errno = errnoName(error);
  if (errno !== 'ENOSPC' && errno !== 'EDQUOT') {
    return new DmremapError('ERR_IO', `${path}: cannot be preallocated: ${errno}`, { errno });
  }
  const message = `${path}: the file system is full: the holes of this file cannot be filled`;
  return new DmremapError('ERR_NO_SPACE', message, { errno });
}
