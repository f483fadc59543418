// Room: store. Reading what somebody else may be writing: the kernel module holds a live spare, and readers do not ask it for
// leave. Each copy has a checksum, but five copies read in turn can be of two tables; so they are read until two readings in
// a row are the same.
import { setTimeout as delay } from 'node:timers/promises';
import type { Device } from '../../device/device.js';
import type { SlotRead } from '../../format/damage.js';
import { structureBytes } from '../../format/structure.js';

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
 * Reads what we do not hold ourselves again until nothing has changed, 6 times at most. `same` compares two readings.
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

/** What we hold ourselves, open for writing, nobody else changes. A lock says nothing: `dd` asks for none. */
const mayChange = ({ info }: Device): boolean => !info.writable && info.kind !== 'memory';

/** Whether the structures are the same: behind them remapped sectors may have their data, which changes all the time. */
export const sameSlots = (a: readonly SlotRead[], b: readonly SlotRead[]): boolean =>
  a.every((slot, at) => {
    const other = b[at];
    if (slot.kind !== 'bytes' || other?.kind !== 'bytes') return slot.kind === other?.kind;
    return sameStructure(slot.bytes, other.bytes);
  });

/** Whether two slots, or what there is of them, hold the same structure. */
export const sameStructure = (a: Uint8Array, b: Uint8Array): boolean =>
  Buffer.compare(a.subarray(0, structureBytes), b.subarray(0, structureBytes)) === 0;
