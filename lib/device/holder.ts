// Why a device is busy, in words. Reads only procfs and sysfs, which answer without asking any device.
import { basename } from 'node:path';
import { entriesOf, hostRoots, linesOf, numberIn, processName, type Roots, unescaped } from './procfs.js';

/** A sentence part such as "it is mounted on /srv", or undefined where nobody is seen: then it may be a ghost write. */
export function whoHolds(major: number, minor: number, roots = hostRoots): string | undefined {
  const use = useOf(`${major}:${minor}`, roots);
  return use && `it ${use}`;
}

/** "it is the backing file of /dev/loop0, which is mounted on /srv" */
export function underLoop(kind: 'file' | 'device', loop: string, roots = hostRoots): string {
  return `it ${backs(kind, loop, roots)}`;
}

function backs(kind: 'file' | 'device', loop: string, roots: Roots): string {
  const use = useOf(numberOfLoop(loop, roots), roots);
  return `is the backing ${kind} of ${loop}${use === undefined ? '' : `, which ${use}`}`;
}

/** MAJOR:MINOR; empty where there is none. */
export const numberOfLoop = (loop: string, { sys }: Roots): string =>
  linesOf(`${sys}/block/${basename(loop)}/dev`)[0] ?? '';

/** What a block device is used for, itself, in part or as a part: a predicate. Its number is MAJOR:MINOR. */
function useOf(number: string, roots: Roots): string | undefined {
  const use = ownUse(number, roots);
  if (use !== undefined) return use;
  const folder = folderOf(number, roots);
  for (const entry of entriesOf(folder)) {
    if (numberIn(`${folder}/${entry}/partition`) === undefined) continue;
    const use = ownUse(linesOf(`${folder}/${entry}/dev`)[0], roots);
    if (use !== undefined) return `has the partition /dev/${entry}, which ${use}`;
  }
  //  Another partition of the same disk is not in the way.
  if (numberIn(`${folder}/partition`) === undefined) return undefined;
  const disk = linesOf(`${folder}/../dev`)[0];
  const useOfDisk = ownUse(disk, roots);
  return useOfDisk && `is a partition of /dev/${nameOf(disk, roots)}, which ${useOfDisk}`;
}

function ownUse(number = '', roots: Roots): string | undefined {
  const mounted = linesOf(`${roots.proc}/self/mountinfo`)
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === number);
  if (mounted !== undefined) return `is mounted on ${unescaped(mounted[4] ?? '')}`;
  const holders = entriesOf(`${folderOf(number, roots)}/holders`);
  if (holders.length > 0) return `is held by ${holders.join(', ')}`;
  const name = nameOf(number, roots);
  if (name === undefined) return undefined;
  if (isSwap(`/dev/${name}`, roots)) return 'is used as swap';
  const loop = loopOver(`/dev/${name}`, roots);
  return loop && backs('device', loop, roots);
}

/** The numbers of a block device, its partitions, and the disk that it is a partition of: who holds one holds the others too. */
export function relatedNumbers(number: string, roots: Roots): ReadonlySet<string> {
  const folder = folderOf(number, roots);
  const parts = entriesOf(folder).filter((entry) => numberIn(`${folder}/${entry}/partition`) !== undefined);
  const isPart = numberIn(`${folder}/partition`) !== undefined;
  const others = [...parts.map((entry) => `${folder}/${entry}/dev`), ...(isPart ? [`${folder}/../dev`] : [])];
  return new Set([number, ...others.flatMap((file) => linesOf(file)[0] ?? [])]);
}

const folderOf = (number: string, { sys }: Roots): string => `${sys}/dev/block/${number}`;

/** As the kernel names it under /dev. */
const nameOf = (number = '', roots: Roots): string | undefined =>
  /^DEVNAME=(.+)$/m.exec(linesOf(`${folderOf(number, roots)}/uevent`).join('\n'))?.[1];

/** Whether the kernel swaps to this block device or file. `path` is free of symbolic links. */
export const isSwap = (path: string, { proc } = hostRoots): boolean =>
  linesOf(`${proc}/swaps`)
    .slice(1)
    .some((line) => unescaped(line.split(/\s/)[0] ?? '') === path);

/**
 * The process whose flock(2) is on the file, as far as this process may see it (proc_locks(5)).
 * @param lines of /proc/locks: reading it waits for the kernel, so some do that meanwhile.
 */
export function whoLocks(
  major: number,
  minor: number,
  inode: bigint,
  lines: readonly string[] = linesOf('/proc/locks'),
  roots = hostRoots,
): string | undefined {
  const hex = (part: number) => part.toString(16).padStart(2, '0');
  const place = `${hex(major)}:${hex(minor)}:${inode}`;
  const fields = lines.map((line) => line.split(/\s+/)).find((one) => one[1] === 'FLOCK' && one[5] === place);
  return fields && `${processName(fields[4] ?? '', roots)} holds its lock`;
}

/** The loop device that the file or block device is the backing of. `path` is free of symbolic links. */
export function loopOver(path: string, { sys } = hostRoots): string | undefined {
  const name = entriesOf(`${sys}/block`).find(
    //  The path may have a line feed of its own.
    (entry) =>
      entry.startsWith('loop') &&
      linesOf(`${sys}/block/${entry}/loop/backing_file`).join('\n') === `${path}\n`,
  );
  return name && `/dev/${name}`;
}

/**
 * Whether a loop device is as large as the file: its backing file may be this one, under another name or at another place. Both
 * would have to be looked at to know, and one that has nothing to do with the spare may hang.
 */
export function mayBeUnderLoop(sizeBytes: bigint, { sys }: Roots): boolean {
  return entriesOf(`${sys}/block`).some((entry) => {
    if (!entry.startsWith('loop')) return false;
    const folder = `${sys}/block/${entry}`;
    const [backing = ''] = linesOf(`${folder}/loop/backing_file`);
    if (backing === '') return false;
    const bytes =
      BigInt(numberIn(`${folder}/size`) ?? 0) * 512n + BigInt(numberIn(`${folder}/loop/offset`) ?? 0);
    return bytes <= sizeBytes && sizeBytes < bytes + 4096n;
  });
}
