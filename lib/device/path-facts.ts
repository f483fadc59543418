// What can be found out about a path without writing to it, and without a claim that others would run into: it is opened
// read-only and without O_EXCL; who holds it is asked of procfs and sysfs.
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import type { CancelOptions } from '../base/cancellable.js';
import { DmremapError, type ErrorCode, errorCodes } from '../base/errors.js';
import { whoWrites } from './descriptors.js';
import type { DeviceInfo } from './device.js';
import { numbersOf } from './device-number.js';
import type { EngineName } from './engines.js';
import { isSwap, loopOver, underLoop, whoHolds, whoLocks } from './holder.js';
import { openDevice } from './native-device.js';
import { linesOf, numberIn, unescaped } from './procfs.js';

interface Refusal {
  readonly code: ErrorCode;
  readonly errno: string | undefined;
  readonly message: string;
}

/** `refused`: it cannot even be opened for reading. */
export type PathFacts = { readonly refused: Refusal } | OpenedPath;

export interface OpenedPath {
  readonly refused?: undefined;
  readonly info: DeviceInfo;
  /** Why access(2) denies writing; undefined where it does not. */
  readonly denied: string | undefined;
  /** The block device is set read-only. */
  readonly readOnly: boolean;
  /** Who would be in the way of a writer: a clause. */
  readonly holder: string | undefined;
  /** The loop device that a file is the backing of, and a clause that says so and what that is used for. */
  readonly loop: { readonly path: string; readonly clause: string } | undefined;
  /** Type of the file system that a file is on, as mount(8) names it. */
  readonly fileSystem: string | undefined;
  /** Where that is mounted. */
  readonly mountPoint: string | undefined;
  /** Writes that the block device has not answered. */
  readonly inFlight: number;
}

/**
 * Opens a path for reading and closes it again.
 *
 * Rejections: ABORT_ERR and ERR_TIMEOUT; what else stands in the way of opening it is `refused`.
 */
export async function pathFacts(
  path: string,
  options: CancelOptions & { readonly engine: EngineName },
): Promise<PathFacts> {
  try {
    const device = await openDevice(path, { ...options, mode: 'read', direct: 'prefer' });
    await device.close();
    //  It has just answered, so asking it in this thread is as good as safe.
    return device.info.kind === 'block' ? blockFacts(path, device.info) : fileFacts(path, device.info);
  } catch (error) {
    if (error instanceof DmremapError) return { refused: refusalOf(error) };
    const { code: errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    //  It could be opened, and now its place cannot be looked at.
    return { refused: { code: 'ERR_DEVICE_CHANGED', errno, message: errorCodes.ERR_DEVICE_CHANGED } };
  }
}

function refusalOf(error: DmremapError): Refusal {
  if (error.code === 'ABORT_ERR' || error.code === 'ERR_TIMEOUT') throw error;
  const { code, errno, message } = error;
  return { code, errno, message };
}

function blockFacts(path: string, info: DeviceInfo): OpenedPath {
  const { rdev } = statSync(path, { bigint: true });
  const [major, minor] = numbersOf(rdev);
  const folder = `/sys/dev/block/${major}:${minor}`;
  return {
    info,
    denied: deniedWriting(path),
    readOnly: numberIn(`${folder}/ro`) === 1,
    holder: whoHolds(major, minor) ?? whoWrites(realpathSync(path)),
    loop: undefined,
    fileSystem: undefined,
    mountPoint: undefined,
    //  Two columns: reads and writes (Documentation/ABI/stable/sysfs-block).
    inFlight: Number(linesOf(`${folder}/inflight`)[0]?.trim().split(/\s+/)[1] ?? 0),
  };
}

function fileFacts(path: string, info: DeviceInfo): OpenedPath {
  const real = realpathSync(path);
  const { dev, ino } = statSync(path, { bigint: true });
  const [major, minor] = numbersOf(dev);
  const mount = mountOf(real);
  const loop = loopOver(real);
  return {
    info,
    denied: deniedWriting(path),
    readOnly: false,
    holder: isSwap(real) ? 'it is used as swap' : whoLocks(major, minor, ino),
    loop: loop === undefined ? undefined : { path: loop, clause: underLoop('file', loop) },
    fileSystem: mount?.type,
    mountPoint: mount?.point,
    inFlight: 0,
  };
}

function deniedWriting(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** The mount with the longest mount point above the path; the last of them is on top (proc_pid_mountinfo(5)). */
function mountOf(path: string): { readonly type: string; readonly point: string } | undefined {
  let found: { readonly type: string; readonly point: string } | undefined;
  for (const line of linesOf('/proc/self/mountinfo')) {
    const [before = '', after = ''] = line.split(' - ');
    const point = unescaped(before.split(' ')[4] ?? '');
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (point === '' || !isAbove || point.length < (found?.point.length ?? 0)) continue;
    found = { type: after.split(' ')[0] ?? '', point };
  }
  return found;
}
