// Room: recovery. A file that is either there, whole and durable, or not there: written under another name in the same
// folder, fsynced, read back past the page cache, and linked to its place, which never replaces anything (link(2)). It lies
// on another device than the spare, so ordinary synchronous calls will do.
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { randomHex } from '../base/crypto.js';
import { DmremapError, type ErrorCode } from '../base/errors.js';
import { maxTransferBytes } from '../device/device.js';
import { openDevice } from '../device/native-device.js';

/** File systems that have no hard links say so with one of these. */
const noLinks = ['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK'];

/**
 * Writes a new file. When it returns, the file and its name are durable.
 * Rejections: ERR_FILE_EXISTS, ERR_NO_SPACE, ERR_ACCESS and ERR_IO, each with the errno's name, and nothing is left behind.
 */
export async function writeNewFile(path: string, bytes: Uint8Array, mode = 0o400): Promise<void> {
  const folder = dirname(path);
  const name = `.${basename(path).slice(0, 128)}.${process.pid}-${randomHex(6)}.tmp`;
  const temporary = join(folder, name);
  try {
    writeDurably(temporary, bytes, mode);
    try {
      await proveFile(temporary, bytes);
      linkOrCopy(temporary, path, bytes, mode);
    } finally {
      rmSync(temporary, { force: true });
    }
    syncFolder(folder);
  } catch (error) {
    throw fileError(path, error);
  }
}

function writeDurably(path: string, bytes: Uint8Array, mode: number): void {
  const descriptor = openSync(path, 'wx', mode);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** What was not written whole has no seal, so it is none of our files: no name is taken but a free one. */
function linkOrCopy(temporary: string, path: string, bytes: Uint8Array, mode: number): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!noLinks.includes(errnoOf(error) ?? '')) throw error;
    writeDurably(path, bytes, mode);
  }
}

/** With O_DIRECT, where the file system has it: from the medium and not from what was just written to memory. */
async function proveFile(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await openDevice(path, { mode: 'read', direct: 'prefer' });
  const blocks = bytes.length - (bytes.length % file.info.logicalBlockSize);
  let same = file.info.sizeBytes === BigInt(bytes.length);
  for (let at = 0; same && at < blocks; at += maxTransferBytes) {
    const expected = bytes.subarray(at, Math.min(at + maxTransferBytes, blocks));
    same = Buffer.compare(await file.read(BigInt(at), expected.length), expected) === 0;
  }
  const tail = readFileSync(path).subarray(blocks);
  if (!same || Buffer.compare(tail, bytes.subarray(blocks)) !== 0) {
    throw new Error('it reads back with other bytes');
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

const codes: Readonly<Record<string, ErrorCode>> = {
  EEXIST: 'ERR_FILE_EXISTS',
  ENOSPC: 'ERR_NO_SPACE',
  EDQUOT: 'ERR_NO_SPACE',
  EACCES: 'ERR_ACCESS',
  EROFS: 'ERR_ACCESS',
};

/** Why a file could not be made, as an error of ours. */
export function fileError(path: string, cause: unknown): DmremapError {
  if (cause instanceof DmremapError) return cause;
  const errno = errnoOf(cause);
  const reason = errno ?? (cause instanceof Error ? cause.message : String(cause));
  const words = errno === 'EEXIST' ? 'it exists already (EEXIST)' : reason;
  return new DmremapError(codes[errno ?? ''] ?? 'ERR_IO', `${path}: ${words}`, { errno, cause });
}
