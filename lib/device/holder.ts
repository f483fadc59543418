// Why a device is busy, in words. Reads only procfs and sysfs, which answer without asking any device.
import { constants, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { entriesOf, linesOf, numberIn, unescaped } from './procfs.js';

/** A sentence part such as "it is mounted on /srv", or undefined where nobody is seen: then it may be a ghost write. */
export function whoHolds(major: number, minor: number): string | undefined {
  const use = useOf(`${major}:${minor}`);
  return use && `it ${use}`;
}

/** "it is the backing file of /dev/loop0, which is mounted on /srv" */
export function underLoop(kind: 'file' | 'device', loop: string): string {
  return `it ${backs(kind, loop)}`;
}

function backs(kind: 'file' | 'device', loop: string): string {
  const use = useOf(linesOf(`/sys/block/${basename(loop)}/dev`)[0] ?? '');
  return `is the backing ${kind} of ${loop}${use === undefined ? '' : `, which ${use}`}`;
}

/** What a block device is used for, itself, in part or as a part: a predicate. Its number is MAJOR:MINOR. */
function useOf(number: string): string | undefined {
  const use = ownUse(number);
  if (use !== undefined) return use;
  const folder = folderOf(number);
  for (const entry of entriesOf(folder)) {
    if (numberIn(`${folder}/${entry}/partition`) === undefined) continue;
    const use = ownUse(linesOf(`${folder}/${entry}/dev`)[0]);
    if (use !== undefined) return `has the partition /dev/${entry}, which ${use}`;
  }
  //  Another partition of the same disk is not in the way.
  if (numberIn(`${folder}/partition`) === undefined) return undefined;
  const disk = linesOf(`${folder}/../dev`)[0];
  const useOfDisk = ownUse(disk);
  return useOfDisk && `is a partition of /dev/${nameOf(disk)}, which ${useOfDisk}`;
}

function ownUse(number = ''): string | undefined {
  const mounted = linesOf('/proc/self/mountinfo')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === number);
  if (mounted !== undefined) return `is mounted on ${unescaped(mounted[4] ?? '')}`;
  const holders = entriesOf(`${folderOf(number)}/holders`);
  if (holders.length > 0) return `is held by ${holders.join(', ')}`;
  const name = nameOf(number);
  if (name === undefined) return undefined;
  if (isSwap(`/dev/${name}`)) return 'is used as swap';
  const loop = loopOver(`/dev/${name}`);
  return loop && backs('device', loop);
}

const folderOf = (number: string): string => `/sys/dev/block/${number}`;

/** As the kernel names it under /dev. */
const nameOf = (number = ''): string | undefined =>
  /^DEVNAME=(.+)$/m.exec(linesOf(`${folderOf(number)}/uevent`).join('\n'))?.[1];

/** Whether the kernel swaps to this block device or file. `path` is free of symbolic links. */
export const isSwap = (path: string): boolean =>
  linesOf('/proc/swaps')
    .slice(1)
    .some((line) => unescaped(line.split(/\s/)[0] ?? '') === path);

/** The process whose flock(2) is on the file, as far as this process may see it (proc_locks(5)). */
export function whoLocks(major: number, minor: number, inode: bigint): string | undefined {
  const hex = (part: number) => part.toString(16).padStart(2, '0');
  const place = `${hex(major)}:${hex(minor)}:${inode}`;
  const fields = linesOf('/proc/locks')
    .map((line) => line.split(/\s+/))
    .find((one) => one[1] === 'FLOCK' && one[5] === place);
  return fields && `${processName(fields[4] ?? '')} holds its lock`;
}

/** The loop device that the file or block device is the backing of. `path` is free of symbolic links. */
export function loopOver(path: string): string | undefined {
  const name = entriesOf('/sys/block').find(
    //  The path may have a line feed of its own.
    (entry) =>
      entry.startsWith('loop') && linesOf(`/sys/block/${entry}/loop/backing_file`).join('\n') === `${path}\n`,
  );
  return name && `/dev/${name}`;
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
