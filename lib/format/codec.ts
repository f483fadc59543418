// Room: format. Bytes to values. Decoding never throws on bytes from disk, never guesses, and never allocates
// following a number on disk: every slot yields a decoded copy or a named damage (format.md rule 1).
import { joinBytes } from '../base/bytes.js';
import { argumentError } from '../base/errors.js';
import { structureChecksum } from './checksum.js';
import type { Damage, SlotRead } from './damage.js';
import { entryAt } from './entry.js';
import { foreignLayout } from './foreign.js';
import { viewOf } from './layout.js';
import {
  entriesOffset,
  entryBytes,
  formatVersion,
  type Header,
  maxEntries,
  maxHealthScore,
  metadataMagic,
  type RemapEntry,
  readHeader,
  slotBytes,
  structureBytes,
  trailerOffset,
} from './structure.js';

/** An entry at or beyond activeRemaps that is not all zero: left behind when a table shrank (format.md section 5). */
export interface Ghost {
  /** Place in the table, activeRemaps to 2047. */
  readonly index: number;
  readonly entry: RemapEntry;
}

/** A copy whose magic, version, checksum, count and health hold. The clock plays no part. */
export interface ValidCopy {
  readonly state: 'valid';
  readonly header: Header;
  /** The table: entries 0 to activeRemaps - 1, duplicates and all. */
  readonly entries: readonly RemapEntry[];
  readonly ghosts: readonly Ghost[];
  readonly computed: number;
  /** The whole slot, 131,072 bytes, ours alone. Never written to. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A copy that cannot be used, and why. */
export interface DamagedCopy {
  readonly state: 'damaged';
  readonly damage: Damage;
  /** As read; null where the damage is unreadable, blank, foreign or magic. */
  readonly header: Header | null;
  /** What the checksum would have to be; null where the header is. */
  readonly computed: number | null;
  /** The slot as in a valid copy; null only where it is unreadable. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** A slot that the device has no room for. */
interface AbsentCopy {
  readonly state: 'absent';
}

/** What a slot holds. */
export type DecodedSlot = ValidCopy | DamagedCopy | AbsentCopy;

/** Decodes what reading a slot gave. */
export function decodeSlot(read: SlotRead): DecodedSlot {
  switch (read.kind) {
    case 'absent':
      return { state: 'absent' };
    case 'unreadable': {
      const damage = { fault: 'unreadable', errno: read.errno } as const;
      return { state: 'damaged', damage, header: null, computed: null, bytes: null };
    }
    case 'bytes':
      return decodeCopy(read.bytes);
  }
}

/**
 * Decodes the bytes of a slot. They are copied first, so the caller's buffer may be used again.
 * @param slot 84,288 bytes or more; what is missing of 131,072 counts as zero, what is beyond is not looked at.
 * @throws RangeError ERR_OUT_OF_RANGE where `slot` is shorter: such a slot is the reader's to name absent.
 */
export function decodeCopy(slot: Uint8Array): ValidCopy | DamagedCopy {
  if (slot.length < structureBytes) {
    throw argumentError('ERR_OUT_OF_RANGE', `a slot is at least ${structureBytes} bytes, not ${slot.length}`);
  }
  const given = slot.subarray(0, slotBytes);
  const bytes = joinBytes(given, zeros.subarray(0, slotBytes - given.length));
  const unread = (damage: Damage): DamagedCopy => ({
    state: 'damaged',
    damage,
    header: null,
    computed: null,
    bytes,
  });

  if (isBlank(bytes)) return unread({ fault: 'blank' });
  const layout = foreignLayout(bytes);
  if (layout !== null) return unread({ fault: 'foreign', layout });
  const magic = viewOf(bytes).getUint32(0, true);
  if (magic !== metadataMagic) return unread({ fault: 'magic', found: magic });

  const header = readHeader(bytes);
  const computed = structureChecksum(bytes);
  const damage = damageOf(header, computed);
  if (damage !== null) return { state: 'damaged', damage, header, computed, bytes };

  const { activeRemaps } = header;
  const entries = entriesOf(bytes, activeRemaps);
  return { state: 'valid', header, entries, ghosts: ghostsOf(bytes, activeRemaps), computed, bytes };
}

function damageOf(header: Header, computed: number): Damage | null {
  const { version, checksum: stored, activeRemaps, healthScore } = header;
  if (version !== formatVersion) return { fault: 'version', found: version };
  // Nothing below this line is believed before the checksum holds.
  if (stored !== computed) return { fault: 'checksum', stored, computed };
  if (activeRemaps > maxEntries) return { fault: 'count', found: activeRemaps };
  if (healthScore > maxHealthScore) return { fault: 'health', found: healthScore };
  return null;
}

const zeros = new Uint8Array(structureBytes);

const isBlank = (slot: Uint8Array): boolean => Buffer.compare(zeros, slot.subarray(0, structureBytes)) === 0;

function entriesOf(bytes: Uint8Array, count: number): RemapEntry[] {
  const view = viewOf(bytes);
  const entries: RemapEntry[] = [];
  for (let index = 0; index < count; index += 1)
    entries.push(entryAt(view, entriesOffset + index * entryBytes));
  return entries;
}

function ghostsOf(bytes: Uint8Array<ArrayBuffer>, activeRemaps: number): Ghost[] {
  const ghosts: Ghost[] = [];
  // As a rule there are none, and one comparison tells.
  const behind = bytes.subarray(entriesOffset + activeRemaps * entryBytes, trailerOffset);
  if (Buffer.compare(zeros.subarray(0, behind.length), behind) === 0) return ghosts;
  const view = viewOf(bytes);
  for (let index = activeRemaps; index < maxEntries; index += 1) {
    const start = entriesOffset + index * entryBytes;
    if (!isZeroEntry(view, start)) ghosts.push({ index, entry: entryAt(view, start) });
  }
  return ghosts;
}

function isZeroEntry(view: DataView, start: number): boolean {
  for (let at = start; at < start + entryBytes; at += 4) if (view.getUint32(at, true) !== 0) return false;
  return true;
}
