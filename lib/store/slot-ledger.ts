// Room: store. What is known of each slot between commits: its role, its bytes, and whether an aborted write may still
// land there. What was read before that write has drained is no evidence (format section 6 rule 8).
import type { ByteOffset, UnixSeconds } from '../base/units.js';
import { decodeSlot } from '../format/codec.js';
import type { SlotRead } from '../format/damage.js';
import { driverVerdict } from '../format/driver.js';
import type { Geometry } from '../format/geometry.js';
import type { Metadata } from '../format/metadata.js';
import { slotBytes } from '../format/structure.js';
import type { Piece } from '../format/update.js';
import type { PlanSlot, SlotRole } from './commit-plan.js';
import type { CopyOutcome } from './commit-report.js';
import type { SlotCopy, ValidSlot } from './copies.js';
import { electDriver, electOurs, nextSequenceBase } from './election.js';
import { sameButIndex, sameTable } from './table.js';

interface LedgerSlot {
  readonly copy: number;
  readonly offset: ByteOffset;
  role: SlotRole;
  picked: boolean;
  yields: boolean;
  /** What the slot holds, where that is known. */
  bytes: Uint8Array | null;
  /** Whether `bytes` are the ledger's to change, and not a report's. */
  own: boolean;
  /** What the bytes were made from, where every one of them is known: an update can start from it. */
  content: Metadata | null;
}

export class SlotLedger {
  readonly #slots: LedgerSlot[];
  readonly #geometry: Geometry;
  /** Sequences above it were given out by this store. */
  readonly #base: bigint;
  #contested = false;
  #waiting: (() => void)[] = [];

  /**
   * @param named the copy that the caller opened or named; undefined when a table is created.
   * @param content the metadata of the named copy, where updates may start from it.
   */
  constructor(
    geometry: Geometry,
    copies: readonly SlotCopy[],
    named: number | undefined,
    now: UnixSeconds,
    content: Metadata | null = null,
  ) {
    this.#geometry = geometry;
    this.#base = nextSequenceBase(copies);
    this.#slots = copies.map(({ copy, offset, slot }) => {
      const bytes = slot.state === 'absent' ? null : slot.bytes;
      return {
        copy,
        offset,
        bytes,
        own: false,
        content: null,
        role: roleBefore(slot),
        picked: false,
        yields: false,
      };
    });
    this.#assign(copies, named, now);
    for (const slot of this.#slots) if (slot.role === 'named') slot.content = content;
  }

  get plan(): readonly PlanSlot[] {
    return this.#slots;
  }

  /** Whether an election finds another table than the named one, until a new copy is durable (guarantee B). */
  get isContested(): boolean {
    return this.#contested;
  }

  /** Slots with a role, lowest number first. */
  copiesOf(...roles: readonly SlotRole[]): number[] {
    return this.#slots.filter(({ role }) => roles.includes(role)).map(({ copy }) => copy);
  }

  /** The bytes of a slot, where they are known: what lies behind the structure must stay. */
  bytesOf(copy: number): Uint8Array | undefined {
    return this.#slots[copy]?.bytes ?? undefined;
  }

  /** The metadata whose copy a slot holds byte for byte, copy index and checksum aside; null where that is not known. */
  contentOf = (copy: number): Metadata | null => this.#slots[copy]?.content ?? null;

  offsetOf = (copy: number): ByteOffset => this.#geometry.slots[copy] as ByteOffset;

  roleOf = (copy: number): SlotRole => this.#slots[copy]?.role ?? 'absent';

  /**
   * After a commit, however it ended: what was written is the table from now on, what may still land is unsettled.
   * @param written what was written to a slot, and what it is a copy of.
   * @returns the copies that are unsettled by it.
   */
  record(
    copies: readonly CopyOutcome[],
    written: { readonly piecesOf: (copy: number) => readonly Piece[]; readonly content: Metadata },
    inFlight: boolean,
  ): number[] {
    const anyNew = copies.some(({ outcome }) => outcome === 'written');
    for (const slot of this.#slots) {
      const after = copies.find(({ copy }) => copy === slot.copy);
      if (after?.outcome === 'written') {
        slot.role = 'named';
        slot.content = written.content;
        if (!slot.own) slot.bytes = slot.bytes?.slice() ?? new Uint8Array(slotBytes);
        slot.own = true;
        for (const { offset, bytes } of written.piecesOf(slot.copy)) slot.bytes?.set(bytes, offset);
      } else if (after?.outcome === 'unknown' || after?.disarmed) {
        slot.role = inFlight ? 'unsettled' : 'unread';
        slot.content = null;
      } else if (anyNew && ['named', 'twin', 'elected'].includes(slot.role)) {
        slot.role = 'other'; // The new table outranks it.
      }
    }
    if (anyNew) {
      for (const slot of this.#slots) slot.picked = slot.yields = false;
      const first = this.#named();
      if (first !== undefined) first.picked = true;
      this.#contested = false;
    }
    return copies.map(({ copy }) => copy).filter((copy) => inFlight && this.roleOf(copy) === 'unsettled');
  }

  /** What was in flight on these copies is not any more: from here on a read is evidence. */
  drained(copies: readonly number[]): void {
    for (const copy of copies) {
      const slot = this.#slots[copy];
      if (slot?.role === 'unsettled') slot.role = 'unread';
    }
    for (const tell of this.#waiting.splice(0)) tell();
  }

  /** Resolves at the next `drained`. */
  whenDrained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes in what was read back, and elects again. Returns the sequence that is to be risen above. */
  readBack(reads: ReadonlyMap<number, SlotRead>, now: UnixSeconds): bigint {
    const before = this.#slots.find(({ role, picked }) => role === 'named' && picked) ?? this.#named();
    for (const [copy, read] of reads) {
      const slot = this.#slots[copy];
      if (slot === undefined) continue;
      slot.bytes = read.kind === 'bytes' ? read.bytes : null;
      slot.own = false;
      slot.role = roleBefore(decodeSlot(read));
    }
    const copies = this.#slots
      .filter(({ role }) => role !== 'unsettled' && role !== 'unread')
      .map(({ copy, offset, bytes }) => {
        const read: SlotRead = bytes === null ? { kind: 'absent' } : { kind: 'bytes', bytes };
        return { copy, offset, slot: decodeSlot(read) };
      });
    // A copy that this store has written outranks all others. Else the caller's choice stands: an election could
    // prefer what the caller decided against.
    const ours = electOurs(copies);
    const landed = ours !== null && ours.slot.header.sequenceNumber > this.#base;
    this.#assign(copies, landed ? ours.copy : (before ?? ours)?.copy, now);
    return nextSequenceBase(copies);
  }

  #named(): LedgerSlot | undefined {
    return this.#slots.find(({ role }) => role === 'named');
  }

  #assign(copies: readonly SlotCopy[], named: number | undefined, now: UnixSeconds): void {
    const namedSlot = copies.find(
      (copy): copy is ValidSlot => copy.copy === named && copy.slot.state === 'valid',
    );
    const driver = electDriver(copies, now);
    const ours = electOurs(copies);
    this.#contested =
      namedSlot !== undefined &&
      (driver === null ||
        !sameTable(driver.bytes, namedSlot.slot.bytes) ||
        (ours !== null && !sameTable(ours.slot.bytes, namedSlot.slot.bytes)));
    const elected = [driver?.bytes, ours?.slot.bytes].filter((bytes) => bytes !== undefined);
    for (const { copy, slot } of copies) {
      const mine = this.#slots[copy];
      if (mine === undefined || slot.state === 'absent' || slot.bytes === null) continue;
      const { bytes } = slot;
      mine.picked = copy === named || copy === driver?.copy || copy === ours?.copy;
      // Copy index and checksum are outside of the comparison: a copy that is damaged there looks like the named one.
      if (slot.state !== 'valid' && driverVerdict(slot, now) !== null) mine.role = roleBefore(slot);
      else if (namedSlot !== undefined && sameButIndex(namedSlot.slot.bytes, bytes)) mine.role = 'named';
      else if (!elected.some((winner) => sameButIndex(winner, bytes))) mine.role = roleBefore(slot);
      else if (namedSlot !== undefined && sameTable(namedSlot.slot.bytes, bytes)) mine.role = 'twin';
      else mine.role = 'elected';
    }
    // The driver and we elect two others. The one goes first without which its election finds the named table: what comes
    // to light otherwise is a table that nobody would ask about any more.
    const driverFinds = namedSlot !== undefined && driverVerdict(namedSlot.slot, now) === null;
    const oursFinds =
      namedSlot !== undefined && electOurs(copies.filter(({ copy }) => copy !== ours?.copy)) === namedSlot;
    const first = driverFinds && !oursFinds ? driver?.copy : ours?.copy;
    for (const slot of this.#slots) slot.yields = slot.role === 'elected' && slot.copy === first;
    // Of the named table only the named copy is kept to the last.
    for (const slot of this.#slots) if (slot.role === 'named') slot.picked = slot.copy === named;
  }
}

function roleBefore(slot: SlotCopy['slot']): SlotRole {
  if (slot.state === 'valid') return 'other';
  if (slot.state === 'absent') return 'absent';
  if (slot.damage.fault === 'unreadable') return 'unreadable';
  return slot.damage.fault === 'blank' ? 'blank' : 'damaged';
}
