// A spare in memory, drawn as text, and what tests ask of it again and again.
import { expect } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { CommitError } from '../../lib/store/commit/commit-report.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow } from './disk.js';
import { drawDisk } from './draw.js';
import type { SpyDevice } from './spy-device.js';

export const now = () => drawnNow;

export function drawnDevice(disk: string): MemoryDevice {
  const slots = drawDisk(disk);
  const fitting = slots.filter((slot) => slot instanceof Uint8Array);
  const image = new Uint8Array(fitting.length === 5 ? 4 * 1024 * 1024 : fitting.length * slotBytes);
  slots.forEach((slot, copy) => {
    if (slot instanceof Uint8Array) image.set(slot, copy * slotBytes);
  });
  return new MemoryDevice(image);
}

export const offsetOf = (copy: number) => BigInt(copy * slotBytes);
export const openStore = (device: MemoryDevice | SpyDevice, copy?: number) =>
  MetadataStore.open(device, { now, mode: 'write', copy });

export async function failure(promise: Promise<unknown>): Promise<CommitError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommitError);
  return error as CommitError;
}

export const electedSequence = async (device: MemoryDevice) =>
  (await examineDevice(device, { now: drawnNow })).elections.ours?.sequence;

/** What a commit issued, as text: d = disarm, w = write, groups by bars. */
export const issued = (spy: SpyDevice) =>
  spy.groups
    .map((group) =>
      group
        .map(({ offset, bytes }) => `${bytes.length === 512 ? 'd' : 'w'}${offset / BigInt(slotBytes)}`)
        .join(' '),
    )
    .join(' | ');
