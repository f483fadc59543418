// Tables that were emptied or cut: entries are left behind the count, inside a checksum that holds.
import { entriesOffset, entryBytes } from '../../lib/format/structure.js';
import { drawnNow, drawSlot, patchSlot, u32Bytes } from './disk.js';

/** When a cut table was written, in nanoseconds. */
export const timeOfTable = BigInt(drawnNow) * 1_000_000_000n;

/** An entry that is left behind. */
export interface Left {
  readonly original: bigint;
  readonly spare: bigint;
  /** Default: the time of the table. */
  readonly time?: bigint;
  readonly flags?: number;
  readonly padding?: number;
}

/** A slot whose table was cut to its first `count` entries; the rest are ghosts. */
export function cutSlot(count: number, entries: readonly Left[], sequence = 3n): Uint8Array<ArrayBuffer> {
  const remaps = entries.map(({ original, spare }) => [original, spare] as const);
  let slot = drawSlot({ sequence, remaps });
  for (const [index, { time = timeOfTable, flags = 2, padding = 0 }] of entries.entries()) {
    const at = entriesOffset + index * entryBytes;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(time);
    slot = patchSlot(slot, at + 16, [...bytes], false);
    slot = patchSlot(slot, at + 34, [flags & 0xff, flags >> 8, ...u32Bytes(padding)], false);
  }
  return patchSlot(slot, 296, u32Bytes(count));
}
