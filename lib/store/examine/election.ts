// Room: store, pure part. Which copy wins, by the module's rules and by ours, and what makes a win doubtful
// (format sections 4 and 6). No I/O and no clock, so that a test can draw every disk.
import { type Sequence, sequence, type UnixSeconds, u64Max, unixSeconds } from '../../base/units.js';
import type { DamagedCopy, DecodedSlot, ValidCopy } from '../../format/codec.js';
import { driverVerdict, isFromFuture } from '../../format/driver.js';
import { type Header, readHeader } from '../../format/structure.js';
import { numbersOf, type SlotCopy, type ValidSlot, validCopies } from '../table/copies.js';
import { sameButIndex, sameTable } from '../table/table.js';

/** The copy that the module takes. Its bytes are raw: it may accept what to us is foreign. */
export interface DriverWinner {
  readonly copy: number;
  readonly sequenceNumber: Sequence;
  readonly timestampSeconds: UnixSeconds;
  /** The whole slot, 131,072 bytes. */
  readonly bytes: Uint8Array;
}

/**
 * The module's election at the clock `now` (format.md section 4): the highest sequence, then the highest timestamp, then the
 * lowest copy. It starts from 0 and 0 and compares strictly, so a copy with both 0 never wins.
 * @param copies lowest number first.
 */
export function electDriver(copies: readonly SlotCopy[], now: UnixSeconds): DriverWinner | null {
  let winner: DriverWinner | null = null;
  let best: Rank = { sequenceNumber: sequence(0), timestampSeconds: unixSeconds(0) };
  for (const { copy, slot } of copies) {
    if (slot.state === 'absent' || slot.bytes === null || driverVerdict(slot, now) !== null) continue;
    const { sequenceNumber, timestampSeconds } = headerOf(slot, slot.bytes);
    if (!outranks({ sequenceNumber, timestampSeconds }, best)) continue;
    winner = { copy, sequenceNumber, timestampSeconds, bytes: slot.bytes };
    best = winner;
  }
  return winner;
}

/**
 * Our election (format.md rule 2): the same order among valid copies, but a copy from the future is not dropped and
 * one with sequence and timestamp 0 can win.
 * @param copies lowest number first.
 */
export function electOurs(copies: readonly SlotCopy[]): ValidSlot | null {
  let winner: ValidSlot | null = null;
  for (const valid of validCopies(copies)) {
    if (winner === null || outranks(valid.slot.header, winner.slot.header)) winner = valid;
  }
  return winner;
}

interface Rank {
  readonly sequenceNumber: Sequence;
  readonly timestampSeconds: UnixSeconds;
}

const outranks = (a: Rank, b: Rank): boolean =>
  a.sequenceNumber === b.sequenceNumber
    ? a.timestampSeconds > b.timestampSeconds
    : a.sequenceNumber > b.sequenceNumber;

/** Whether both elections come to the same table: the same copy, two copies with one table, or nobody. */
export function electionsAgree(driver: DriverWinner | null, ours: ValidSlot | null): boolean {
  if (driver === null || ours === null) return driver === ours;
  return driver.copy === ours.copy || sameTable(driver.bytes, ours.slot.bytes);
}

/** Valid copies of one sequence that are not one and the same. */
interface Fork {
  readonly sequenceNumber: Sequence;
  /** All valid copies of this sequence. */
  readonly copies: readonly number[];
}

/**
 * Sequences of which two valid copies differ in more than copy index and checksum (format.md rule 2). A timestamp
 * that differs makes a fork too: an election has a winner then, and still somebody's table is lost.
 */
export function forks(copies: readonly SlotCopy[]): Fork[] {
  return [...bySequence(copies)]
    .filter(
      ([, [first, ...others]]) =>
        first && others.some((other) => !sameButIndex(first.slot.bytes, other.slot.bytes)),
    )
    .map(([sequenceNumber, members]) => ({ sequenceNumber, copies: numbersOf(members) }));
}

/** The valid copies by sequence, in the order in which their first copy lies on disk. */
export function bySequence(copies: readonly SlotCopy[]): Map<Sequence, ValidSlot[]> {
  const groups = new Map<Sequence, ValidSlot[]>();
  for (const valid of validCopies(copies)) {
    const { sequenceNumber } = valid.slot.header;
    const group = groups.get(sequenceNumber);
    if (group === undefined) groups.set(sequenceNumber, [valid]);
    else group.push(valid);
  }
  return groups;
}

/**
 * The valid copies that have a lower sequence than another valid copy and yet a newer timestamp: the module has
 * restarted its counter, and an older table outranks the newer one (format.md rule 2). Copies from the future take
 * no part on either side, but for one case: an empty table above one that is not is what a wipe leaves half-way, by a
 * host whose clock is behind.
 */
export function regressions(copies: readonly SlotCopy[], now: UnixSeconds): number[] {
  const valid = validCopies(copies);
  const isPresent = ({ slot }: ValidSlot) => !isFromFuture(slot.header.timestampSeconds, now);
  const isEmpty = ({ slot }: ValidSlot) => slot.header.activeRemaps === 0;
  const regressed = valid.filter((one) =>
    valid
      .filter(isPresent)
      .some(
        (other) =>
          one.slot.header.sequenceNumber < other.slot.header.sequenceNumber &&
          one.slot.header.timestampSeconds > other.slot.header.timestampSeconds &&
          (isPresent(one) || (isEmpty(other) && !isEmpty(one))),
      ),
  );
  return numbersOf(regressed);
}

const endOfTime = unixSeconds(u64Max);

/**
 * The sequence that the next commit has to rise above (format.md rule 6): the highest of any copy whose magic, version
 * and checksum hold. Count, health and clock play no part, since such a copy may be accepted one day. 0 without any.
 */
export function nextSequenceBase(copies: readonly SlotCopy[]): Sequence {
  let highest = sequence(0);
  for (const { slot } of copies) {
    const sealed = sealedHeader(slot);
    if (sealed === null) continue;
    const { sequenceNumber } = sealed;
    if (sequenceNumber > highest) highest = sequenceNumber;
  }
  return highest;
}

/**
 * The timestamp of a commit (format.md rule 6): never one that the module would reject at our own clock, and never one that
 * goes back without need, as an interrupted commit would then look like a restarted counter.
 * @param replaced that of the table that is replaced.
 */
export const commitTimestamp = (replaced: UnixSeconds, now: UnixSeconds): UnixSeconds =>
  replaced > now && !isFromFuture(replaced, now) ? replaced : now;

/** The header of a copy whose magic, version and checksum hold, valid or not: somebody has meant to write it. */
export function sealedHeader(slot: DecodedSlot): Header | null {
  if (slot.state === 'absent' || slot.bytes === null) return null;
  const rejects = driverVerdict(slot, endOfTime);
  if (rejects !== null && rejects !== 'count' && rejects !== 'health') return null;
  return headerOf(slot, slot.bytes);
}

/** As decoded; of a foreign layout that the module accepts as the module reads it. */
const headerOf = (slot: ValidCopy | DamagedCopy, bytes: Uint8Array): Header =>
  slot.header ?? readHeader(bytes);
