// Which device it was, to be written down, and whether another one is the same later. Where that cannot be known, it is
// not the same: who knows better names it.
import { realpathSync } from 'node:fs';
import type { DeviceInfo } from './device.js';
import { linesOf } from './procfs.js';

/** A device, as it is written down. 64-bit numbers are decimal strings. */
export interface SavedDevice {
  /** Without symbolic links, where that could be found out. */
  readonly path: string;
  readonly kind: DeviceInfo['kind'];
  readonly sizeBytes: string;
  readonly logicalBlockSize: number;
  /** `8:16`; null for a device in memory. */
  readonly deviceNumber: string | null;
  readonly inode: string | null;
  readonly diskSequence: string | null;
  /** Device numbers and disk sequences hold until the next boot (/proc/sys/kernel/random/boot_id). */
  readonly bootId: string | null;
}

const text = (value: bigint | null | undefined): string | null => (value == null ? null : `${value}`);

export function savedDevice({ path, kind, sizeBytes, logicalBlockSize, identity }: DeviceInfo): SavedDevice {
  return {
    path: resolved(path),
    kind,
    sizeBytes: `${sizeBytes}`,
    logicalBlockSize,
    deviceNumber: identity?.deviceNumber ?? null,
    inode: text(identity?.inode),
    diskSequence: text(identity?.diskSequence),
    bootId: linesOf('/proc/sys/kernel/random/boot_id')[0] ?? null,
  };
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; //  It is open, and its name is gone.
  }
}

/** Why it is not known that two of them are one device: a clause; undefined where they are. */
export function whyAnother(saved: SavedDevice, found: SavedDevice): string | undefined {
  const differs = (name: keyof SavedDevice, what: string) =>
    saved[name] === found[name] ? undefined : `its ${what} is ${found[name]}, it was ${saved[name]}`;
  const shape = differs('kind', 'kind') ?? differs('sizeBytes', 'size in bytes');
  if (shape !== undefined) return shape;
  const booted = saved.bootId !== found.bootId;
  if (found.kind === 'block') {
    if (booted) return 'this host has been booted since, so the device may have another name';
    return differs('deviceNumber', 'device number') ?? differs('diskSequence', 'disk sequence');
  }
  return differs('inode', 'inode') ?? (booted ? undefined : differs('deviceNumber', 'device number'));
}
