// Room: store, pure part. What the kernel module would make of this spare although its copies are as they should be.
import type { Sector } from '../../base/units.js';
import { isPending } from '../../format/entry.js';
import type { RemapEntry } from '../../format/structure.js';
import type { ValidSlot } from '../table/copies.js';
import { listOf, pick } from '../table/phrases.js';
import { effectiveEntries } from '../table/table.js';
import { brokenBlocks } from '../table/whole-blocks.js';
import { type CopyLint, copyLint } from './lint.js';
import type { Admission } from './module-admission.js';

/** What the module is judged by. */
export interface ModuleLintInput {
  /** Our elected copy. */
  readonly ours: ValidSlot | null;
  /** The copy whose table is shown. */
  readonly shown: ValidSlot | null;
  /** Null where nothing is known. */
  readonly admission: Admission | null;
  /** Bytes of a logical block of the spare at hand; undefined where there is none, as for a file. */
  readonly blockBytes?: number | undefined;
}

/** Warnings: the metadata is no worse for any of them. */
export function moduleLints(input: ModuleLintInput): CopyLint[] {
  return [...refusals(input), ...pendingEntries(input), ...unalignedEntries(input)];
}

function refusals({ ours, admission }: ModuleLintInput): CopyLint[] {
  if (ours === null || admission === null || admission.accepts) return [];
  return [copyLint('module-refuses', [ours.copy], admission.reasons.join(' '))];
}

/** The originals of the PENDING entries in force: a running target may not use them before its next load. */
export const pendingOriginals = (shown: ValidSlot): Sector[] =>
  inForce(shown)
    .filter(isPending)
    .map(({ originalSector }) => originalSector);

/** As `test_remap` leaves an entry, and as the module has written every one that it has made since its last load (format.md section 5). */
function pendingEntries({ shown }: ModuleLintInput): CopyLint[] {
  if (shown === null) return [];
  const pending = pendingOriginals(shown);
  if (pending.length === 0) return [];
  const message =
    `Copy ${shown.copy} has ${pending.length} PENDING ${pick(pending.length, 'entry', 'entries')} ` +
    `(original ${pick(pending.length, 'sector', 'sectors')} ${originalsOf(pending)}): the kernel module uses ` +
    `${pick(pending.length, 'it', 'them')} only after its next load, and that hides what was written to main before.`;
  return [copyLint('pending-entries', [shown.copy], message)];
}

/** Where blocks are larger than sectors the module uses the first of a block alone, and our own target takes no such table. */
function unalignedEntries({ shown, blockBytes = 512 }: ModuleLintInput): CopyLint[] {
  if (shown === null || blockBytes <= 512) return [];
  const blockSectors = blockBytes / 512;
  const broken = brokenBlocks(shown.slot.entries, BigInt(blockSectors));
  if (broken.length === 0) return [];
  const message =
    `The device has logical blocks of ${blockBytes} bytes, and ${broken.length} ${pick(broken.length, 'entry', 'entries')} of copy ` +
    `${shown.copy} (original ${pick(broken.length, 'sector', 'sectors')} ${originalsOf(broken)}) ${pick(broken.length, 'is', 'are')} ` +
    `no whole group of ${blockSectors}: the kernel module uses no entry whose original is no multiple of ${blockSectors}.`;
  return [copyLint('unaligned-entries', [shown.copy], message)];
}

function inForce({ slot: { entries } }: ValidSlot): RemapEntry[] {
  const effective = effectiveEntries(entries);
  return entries.filter((_, index) => effective[index]);
}

const listed = 3;

/** The first of them, and how many more. */
function originalsOf(originals: readonly Sector[]): string {
  const first = originals.slice(0, listed).map(String);
  const more = originals.length - first.length;
  return listOf(more > 0 ? [...first, `${more} more`] : first);
}
