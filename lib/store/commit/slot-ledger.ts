// Room: store. What is known of each slot between commits: its role, its bytes, and whether an aborted write may still
// land there. What was read before that write has drained is no evidence (format.md rule 8).
import { Scratch, u32At } from '../../base/bytes.js';
import type { ByteOffset, UnixSeconds } from '../../base/units.js';
import { type DecodedSlot, decodeSlot } from '../../format/codec.js';
import { driverVerdict } from '../../format/driver.js';
import type { Geometry } from '../../format/geometry.js';
import type { Metadata } from '../../format/metadata.js';
import { checksumOffset, readHeader, slotBytes, structureBytes } from '../../format/structure.js';
import type { Piece } from '../../format/update.js';
import { electDriver, electOurs, nextSequenceBase, sealedHeader } from '../examine/election.js';
import { sameTableOfMain } from '../examine/mains.js';
import type { SlotCopy, ValidSlot } from '../table/copies.js';
import { sameButIndex } from '../table/table.js';
import type { PlanSlot, SlotRole } from './commit-plan.js';
import type { CopyOutcome } from './commit-report.js';
import { KnownCopies } from './known-copies.js';

interface LedgerSlot {
  readonly copy: number;
  readonly offset: ByteOffset;
  role: SlotRole;
  picked: boolean;
  yields: boolean;
  /** What the slot holds, or held when it could be read last, where that is known. */
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
  readonly #known: KnownCopies;
  /** A copy of the table that the store goes on from, whether or not a slot still holds one. */
  #reference: Uint8Array | null;
  #contested = false;
  #anotherWriter = false;
  #waiting: (() => void)[] = [];
  /** For the bytes that one commit writes: the device copies them at the call. */
  readonly scratch = new Scratch();

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
    this.#known = new KnownCopies(copies);
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
    this.#reference = this.#slots.find(({ copy }) => copy === named)?.bytes ?? null;
  }

  get plan(): readonly PlanSlot[] {
    return this.#slots;
  }

  /** Whether an election finds another table than the named one, until a new copy is durable (guarantee B). */
  get isContested(): boolean {
    return this.#contested;
  }

  /** Whether a copy came to light that this store has neither found when it was opened nor written. */
  get hasAnotherWriter(): boolean {
    return this.#anotherWriter;
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

  /** Whether these bytes are a copy of the table that the store goes on from. */
  isReference = (bytes: Uint8Array): boolean =>
    this.#reference !== null && sameButIndex(this.#reference, bytes);

  /**
   * After a commit, however it ended: what was written is the table from now on, what may still land is unsettled.
   * @param written what was written to a slot, and what it is a copy of.
   * @param isOpen whether a write of it may still land on a slot.
   * @returns the copies that are unsettled by it.
   */
  record(
    copies: readonly CopyOutcome[],
    written: { readonly piecesOf: (copy: number) => readonly Piece[]; readonly content: Metadata },
    isOpen: (copy: number) => boolean,
  ): number[] {
    const anyNew = copies.some(({ outcome }) => outcome === 'written');
    for (const slot of this.#slots) {
      const after = copies.find(({ copy }) => copy === slot.copy);
      if (after !== undefined && after.outcome !== 'untouched') {
        this.#known.add(sealOf(written.piecesOf(slot.copy)[0] as Piece, written.content));
      }
      if (after?.outcome === 'written') {
        slot.role = 'named';
        slot.content = written.content;
        if (!slot.own) slot.bytes = slot.bytes?.slice() ?? new Uint8Array(slotBytes);
        slot.own = true;
        for (const { offset, bytes } of written.piecesOf(slot.copy)) slot.bytes?.set(bytes, offset);
      } else if (after?.outcome === 'unknown' || after?.disarmed) {
        slot.role = isOpen(slot.copy) ? 'unsettled' : 'unread';
        slot.content = null;
      } else if (anyNew && ['named', 'twin', 'elected'].includes(slot.role)) {
        slot.role = 'other'; // The new table outranks it.
      }
    }
    if (anyNew) {
      for (const slot of this.#slots) slot.picked = slot.yields = false;
      const first = this.#named();
      if (first !== undefined) {
        first.picked = true;
        this.#reference = first.bytes;
      }
      this.#contested = false;
    }
    const doubtful = copies.filter(({ outcome, disarmed }) => outcome === 'unknown' || disarmed);
    return doubtful.map(({ copy }) => copy).filter((copy) => this.roleOf(copy) === 'unsettled');
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

  /**
   * Takes in what was read, and elects again. Only of slots on which nothing is in flight: else it is no evidence. What has
   * a sequence above all that were given out is somebody else's, and ends the commits: there is nothing to rise above.
   */
  takeIn(reads: ReadonlyMap<number, DecodedSlot>, now: UnixSeconds): void {
    const before = this.#slots.find(({ role, picked }) => role === 'named' && picked) ?? this.#named();
    for (const slot of this.#slots) {
      const found = reads.get(slot.copy);
      if (found !== undefined) this.#hold(slot, found);
    }
    const copies = this.#slots.flatMap(({ copy, offset, role, bytes }) =>
      bytes === null || blindRoles.includes(role)
        ? []
        : [{ copy, offset, slot: reads.get(copy) ?? decodeSlot({ kind: 'bytes', bytes }) }],
    );
    const ours = electOurs(copies);
    // Of a commit that was aborted, or has failed, and has landed: it outranks all others. Else the caller's choice
    // stands: an election could prefer what the caller decided against.
    const landed = ours !== null && this.#outranksReference(ours);
    if (landed) this.#reference = ours.slot.bytes;
    const holders = copies.filter(({ slot }) => slot.state === 'valid' && this.isReference(slot.bytes));
    const holder = landed ? ours : (holders.find(({ copy }) => copy === before?.copy) ?? holders[0]);
    this.#assign(copies, (holder ?? ours)?.copy, now);
    // No reader finds what the store goes on from, until a new copy is durable.
    if (this.#anotherWriter || (this.#reference !== null && holder === undefined)) this.#contested = true;
    for (const slot of this.#slots) {
      if (slot.role !== 'unreadable' && slot.role !== 'faded') continue;
      slot.role = holder !== undefined && this.#heldNothingElse(slot) ? 'faded' : 'unreadable';
    }
  }

  /** What one slot holds, seen by itself. */
  #hold(slot: LedgerSlot, found: DecodedSlot): void {
    if (found.state === 'absent') return;
    if (found.bytes === null) {
      // A write to it went wrong: what it held before is nothing to go by.
      if (slot.role === 'unread') slot.bytes = null;
      if (slot.role !== 'foreign') slot.role = 'unreadable';
      slot.content = null;
      return;
    }
    const asBelieved = slot.bytes !== null && sameStructure(slot.bytes, found.bytes);
    if (asBelieved ? slot.role === 'foreign' : this.#isForeign(found)) {
      slot.role = 'foreign';
      this.#anotherWriter = true;
    } else {
      slot.role = roleBefore(found);
    }
    if (!asBelieved) slot.content = null;
    slot.bytes = found.bytes;
    slot.own = false;
  }

  /** Somebody else's doing: no damage makes a good checksum, or a layout that others write. */
  #isForeign(found: DecodedSlot): boolean {
    if (found.state === 'damaged' && found.damage.fault === 'foreign') return true;
    const sealed = sealedHeader(found);
    return sealed !== null && !this.#known.has(sealed);
  }

  #outranksReference({ slot: { header } }: ValidSlot): boolean {
    const reference = this.#reference === null ? 0n : readHeader(this.#reference).sequenceNumber;
    return header.sequenceNumber > this.#base && header.sequenceNumber > reference;
  }

  /**
   * Whether a slot that cannot be read held a good copy, or nothing, when it could: then it is not newer than all others
   * (where another writer has been here no commit is made), and rewriting it loses nothing. A damaged one would have to be
   * disarmed first, which a bad sector can make impossible.
   */
  #heldNothingElse({ bytes }: LedgerSlot): boolean {
    if (bytes === null) return false;
    const held = decodeSlot({ kind: 'bytes', bytes });
    return held.state === 'valid' || (held.state === 'damaged' && held.damage.fault === 'blank');
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
        !sameTableOfMain(driver.bytes, namedSlot.slot.bytes) ||
        (ours !== null && !sameTableOfMain(ours.slot.bytes, namedSlot.slot.bytes)));
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
      else if (namedSlot !== undefined && sameTableOfMain(namedSlot.slot.bytes, bytes)) mine.role = 'twin';
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

/** Nothing that takes part in an election: what these slots hold is not known, or is not ours. */
const blindRoles: readonly SlotRole[] = ['absent', 'unreadable', 'faded', 'unsettled', 'unread', 'foreign'];

const sameStructure = (a: Uint8Array, b: Uint8Array): boolean =>
  Buffer.compare(a.subarray(0, structureBytes), b.subarray(0, structureBytes)) === 0;

/** Of a copy that is written in pieces: the first one holds the header. */
const sealOf = ({ bytes }: Piece, { header }: Metadata) => ({
  sequenceNumber: header.sequenceNumber,
  checksum: u32At(bytes, checksumOffset),
});

function roleBefore(slot: SlotCopy['slot']): SlotRole {
  if (slot.state === 'valid') return 'other';
  if (slot.state === 'absent') return 'absent';
  if (slot.damage.fault === 'unreadable') return 'unreadable';
  return slot.damage.fault === 'blank' ? 'blank' : 'damaged';
}
