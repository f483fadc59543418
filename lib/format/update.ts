// Room: format. One update of a copy whose bytes are known: which bytes change, and the checksum from the change alone.
// What comes out is what `encodeCopy` would make, byte for byte, without looking at the rest of the structure.
import { putU32, u32At } from '../base/bytes.js';
import { checksumDelta } from './checksum.js';
import { viewOf } from './layout.js';
import { entriesBytes, headerOf, type Metadata } from './metadata.js';
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
  /** Rising. */
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
  for (const index of newlyCleared(from, to, end)) {
    const entry = entriesOffset + index * entryBytes;
    change(entry, entriesBytes(from, index, index + 1), entriesBytes(to, index, index + 1));
  }
  return { changes, delta };
}

/** Ghosts behind both tables that only the second has given up: rising. */
function newlyCleared(from: Metadata, to: Metadata, end: number): number[] {
  if (to.cleared === undefined || to.cleared === from.cleared) return [];
  return [...to.cleared].filter((index) => index >= end && !from.cleared?.has(index)).sort((a, b) => a - b);
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
  const difference = new Uint8Array(before.length);
  for (let at = 0; at < difference.length; at += 1)
    difference[at] = (before[at] as number) ^ (after[at] as number);
  return difference;
}

const copyIndexEnd = copyIndexOffset + 4;

//  What one update leads to is what the next one leads from.
const headers = new WeakMap<Metadata, Uint8Array>();

function headerBytes(metadata: Metadata): Uint8Array {
  const known = headers.get(metadata);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(entriesOffset);
  headerLayout.write(viewOf(bytes), 0, headerOf(metadata));
  headers.set(metadata, bytes);
  return bytes;
}

/**
 * What has to be written to a slot to bring an update to it: whole blocks, those that follow each other as one piece.
 * @param slot what the slot holds now, 131,072 bytes; it is not changed.
 * @param blockBytes a multiple of the device's logical block, 512 or more.
 * @param room where the pieces are made: all of it is written.
 */
export function piecesOf(
  update: Update,
  slot: Uint8Array,
  copyIndex: number,
  blockBytes: number,
  room: (length: number) => Uint8Array = (length) => new Uint8Array(length),
): Piece[] {
  return runsOf(update.changes, blockBytes).map(({ first, end, changes }) => {
    const offset = first * blockBytes;
    const bytes = room((end - first) * blockBytes);
    bytes.set(slot.subarray(offset, end * blockBytes));
    for (const { offset: at, after } of changes) bytes.set(after, at - offset);
    if (first === 0) {
      putU32(bytes, checksumOffset, u32At(slot, checksumOffset) ^ update.delta ^ indexDelta(slot, copyIndex));
      putU32(bytes, copyIndexOffset, copyIndex);
    }
    return { offset, bytes };
  });
}

/** What another copy index does to the checksum. Mostly it is the same one. */
function indexDelta(slot: Uint8Array, copyIndex: number): number {
  const difference = new Uint8Array(4);
  putU32(difference, 0, u32At(slot, copyIndexOffset) ^ copyIndex);
  return u32At(difference, 0) === 0 ? 0 : checksumDelta(copyIndexOffset, difference);
}

/** Blocks that follow each other, and what changes in them. */
interface BlockRun {
  readonly first: number;
  end: number;
  readonly changes: Change[];
}

/** Those of rising changes. The first change is in block 0, and so are copy index and checksum. */
function runsOf(changes: readonly Change[], blockBytes: number): BlockRun[] {
  const runs: BlockRun[] = [];
  for (const change of changes) {
    const first = Math.floor(change.offset / blockBytes);
    const end = Math.ceil((change.offset + change.after.length) / blockBytes);
    const last = runs.at(-1);
    if (last !== undefined && first <= last.end) {
      last.end = Math.max(last.end, end);
      last.changes.push(change);
    } else runs.push({ first, end, changes: [change] });
  }
  return runs;
}
