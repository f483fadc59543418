// Room: recovery, pure part. Which remapped sectors have their data inside the metadata region, what is there now, and how
// it comes out again (format.md rule 14). The module hands out spare sectors from 0 upwards, so this is everyday.
//
//   in the structure of a valid copy     metadata   its checksum holds over these bytes: the data was overwritten
//                    or of one that is damaged in its count or health alone
//   in the structure of a damaged copy   data       it may be what damaged the copy
//                                        metadata   or it is what a valid copy holds at that place
//                                        doubtful   or zeros: of a slot that was disarmed, or never written
//   behind the structure                 data       no checksum covers it: nothing shows whether it was overwritten
//   the place of two entries             doubtful   it is the data of one of them
//
// The data goes to its new place first, and the commit comes after. The old table names places that the commit overwrites:
// in a slot that is written before a new copy is durable, a crash would leave the old table without its data. So such slots
// are not written before that, and where there is no other to begin with, the plan says so and is refused.
import { DmremapError } from '../base/errors.js';
import { type Sector, sector } from '../base/units.js';
import { isPending } from '../format/entry.js';
import { geometries, touchesMetadata } from '../format/geometry.js';
import { metadataMagic, type RemapEntry, slotBytes, structureBytes } from '../format/structure.js';
import { overwriteOrder, type PlannedWrite } from '../store/commit/commit-plan.js';
import { SlotLedger } from '../store/commit/slot-ledger.js';
import type { Findings } from '../store/examine/examine.js';
import { type SlotCopy, type ValidSlot, validCopies } from '../store/table/copies.js';
import { copiesText, listOf } from '../store/table/phrases.js';
import { RemapTable } from '../store/table/remap-table.js';
import { effectiveEntries } from '../store/table/table.js';

/** Sectors of a place on the spare: as long as the longest request that reaches it whole (format.md rule 12). */
export const placeSectors = 8;
const sectorBytes = 512;
const sectorsPerSlot = slotBytes / sectorBytes;
const structureSectors = Math.ceil(structureBytes / sectorBytes);
//  A commit writes blocks of 4,096 bytes, so a little of what lies behind the structure too, as it was.
const writtenSectors = Math.ceil(structureBytes / 4096) * 8;

export interface RelocateOptions {
  /** Moves what may be no data too. */
  readonly doubtful?: boolean | undefined;
  /** Goes on although a crash, or the commit, may destroy what is in the region. */
  readonly allowDataInMetadata?: boolean | undefined;
  /** Sectors of the spare: no place that one of them lies in is given out. For places that the drive cannot use any more. */
  readonly avoid?: readonly bigint[] | undefined;
  /** Goes on where only one copy fits. */
  readonly allowUnsafe?: boolean | undefined;
}

/** An entry in force whose spare sector lies in the region. */
export interface InsideEntry {
  /** Its index in the table. */
  readonly index: number;
  readonly entry: RemapEntry;
  /** The slot that its sector lies in. */
  readonly copy: number;
  readonly part: 'structure' | 'slack';
  readonly holds: 'data' | 'doubtful' | 'metadata';
  /** A running target of the module does not use it: main may have the newer data (format.md section 5). */
  readonly pending: boolean;
  /** A clause about the sector. */
  readonly why: string;
  /** Where its data goes; null where it stays. */
  readonly to: Sector | null;
}

/** Sectors that are copied together: entries whose places follow each other as their originals do. */
export interface Move {
  /** First of eight sectors, in the region; the last of them can lie behind it. */
  readonly from: Sector;
  /** First of eight free sectors, a multiple of 8. */
  readonly to: Sector;
}

export interface RelocationPlan {
  /** The copy whose table is changed. Null where there is none. */
  readonly source: ValidSlot | null;
  readonly inside: readonly InsideEntry[];
  readonly moves: readonly Move[];
  /** The table as it will be. */
  readonly entries: readonly RemapEntry[];
  /** How the slots are overwritten. */
  readonly order: readonly PlannedWrite[];
  /** Why it is refused; null where it is not, or there is nothing to do. */
  readonly refusal: DmremapError | null;
}

/**
 * Plans the relocation of the table shown.
 * @param spareSectors of the device at hand: a place must lie on it.
 */
export function planRelocation(
  report: Findings,
  spareSectors: bigint,
  options: RelocateOptions = {},
): RelocationPlan {
  const { shown } = report;
  const nothing = { moves: [], order: [], refusal: null } as const;
  if (shown === null) return { ...nothing, source: null, inside: [], entries: [] };
  const { entries } = shown.slot;
  const judged = entriesInside(report, entries);
  const wanted = judged.filter(({ holds }) => holds === 'data' || options.doubtful);
  if (wanted.length === 0) return { ...nothing, source: shown, inside: judged, entries };

  const places = placesOn(report, shown, spareSectors, options.avoid);
  const moves: Move[] = [];
  const destinations = new Map<number, Sector>();
  try {
    for (const chunk of chunksOf(wanted)) {
      const from = chunk[0]?.entry.spareSector as Sector;
      const to = places.reserve();
      moves.push({ from, to });
      for (const { index, entry } of chunk) destinations.set(index, sector(to + entry.spareSector - from));
    }
  } catch (error) {
    if (!(error instanceof DmremapError)) throw error;
    return { ...nothing, source: shown, inside: judged, entries, refusal: error };
  }
  const inside = judged.map((one) => ({ ...one, to: destinations.get(one.index) ?? null }));
  const { order, exposed } = orderOf(report, shown, inside);
  return {
    source: shown,
    inside,
    moves,
    entries: entries.map((entry, index) => {
      const spareSector = destinations.get(index);
      return spareSector === undefined ? entry : Object.freeze({ ...entry, spareSector });
    }),
    order,
    refusal: refusalOf(inside, order, exposed, options),
  };
}

function entriesInside(report: Findings, entries: readonly RemapEntry[]): InsideEntry[] {
  const effective = effectiveEntries(entries);
  const found = entries
    .map((entry, index) => ({ entry, index }))
    .filter(({ entry, index }) => effective[index] && touchesMetadata(geometries.driver, entry.spareSector));
  return found.map(({ entry, index }) => {
    const at = Number(entry.spareSector);
    const copy = Math.floor(at / sectorsPerSlot);
    const part = at % sectorsPerSlot < structureSectors ? 'structure' : 'slack';
    const others = found.filter((one) => one.index !== index && one.entry.spareSector === entry.spareSector);
    const shared =
      others.length > 0
        ? ({
            holds: 'doubtful',
            why: `entry ${listOf(others.map((one) => one.index))} has its data there too`,
          } as const)
        : undefined;
    const judged = whatIsThere(report, copy, at % sectorsPerSlot, part);
    const pending = isPending(entry);
    return {
      index,
      entry,
      copy,
      part,
      pending,
      to: null,
      ...(judged.holds === 'data' ? (shared ?? judged) : judged),
    };
  });
}

function whatIsThere(
  { copies }: Findings,
  copy: number,
  at: number,
  part: InsideEntry['part'],
): Pick<InsideEntry, 'holds' | 'why'> {
  if (part === 'slack') return { holds: 'data', why: `behind the structure of copy ${copy}` };
  const slot = copies[copy]?.slot;
  if (slot?.state === 'valid') return { holds: 'metadata', why: `copy ${copy} is valid: overwritten by it` };
  if (slot?.state === 'damaged' && (slot.damage.fault === 'count' || slot.damage.fault === 'health')) {
    return { holds: 'metadata', why: `the checksum of copy ${copy} holds: overwritten by it` };
  }
  const found = sectorOf(copies[copy], at);
  if (found === null) return { holds: 'doubtful', why: `copy ${copy} cannot be read` };
  const twin = validCopies(copies).find((other) => isSame(found, sectorOf(other, at)));
  if (twin !== undefined) return { holds: 'metadata', why: `it is what copy ${twin.copy} holds there` };
  const first = new DataView(found.buffer, found.byteOffset).getUint32(0, true);
  if (at === 0 && first === metadataMagic) {
    return { holds: 'metadata', why: 'it begins with the magic number' };
  }
  if (found.every((byte) => byte === 0)) return { holds: 'doubtful', why: 'nothing but zeros' };
  return { holds: 'data', why: `in damaged copy ${copy}: it may be what damaged it` };
}

function sectorOf(copy: SlotCopy | undefined, at: number): Uint8Array | null {
  if (copy === undefined || copy.slot.state === 'absent' || copy.slot.bytes === null) return null;
  return copy.slot.bytes.subarray(at * sectorBytes, (at + 1) * sectorBytes);
}

const isSame = (a: Uint8Array, b: Uint8Array | null): boolean => b !== null && Buffer.compare(a, b) === 0;

/**
 * Entries that go together: shifted alike, and of one aligned group of eight originals. A longer request reaches them all
 * (format.md rules 12 and 13), and a target with logical blocks of 4,096 bytes maps whole groups.
 */
function chunksOf(wanted: readonly InsideEntry[]): InsideEntry[][] {
  const chunks = new Map<string, InsideEntry[]>();
  for (const one of wanted) {
    const { originalSector, spareSector } = one.entry;
    const key = `${originalSector / BigInt(placeSectors)} ${spareSector - originalSector}`;
    const chunk = chunks.get(key);
    if (chunk === undefined) chunks.set(key, [one]);
    else chunk.push(one);
  }
  const place = ({ entry }: InsideEntry) => Number(entry.spareSector);
  return [...chunks.values()].map((chunk) => chunk.sort((a, b) => place(a) - place(b)));
}

/** What may be handed out: no place of any table that is still there, nor of what such a table has left behind. */
function placesOn(
  { copies }: Findings,
  shown: ValidSlot,
  onDevice: bigint,
  avoid: readonly bigint[] = [],
): RemapTable {
  const { mainDeviceSectors, spareDeviceSectors } = shown.slot.header;
  const spareSectors = onDevice < spareDeviceSectors ? onDevice : spareDeviceSectors;
  const table = new RemapTable({ mainSectors: mainDeviceSectors, spareSectors }, shown.slot.entries);
  for (const { slot } of validCopies(copies)) {
    for (const { spareSector } of [...slot.entries, ...slot.ghosts.map(({ entry }) => entry)]) {
      table.reserve(spareSector);
      table.reserve((spareSector + BigInt(placeSectors - 1)) as Sector);
    }
  }
  for (const one of avoid) table.reserve(sector(one));
  return table;
}

/** Slots in which the old table has data are written once a new copy is durable. `exposed`: those for which that fails. */
function orderOf({ copies, now }: Findings, source: ValidSlot, inside: readonly InsideEntry[]) {
  const ledger = new SlotLedger(geometries.driver, copies, source.copy, now);
  const usual = overwriteOrder(ledger.plan);
  const holds = ({ copy }: PlannedWrite) => inside.some((one) => reaches(one, copy, copies));
  const early = usual.filter((write) => !holds(write) && !write.last);
  const holders = usual.filter((write) => holds(write) && !write.last);
  const end = usual.filter(({ last }) => last);
  //  "Last" is what may not be written before a new copy is durable, whatever else has failed.
  const late = holders.map((write, at) => ({ ...write, last: early.length > 0 || at > 0 }));
  const exposed = early.length === 0 ? holders.slice(0, 1).map(({ copy }) => copy) : [];
  return { order: [...early, ...late, ...end], exposed };
}

/** Whether a copy is written over what an entry has in its slot: its sector, or the rest of a longer request (format.md rule 12). */
function reaches({ holds, copy, entry }: InsideEntry, slot: number, copies: Findings['copies']): boolean {
  if (holds === 'metadata') return false;
  const first = Number(entry.spareSector) - slot * sectorsPerSlot;
  if (first >= writtenSectors || first + placeSectors <= 0) return false;
  //  In a valid copy there is nothing of a request that began before it.
  return copy === slot || copies[slot]?.slot.state === 'damaged';
}

function refusalOf(
  inside: readonly InsideEntry[],
  order: readonly PlannedWrite[],
  exposed: readonly number[],
  { allowDataInMetadata, allowUnsafe }: RelocateOptions,
): DmremapError | null {
  if (order.length === 1 && !allowUnsafe) return new DmremapError('ERR_SINGLE_COPY');
  if (allowDataInMetadata) return null;
  const left = inside.filter(
    ({ to, holds, part }) => to === null && holds === 'doubtful' && part === 'structure',
  );
  if (left.length > 0) {
    const list = listOf(left.map(({ entry }) => `${entry.originalSector}`));
    const message = `what may be the data of sector ${list} would stay in the region, and be overwritten`;
    return new DmremapError('ERR_DATA_IN_METADATA', message);
  }
  if (exposed.length > 0) {
    const message = `the commit has to begin with ${copiesText(exposed)}, in which the old table has data: a crash then leaves that table without it`;
    return new DmremapError('ERR_DATA_IN_METADATA', message);
  }
  return null;
}

/** The eight sectors of a move, out of the slots. @param behind the eight sectors behind the region. */
export function bytesToMove({ copies }: Findings, { from }: Move, behind: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(placeSectors * sectorBytes);
  for (let at = 0; at < placeSectors; at += 1) {
    const place = Number(from) + at;
    const copy = copies[Math.floor(place / sectorsPerSlot)];
    const beyond = place - copies.length * sectorsPerSlot;
    const found =
      beyond < 0
        ? sectorOf(copy, place % sectorsPerSlot)
        : behind.subarray(beyond * sectorBytes, (beyond + 1) * sectorBytes);
    bytes.set(found ?? new Uint8Array(sectorBytes), at * sectorBytes);
  }
  return bytes;
}
