// Room: store, pure part. What may be wrong with the copies: damage, age, order, and the clock.
import type { Sector, UnixSeconds } from '../../base/units.js';
import { isFromFuture } from '../../format/driver.js';
import { structureBytes } from '../../format/structure.js';
import { numbersOf, type SlotCopy, type ValidSlot, validCopies } from '../table/copies.js';
import { clausesFor, copiesText, damageText, listOf, pick, sentence } from '../table/phrases.js';
import { sameButIndex } from '../table/table.js';
import { bySequence, forks, regressions } from './election.js';
import { type CopyLint, copyLint } from './lint.js';
import { mainsInConflict, mainsText } from './mains.js';
import { byName, type Stranger, strangerClauses } from './strangers.js';

/** What the copies are judged by. */
export interface CopyLintInput {
  readonly copies: readonly SlotCopy[];
  /** Our elected copy. */
  readonly ours: ValidSlot | null;
  /** The copy whose table is shown. */
  readonly shown: ValidSlot | null;
  readonly now: UnixSeconds;
  /** Marks of what is not ours. */
  readonly marks: readonly Stranger[];
  /** The size of the spare at hand; undefined where there is none, as for an image of the metadata region. */
  readonly deviceSectors?: Sector | undefined;
}

/** The lints about copies, gravest kind first. */
export function copyLints(input: CopyLintInput): CopyLint[] {
  return [
    ...otherMain(input),
    ...damagedCopies(input),
    ...foreignSignatures(input),
    ...sizeMismatch(input),
    ...misdirectedCopies(input),
    ...sequenceLints(input),
    ...clockLints(input),
    ...staleCopies(input),
    ...structureSizes(input),
    ...missingCopies(input),
    ...notes(input),
  ];
}

/** format.md rule 2. All valid copies are listed: nothing tells which of them are strangers. */
function otherMain({ copies }: CopyLintInput): CopyLint[] {
  const mains = mainsInConflict(copies);
  if (mains.length === 0) return [];
  const message =
    `${mainsText(mains)}: no election tells which of these this spare belongs to. ` +
    `A main device that was resized, or a restore that was interrupted, looks the same`;
  return [copyLint('other-main', numbersOf(validCopies(copies)), sentence(message))];
}

function damagedCopies({ copies }: CopyLintInput): CopyLint[] {
  const damaged = copies.flatMap(({ copy, slot }) =>
    slot.state === 'damaged' ? [{ copy, text: damageText(slot.damage) }] : [],
  );
  const nothingThere = copies.every(
    ({ slot }) => slot.state === 'absent' || (slot.state === 'damaged' && slot.damage.fault === 'blank'),
  );
  if (damaged.length === 0 || nothingThere) return [];
  const numbers = damaged.map(({ copy }) => copy);
  return [copyLint('damaged-copies', numbers, sentence(clausesFor(damaged).join('; ')))];
}

/** Each kind of data once, with the copies in whose slots it shows. */
function foreignSignatures({ marks }: CopyLintInput): CopyLint[] {
  return [...byName(marks).values()].map((found) => {
    const copies = [...new Set(found.flatMap((mark) => mark.copies))].sort((a, b) => a - b);
    const where =
      copies.length === 0 ? '' : `, in the ${pick(copies.length, 'slot', 'slots')} of ${copiesText(copies)}`;
    return copyLint(
      'foreign-signature',
      copies,
      sentence(`the device holds ${strangerClauses(found)}${where}`),
    );
  });
}

function sizeMismatch({ shown, deviceSectors }: CopyLintInput): CopyLint[] {
  if (shown === null || deviceSectors === undefined) return [];
  const { spareDeviceSectors } = shown.slot.header;
  if (spareDeviceSectors === deviceSectors) return [];
  const message =
    `Copy ${shown.copy} was written for a spare of ${spareDeviceSectors} sectors, ` +
    `but the device at hand has ${deviceSectors}.`;
  return [copyLint('size-mismatch', [shown.copy], message)];
}

/**
 * A copy that says another number than its slot's, where copies of its sequence disagree (format.md rule 3). In a fork each
 * side was written by somebody else, so each is judged by itself.
 */
function misdirectedCopies({ copies }: CopyLintInput): CopyLint[] {
  //  One number in all of them proves nothing: the module carries that of the copy it restored into all five.
  const misdirected = [...bySequence(copies).values()]
    .flatMap(sidesOf)
    .filter((side) => new Set(side.map(({ slot }) => slot.header.copyIndex)).size > 1)
    .flatMap((side) => side.filter(({ copy, slot }) => slot.header.copyIndex !== copy))
    .sort((a, b) => a.copy - b.copy);
  if (misdirected.length === 0) return [];
  const texts = misdirected.map(
    ({ copy, slot }) =>
      `the slot of copy ${copy} holds a copy that says it is number ${slot.header.copyIndex}`,
  );
  return [copyLint('misdirected-copy', numbersOf(misdirected), sentence(listOf(texts)))];
}

/** Copies that hold one and the same structure, together. Where there is no fork, that is all of them. */
function sidesOf(group: readonly ValidSlot[]): ValidSlot[][] {
  const sides: ValidSlot[][] = [];
  for (const copy of group) {
    const side = sides.find(
      ([first]) => first !== undefined && sameButIndex(first.slot.bytes, copy.slot.bytes),
    );
    if (side === undefined) sides.push([copy]);
    else side.push(copy);
  }
  return sides;
}

function sequenceLints({ copies, now }: CopyLintInput): CopyLint[] {
  const lints: CopyLint[] = [];
  const regressed = regressions(copies, now);
  if (regressed.length > 0) {
    const message =
      `${copiesText(regressed)} ${pick(regressed.length, 'has', 'have')} a lower sequence but a newer timestamp ` +
      `than another valid copy: an older table outranks a newer one`;
    lints.push(copyLint('sequence-regression', regressed, sentence(message)));
  }
  for (const fork of forks(copies)) {
    const message =
      `${copiesText(fork.copies)} share sequence ${fork.sequenceNumber} but differ: ` +
      `nothing tells which of them was meant`;
    lints.push(copyLint('fork', fork.copies, sentence(message)));
  }
  return lints;
}

function clockLints({ copies, now }: CopyLintInput): CopyLint[] {
  const valid = validCopies(copies);
  const lints: CopyLint[] = [];
  const future = numbersOf(valid.filter(({ slot }) => isFromFuture(slot.header.timestampSeconds, now)));
  if (future.length > 0) {
    const message =
      `${copiesText(future)} ${pick(future.length, 'is', 'are')} dated more than a day after now ` +
      `(${now}): the module rejects ${pick(future.length, 'it', 'them')}`;
    lints.push(copyLint('future-timestamp', future, sentence(message)));
  }
  const newer = valid.filter(({ slot }) => slot.header.timestampSeconds > now);
  if (newer.length > 0) {
    const newest = newer.map(({ slot }) => slot.header.timestampSeconds).reduce((a, b) => (a > b ? a : b));
    const message =
      `The clock (${now}) is ${newest - now} s behind the newest copy (${newest}); ` +
      `a clock more than a day behind makes the module overwrite everything.`;
    lints.push(copyLint('clock-behind', numbersOf(newer), message));
  }
  return lints;
}

function staleCopies({ copies, ours }: CopyLintInput): CopyLint[] {
  if (ours === null) return [];
  const { sequenceNumber } = ours.slot.header;
  const stale = validCopies(copies).filter(({ slot }) => slot.header.sequenceNumber < sequenceNumber);
  if (stale.length === 0) return [];
  const message =
    `${copiesText(numbersOf(stale))} ${pick(stale.length, 'has', 'have')} a lower sequence than copy ${ours.copy}: ` +
    `${listOf([...new Set(stale.map(({ slot }) => `${slot.header.sequenceNumber}`))])} instead of ${sequenceNumber}`;
  return [copyLint('stale-copies', numbersOf(stale), sentence(message))];
}

function structureSizes({ copies }: CopyLintInput): CopyLint[] {
  const other = validCopies(copies).filter(({ slot }) => slot.header.structureSize !== structureBytes);
  if (other.length === 0) return [];
  const sizes = [...new Set(other.map(({ slot }) => slot.header.structureSize))];
  const message =
    `${copiesText(numbersOf(other))} ${pick(other.length, 'says', 'say')} that the structure has ` +
    `${listOf(sizes)} bytes instead of ${structureBytes}`;
  return [copyLint('structure-size', numbersOf(other), sentence(message))];
}

function missingCopies({ copies }: CopyLintInput): CopyLint[] {
  const missing = numbersOf(copies.filter(({ slot }) => slot.state === 'absent'));
  if (missing.length === 0 || missing.length === copies.length) return [];
  const message = `${copiesText(missing)} ${pick(missing.length, 'does', 'do')} not fit the device`;
  return [copyLint('missing-copies', missing, sentence(message))];
}

function notes({ ours, shown }: CopyLintInput): CopyLint[] {
  const lints: CopyLint[] = [];
  const ghosts = shown?.slot.ghosts.length ?? 0;
  if (shown !== null && ghosts > 0) {
    const message =
      `Copy ${shown.copy} holds ${ghosts} ${pick(ghosts, 'entry', 'entries')} of an earlier table behind its ` +
      `${shown.slot.header.activeRemaps} active ones.`;
    lints.push(copyLint('ghosts', [shown.copy], message));
  }
  if (ours !== null && ours.slot.header.sequenceNumber > 1n) {
    const message =
      `Copy ${ours.copy} has sequence ${ours.slot.header.sequenceNumber}, but the module starts again at 2 after ` +
      `each load: hand over before it takes this spare, or an old table may win later.`;
    lints.push(copyLint('handover', [ours.copy], message));
  }
  return lints;
}
