// Room: recovery, pure part. In which order a region is put back, so that a crash at any moment loses nothing: what is left
// then is what was there, what is put back, or slots that are disarmed; and the same again goes on from there.
//
//   of a slot     1. its first block is zeroed   2. everything else   3. its first block
//                 each durable before the next: no mixture of two copies can ever be valid, whatever the bytes are
//   of the slots  one at a time; first those that no election needs now, and of these first those that will be elected;
//                 then those of the table in force, of which one is the last but for data, so that a reader finds the one
//                 table or the other
//   of data       (format.md rule 14) what the table that is put back has in the region is there before the last copy of the table in
//                 force goes, and what that one has there stays until then, as far as there are slots to do it with
import { byteOffset, type UnixSeconds } from '../base/units.js';
import type { WriteStep } from '../device/device.js';
import { geometries, touchesMetadata } from '../format/geometry.js';
import { type RemapEntry, slotBytes, structureBytes } from '../format/structure.js';
import { electDriver, electOurs } from '../store/examine/election.js';
import { sameTableOfMain } from '../store/examine/mains.js';
import { readCopies, type SlotCopy } from '../store/table/copies.js';
import { effectiveEntries } from '../store/table/table.js';

const sectorBytes = 512;
/** As far as a longer request reaches (format.md rule 12). */
const placeSectors = 8n;

interface UndoOptions {
  /** The device writes whole blocks of this. */
  readonly blockBytes: number;
  /** For the module's election. */
  readonly now: UnixSeconds;
  /** Copies that are left as they are: they were not saved. */
  readonly leave: readonly number[];
  /** Copies that cannot be read: all of them is written. */
  readonly unreadable: readonly number[];
}

/** The writes that turn one region into the other, group by group. Both have the same length. */
export function undoGroups(
  found: Uint8Array,
  target: Uint8Array,
  options: UndoOptions,
): readonly (readonly WriteStep[])[] {
  const { leave, unreadable, blockBytes } = options;
  const slots = slotOrder(found, target, options).filter((copy) => !leave.includes(copy));
  const end =
    geometries.driver.slots.filter((slot) => Number(slot) + slotBytes <= found.length).length * slotBytes;
  return [
    ...slots.flatMap((copy) => slotGroups(found, target, copy, unreadable.includes(copy), blockBytes)),
    //  Behind the last slot that fits: no copy, and still a part of what was saved.
    piecesOf(found, target, end, found.length, blockBytes),
  ].filter((group) => group.length > 0);
}

function slotGroups(found: Uint8Array, target: Uint8Array, copy: number, all: boolean, block: number) {
  const start = copy * slotBytes;
  const body = start + Math.ceil(structureBytes / block) * block;
  const end = start + slotBytes;
  const inStructure = all || piecesOf(found, target, start, body, block).length > 0;
  if (!inStructure) return [piecesOf(found, target, body, end, block)];
  const first = { offset: byteOffset(start), bytes: target.slice(start, start + block) };
  const rest = all
    ? [{ offset: byteOffset(start + block), bytes: target.slice(start + block, end) }]
    : piecesOf(found, target, start + block, end, block);
  return [[{ ...first, bytes: new Uint8Array(block) }], rest, [first]];
}

/** The blocks from `start` to `end` that differ, those that follow each other as one. */
function piecesOf(
  found: Uint8Array,
  target: Uint8Array,
  start: number,
  end: number,
  block: number,
): WriteStep[] {
  const pieces: { at: number; end: number }[] = [];
  for (let at = start; at < end; at += block) {
    if (Buffer.compare(found.subarray(at, at + block), target.subarray(at, at + block)) === 0) continue;
    const last = pieces.at(-1);
    if (last?.end === at) last.end = at + block;
    else pieces.push({ at, end: at + block });
  }
  return pieces.map((piece) => ({ offset: byteOffset(piece.at), bytes: target.slice(piece.at, piece.end) }));
}

/** The slots that fit, in the order in which they are put back. */
function slotOrder(found: Uint8Array, target: Uint8Array, { now, unreadable }: UndoOptions): number[] {
  const before = copiesIn(found).filter(({ copy }) => !unreadable.includes(copy));
  const after = copiesIn(target).filter(({ slot }) => slot.state !== 'absent');
  const [ours, drivers] = [electOurs(before)?.slot, electDriver(before, now)];
  const wanted = electOurs(after)?.slot;
  const holding = (copies: readonly SlotCopy[], bytes: Uint8Array | undefined) =>
    copies
      .filter(
        ({ slot }) => bytes !== undefined && slot.state === 'valid' && sameTableOfMain(slot.bytes, bytes),
      )
      .map(({ copy }) => copy);
  const inForce = holding(before, ours?.bytes);
  const ofDriver = holding(before, drivers?.bytes);
  const becomes = holding(after, wanted?.bytes);
  const brings = slotsWithData(wanted?.entries, found, target);
  const takes = slotsWithData(ours?.entries, found, target).filter((copy) => !brings.includes(copy));
  const [firstOver] = inForce.filter((copy) => becomes.includes(copy));
  //  What takes data waits, where the other table can be put in force without it.
  const canWait = becomes.some(
    (copy) => !takes.includes(copy) && (inForce.length > 1 || !inForce.includes(copy)),
  );
  const rank = (copy: number): number => {
    if (inForce.includes(copy)) {
      if (copy === firstOver) return 4;
      if (brings.includes(copy)) return 5;
      return becomes.includes(copy) ? 6 : 7;
    }
    if (canWait && takes.includes(copy)) return 8;
    return (ofDriver.includes(copy) ? 2 : 0) + (becomes.includes(copy) ? 0 : 1);
  };
  return after.map(({ copy }) => copy).sort((a, b) => rank(a) - rank(b) || a - b);
}

/** The slots in which the region that a table has its data in is not the same in both, with the rest of longer requests. */
function slotsWithData(
  entries: readonly RemapEntry[] = [],
  found: Uint8Array,
  target: Uint8Array,
): readonly number[] {
  const effective = effectiveEntries(entries);
  const sectors = entries
    .filter(
      ({ spareSector }, at) => effective[at] && touchesMetadata(geometries.driver, spareSector, placeSectors),
    )
    .flatMap(({ spareSector }) =>
      Array.from({ length: Number(placeSectors) }, (_, at) => Number(spareSector) + at),
    );
  const differing = sectors.filter((at) => {
    const part = (region: Uint8Array) => region.subarray(at * sectorBytes, (at + 1) * sectorBytes);
    return Buffer.compare(part(found), part(target)) !== 0;
  });
  return [...new Set(differing.map((at) => Math.floor((at * sectorBytes) / slotBytes)))];
}

export const copiesIn = (region: Uint8Array): SlotCopy[] =>
  readCopies(
    geometries.driver,
    geometries.driver.slots.map((slot) => ({
      kind: 'bytes',
      bytes: region.subarray(Number(slot), Number(slot) + slotBytes),
    })),
    BigInt(region.length),
  );
