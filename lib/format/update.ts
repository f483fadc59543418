// Room: format. One update of a copy whose bytes are known: which bytes change, and the checksum from the change alone.
// What comes out is what `encodeCopy` would make, byte for byte, without looking at the rest of the structure.
import { checksumDelta } from './checksum.js';
import { viewOf } from './layout.js';
import { entriesBytes, type Metadata } from './metadata.js';
import {
  checksumOffset,
  copyIndexOffset,
  entriesOffset,
  entryBytes,
  headerLayout,
  type RemapEntry,
} from './structure.js';

/** Bytes of a structure that change together. */
interface Change {
  readonly offset: number;
  readonly after: Uint8Array;
}

/** What turns any copy of one metadata into a copy of another: the five differ in copy index and checksum alone. */
export interface Update {
  readonly changes: readonly Change[];
  /** XORed onto the checksum of a copy, whichever of the five it is. */
  readonly delta: number;
}

/** Some of the bytes of a slot, to be written at `offset` within it. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The update that leads from copies of `from` to copies of `to`, which must have been derived from `from`. */
export function updateBetween(from: Metadata, to: Metadata): Update {
  if (from.base !== to.base) throw new Error('an update leads from a metadata to one derived from it');
  const changes: Change[] = [];
  let delta = 0;
  const change = (offset: number, before: Uint8Array, after: Uint8Array) => {
    changes.push({ offset, after });
    delta ^= checksumDelta(offset, differenceOf(before, after));
  };

  const [before, after] = [headerBytes(from), headerBytes(to)];
  change(0, before.subarray(0, checksumOffset), after.subarray(0, checksumOffset));
  // The copy index is the copy's own matter.
  change(copyIndexEnd, before.subarray(copyIndexEnd), after.subarray(copyIndexEnd));

  const [old, next] = [from.entries, to.entries];
  const end = Math.max(old.length, next.length);
  for (let first = samePrefix(old, next, 0); first < end; ) {
    let behind = first + 1;
    while (behind < end && old[behind] !== next[behind]) behind += 1;
    change(
      entriesOffset + first * entryBytes,
      entriesBytes(from, first, behind),
      entriesBytes(to, first, behind),
    );
    first = samePrefix(old, next, behind);
  }
  return { changes, delta };
}

/**
 * Where two tables that are the same from `first` on are that no more. An entry is never changed, only replaced: the same
 * object is the same bytes.
 */
function samePrefix(a: readonly RemapEntry[], b: readonly RemapEntry[], first: number): number {
  const end = Math.min(a.length, b.length);
  let at = first;
  while (at < end && a[at] === b[at]) at += 1;
  return at;
}

/** Old XOR new. */
function differenceOf(before: Uint8Array, after: Uint8Array): Uint8Array {
  const difference = before.slice();
  for (let at = 0; at < difference.length; at += 1)
    difference[at] = (before[at] as number) ^ (after[at] as number);
  return difference;
}

const copyIndexEnd = copyIndexOffset + 4;

function headerBytes({ header, entries }: Metadata): Uint8Array {
  const bytes = new Uint8Array(entriesOffset);
  headerLayout.write(viewOf(bytes), 0, { ...header, activeRemaps: entries.length });
  return bytes;
}

/**
 * What has to be written to a slot to bring an update to it: whole blocks, those that follow each other as one piece.
 * @param slot what the slot holds now, 131,072 bytes; it is not changed.
 * @param blockBytes a multiple of the device's logical block.
 */
export function piecesOf(
  { changes, delta }: Update,
  slot: Uint8Array,
  copyIndex: number,
  blockBytes: number,
): Piece[] {
  const held = viewOf(slot);
  const index = new Uint8Array(4);
  viewOf(index).setUint32(0, copyIndex, true);
  const indexDifference = index.map((byte, at) => byte ^ (slot[copyIndexOffset + at] as number));
  const checksum = new Uint8Array(4);
  const next = held.getUint32(checksumOffset, true) ^ delta ^ checksumDelta(copyIndexOffset, indexDifference);
  viewOf(checksum).setUint32(0, next >>> 0, true);

  const all = [
    ...changes,
    { offset: checksumOffset, after: checksum },
    { offset: copyIndexOffset, after: index },
  ];
  const blocks = new Set<number>();
  for (const { offset, after } of all) {
    const last = Math.floor((offset + after.length - 1) / blockBytes);
    for (let block = Math.floor(offset / blockBytes); block <= last; block += 1) blocks.add(block);
  }
  const pieces: Piece[] = [];
  const rising = [...blocks].sort((a, b) => a - b);
  rising.forEach((block, at) => {
    if (at > 0 && rising[at - 1] === block - 1) return;
    let end = block + 1;
    while (blocks.has(end)) end += 1;
    const offset = block * blockBytes;
    const bytes = slot.slice(offset, end * blockBytes);
    for (const { offset: at, after } of all) {
      if (at < end * blockBytes && offset < at + after.length) placeInto(bytes, after, at - offset);
    }
    pieces.push({ offset, bytes });
  });
  return pieces;
}

/** Lays `part` into `bytes` at `at`, which may be before its start; what reaches over an end is cut off. */
function placeInto(bytes: Uint8Array, part: Uint8Array, at: number): void {
  const skip = Math.max(0, -at);
  bytes.set(part.subarray(skip, Math.max(skip, bytes.length - at)), at + skip);
}
