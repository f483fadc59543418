// Room: store, pure part. What the kernel module would make of this spare although its copies are as they should be.
import { isPending } from '../format/entry.js';
import type { RemapEntry } from '../format/structure.js';
import type { ValidSlot } from './copies.js';
import { type CopyLint, copyLint } from './lint.js';
import type { Admission } from './module-admission.js';
import { effectiveEntries } from './table.js';
import { listOf, pick } from './words.js';

/** What the module is judged by. */
export interface ModuleLintInput {
  /** Our elected copy. */
  readonly ours: ValidSlot | null;
  /** The copy whose table is shown. */
  readonly shown: ValidSlot | null;
  /** Null where nothing is known. */
  readonly admission: Admission | null;
}

/** Warnings: the metadata is no worse for any of them. */
export function moduleLints(input: ModuleLintInput): CopyLint[] {
  return [...refusals(input), ...pendingEntries(input)];
}

function refusals({ ours, admission }: ModuleLintInput): CopyLint[] {
  if (ours === null || admission === null || admission.accepts) return [];
  return [copyLint('module-refuses', [ours.copy], admission.reasons.join(' '))];
}

/** As `test_remap` leaves an entry, and as the module has written every one that it has made since its last load (section 5). */
function pendingEntries({ shown }: ModuleLintInput): CopyLint[] {
  if (shown === null) return [];
  const pending = inForce(shown).filter(isPending);
  if (pending.length === 0) return [];
  const message =
    `Copy ${shown.copy} has ${pending.length} PENDING ${pick(pending.length, 'entry', 'entries')} ` +
    `(original ${pick(pending.length, 'sector', 'sectors')} ${originalsOf(pending)}): the kernel module uses ` +
    `${pick(pending.length, 'it', 'them')} only after its next load, and that hides what was written to main before.`;
  return [copyLint('pending-entries', [shown.copy], message)];
}

function inForce({ slot: { entries } }: ValidSlot): RemapEntry[] {
  const effective = effectiveEntries(entries);
  return entries.filter((_, index) => effective[index]);
}

const listed = 3;

/** The first of them, and how many more. */
function originalsOf(entries: readonly RemapEntry[]): string {
  const first = entries.slice(0, listed).map(({ originalSector }) => `${originalSector}`);
  const more = entries.length - first.length;
  return listOf(more > 0 ? [...first, `${more} more`] : first);
}
