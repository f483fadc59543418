// The disk of a partition. When it is pulled the kernel sets its size to 0, and that of its partitions stays: their I/O is answered with
// EIO, as by a bad disk. sysfs answers without asking any device, and has the size of the disk for as long as that is there.
import { existsSync } from 'node:fs';
import type { DeviceIdentity } from './device.js';
import { hostRoots, numberIn } from './procfs.js';

/** Looks at a device that was opened a moment ago. @returns whether the disk that it is a partition of is gone: never, for other devices. */
export function watchDisk(identity: DeviceIdentity | null, { sys } = hostRoots): () => boolean {
  const folder = `${sys}/dev/block/${identity?.deviceNumber}`;
  if (identity === null || numberIn(`${folder}/partition`) === undefined) return () => false;
  return () => !existsSync(folder) || numberIn(`${folder}/../size`) === 0;
}
