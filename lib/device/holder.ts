// Why a device is busy, in words. Reads only procfs and sysfs, which answer without asking any device.
import { constants, readlinkSync, realpathSync } from 'node:fs';
import type { DeviceInfo } from './device.js';
import { entriesOf, linesOf } from './procfs.js';

/** A sentence part such as "it is mounted on /srv", or undefined where nobody is seen: then it may be a ghost write. */
export function whoHolds(major: number, minor: number): string | undefined {
  const number = `${major}:${minor}`;
  const mounted = linesOf('/proc/self/mountinfo')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === number);
  if (mounted !== undefined) return `it is mounted on ${mounted[4]}`;
  const base = `/sys/dev/block/${number}`;
  const holders = entriesOf(`${base}/holders`);
  if (holders.length > 0) return `it is held by ${holders.join(', ')}`;
  const name = /^DEVNAME=(.+)$/m.exec(linesOf(`${base}/uevent`).join('\n'))?.[1];
  if (name !== undefined && linesOf('/proc/swaps').some((line) => line.startsWith(`/dev/${name} `))) {
    return 'it is used as swap';
  }
  const partition = entriesOf(base).find((entry) => name !== undefined && entry.startsWith(name));
  if (partition !== undefined) {
    const [inner] = linesOf(`${base}/${partition}/dev`);
    const [innerMajor, innerMinor] = (inner ?? '').split(':').map(Number);
    const reason = innerMajor && innerMinor !== undefined ? whoHolds(innerMajor, innerMinor) : undefined;
    if (reason !== undefined) return `of its partition ${partition}: ${reason}`;
  }
  return undefined;
}

/** The process whose flock(2) is on the file, as far as this process may see it (proc_locks(5)). */
export function whoLocks(major: number, minor: number, inode: bigint): string | undefined {
  const hex = (part: number) => part.toString(16).padStart(2, '0');
  const place = `${hex(major)}:${hex(minor)}:${inode}`;
  const fields = linesOf('/proc/locks')
    .map((line) => line.split(/\s+/))
    .find((one) => one[1] === 'FLOCK' && one[5] === place);
  return fields && `${processName(fields[4] ?? '')} holds its lock`;
}

/** The loop device that the file is the backing of. `path` is free of symbolic links. */
export function loopOver(path: string): string | undefined {
  const name = entriesOf('/sys/block').find(
    //  The path may have a line feed of its own.
    (entry) =>
      entry.startsWith('loop') && linesOf(`/sys/block/${entry}/loop/backing_file`).join('\n') === `${path}\n`,
  );
  return name && `/dev/${name}`;
}

/** Whether somebody may write to a file while we read it: it is locked, or the backing of a loop device. */
export function isHeldFile({ path, identity }: DeviceInfo): boolean {
  if (identity === null || identity.inode === null) return false;
  const [major = 0, minor = 0] = identity.deviceNumber.split(':').map(Number);
  return whoLocks(major, minor, identity.inode) !== undefined || loopOver(realPath(path)) !== undefined;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; //  It was renamed meanwhile.
  }
}

/** A process that has this device node open for writing, as far as this process may look into others. */
export function whoWrites(path: string): string | undefined {
  const pid = entriesOf('/proc').find(
    (entry) => /^\d+$/.test(entry) && entriesOf(`/proc/${entry}/fd`).some((fd) => writes(entry, fd, path)),
  );
  return pid && `${processName(pid)} has it open for writing`;
}

function writes(pid: string, fd: string, path: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== path) return false;
  } catch {
    return false; //  Closed meanwhile.
  }
  const flags = /^flags:\s*([0-7]+)$/m.exec(linesOf(`/proc/${pid}/fdinfo/${fd}`).join('\n'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & accessMode) !== 0;
}

const accessMode = constants.O_WRONLY | constants.O_RDWR;

const processName = (pid: string): string => {
  const [name = ''] = linesOf(`/proc/${pid}/comm`);
  return name === '' ? `process ${pid}` : `process ${pid} (${name})`;
};
