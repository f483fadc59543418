// What sysfs says of a device that has answered with an error: it answers without asking any device. Of a partition it has the disk: when
// that is pulled the kernel sets its size to 0, and that of its partitions stays; their I/O is answered with EIO, as by a bad disk.
import { existsSync } from 'node:fs';
import type { DeviceIdentity } from './device.js';
import { hostRoots, numberIn } from './procfs.js';

/** Looks at a device that was opened a moment ago. @returns whether the disk that it is a partition of is gone: never, for other devices. */
export function watchDisk(identity: DeviceIdentity | null, { sys } = hostRoots): () => boolean {
  const folder = `${sys}/dev/block/${identity?.deviceNumber}`;
  if (identity === null || numberIn(`${folder}/partition`) === undefined) return () => false;
  return () => !existsSync(folder) || numberIn(`${folder}/../size`) === 0;
}

/** Whether the kernel takes no writes to it (blockdev --setro). */
export const isReadOnlyDevice = ({ deviceNumber }: DeviceIdentity, { sys } = hostRoots): boolean =>
  numberIn(`${sys}/dev/block/${deviceNumber}/ro`) === 1;
