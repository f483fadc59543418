// Room: store. Reading what somebody else may be writing: the kernel module holds a live spare, and readers do not ask it for
// leave. Each copy has a checksum, but five copies read in turn can be of two tables; so they are read until two readings in
// a row are the same.
import { setTimeout as delay } from 'node:timers/promises';
import type { Device } from '../device/device.js';
import { isHeldFile } from '../device/holder.js';
import type { DecodedSlot } from '../format/codec.js';
import { structureBytes } from '../format/structure.js';
import type { SlotCopy } from './copies.js';

/** What is known about the time in which something was read. */
export interface Reading {
  /** Two readings differed: somebody writes. */
  readonly changedWhileRead: boolean;
  /** The last two differed too: what was read may be of two moments. */
  readonly stillChanging: boolean;
}

export const quietReading: Reading = { changedWhileRead: false, stillChanging: false };

//  The module writes its five copies in milliseconds, and not again for seconds.
const mostReadings = 6;
const pauseMs = 100;

/**
 * Reads, and where somebody may be writing reads again until nothing has changed, 6 times at most: a block device that we do not
 * hold, a file that is locked or under a loop device. `same` compares two readings.
 */
export async function readSteadily<T>(
  device: Device,
  signal: AbortSignal | undefined,
  read: () => Promise<T>,
  same: (a: T, b: T) => boolean,
): Promise<{ readonly value: T; readonly reading: Reading }> {
  let value = await read();
  if (!mayChange(device)) return { value, reading: quietReading };
  for (let readings = 2; ; readings += 1) {
    const again = await read();
    const settled = same(value, again);
    value = again;
    if (settled || readings === mostReadings) {
      return { value, reading: { changedWhileRead: readings > 2 || !settled, stillChanging: !settled } };
    }
    //  An abort ends the next read, with the error that it has everywhere.
    await delay(pauseMs, undefined, signal && { signal }).catch(() => undefined);
  }
}

/** What we hold ourselves, open for writing, nobody else changes. */
const mayChange = ({ info }: Device): boolean =>
  !info.writable && (info.kind === 'block' || (info.kind === 'file' && isHeldFile(info)));

/** Whether the structures are the same: behind them remapped sectors may have their data, which changes all the time. */
export const sameCopies = (a: readonly SlotCopy[], b: readonly SlotCopy[]): boolean =>
  a.every(({ slot }, copy) => {
    const other = b[copy]?.slot;
    return other !== undefined && sameSlot(slot, other);
  });

function sameSlot(a: DecodedSlot, b: DecodedSlot): boolean {
  if (a.state === 'absent' || b.state === 'absent') return a.state === b.state;
  if (a.bytes === null || b.bytes === null) return a.bytes === b.bytes;
  return sameStructure(a.bytes, b.bytes);
}

/** Whether two slots, or what there is of them, hold the same structure. */
export const sameStructure = (a: Uint8Array, b: Uint8Array): boolean =>
  Buffer.compare(a.subarray(0, structureBytes), b.subarray(0, structureBytes)) === 0;
