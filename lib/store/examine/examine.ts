// Room: store, pure part. Everything that can be said about a spare from what its slots hold, in one report. Reads
// nothing and asks no clock: who calls hands in the bytes and the time.
import { argumentError, DmremapError } from '../../base/errors.js';
import type { Sector, Sequence, UnixSeconds } from '../../base/units.js';
import { type InUse, unknownUse } from '../../device/use.js';
import type { SlotRead } from '../../format/damage.js';
import { type DriverRule, driverVerdict } from '../../format/driver.js';
import { type Geometry, type GeometryName, geometries } from '../../format/geometry.js';
import { copyCount, type RemapEntry } from '../../format/structure.js';
import {
  isValid,
  numbersOf,
  readCopies,
  type SlotCopy,
  type ValidSlot,
  validCopies,
} from '../table/copies.js';
import { damageText } from '../table/phrases.js';
import { effectiveEntries, sameTable } from '../table/table.js';
import { type Activation, activationOf, isForeign, looksLikeOurs } from './activation.js';
import { type CopyLintInput, copyLints } from './copy-lints.js';
import { type DriverWinner, electDriver, electionsAgree, electOurs, forks, regressions } from './election.js';
import { entryLints } from './entry-lints.js';
import type { Lint } from './lint.js';
import { mainsInConflict, type NamedMain } from './mains.js';
import { type Admission, admissionOf } from './module-admission.js';
import { type ModuleLintInput, moduleLints } from './module-lints.js';
import { quietReading, type Reading } from './stable-read.js';
import { type Elsewhere, type Strangers, strangersOf } from './strangers.js';

/** What `examine` is told. */
export interface ExamineInput {
  /** What reading gave, by geometry and copy number. What is missing counts as absent. */
  readonly reads: {
    readonly driver: readonly SlotRead[];
    readonly documented: readonly SlotRead[];
  };
  /** Size of the device or image. A slot that does not fit it is absent, whatever was read. */
  readonly sizeBytes: bigint;
  /** The clock that the module's future rule is applied to. */
  readonly now: UnixSeconds;
  /** `auto`: the driver's places, unless only the documented ones hold something. */
  readonly geometry: 'auto' | GeometryName;
  /** Shows this copy (0 to 4) in place of our elected one. */
  readonly copy?: number | undefined;
  /** What was read beside the slots, where somebody else's data may show. */
  readonly elsewhere?: Elsewhere | undefined;
  /** Size of the spare at hand, for the lint size-mismatch; leave it out for an image of the metadata region. */
  readonly deviceSectors?: Sector | undefined;
  /** Bytes of its logical block; leave it out for a file: what that is an image of is not at hand. */
  readonly blockBytes?: number | undefined;
}

/** A slot with what it holds and what the module makes of it. */
export interface ReportCopy extends SlotCopy {
  /** Null where the module accepts it. */
  readonly driverRejects: DriverRule | null;
}

/** Who won an election. */
interface Elected {
  readonly copy: number;
  readonly sequence: Sequence;
}

/** A remap entry with its place in the table. */
export interface ReportEntry extends RemapEntry {
  readonly index: number;
  /** False for the earlier of two duplicates and for a ghost: it maps nothing. */
  readonly effective: boolean;
}

/** Why a table cannot be opened for writing before somebody names the copy (format.md rule 2). */
export type Ambiguity =
  /** Valid copies name different main devices. No election says which of these the spare belongs to. */
  | { readonly kind: 'other-main'; readonly mains: readonly NamedMain[] }
  | { readonly kind: 'disagreement'; readonly driver: number; readonly ours: number }
  /** The module accepts no copy, and the valid ones hold different tables: a clock that is far behind hides the rest. */
  | { readonly kind: 'unaccepted'; readonly copies: readonly number[] }
  | { readonly kind: 'regression'; readonly copies: readonly number[] }
  | { readonly kind: 'fork'; readonly sequence: Sequence; readonly copies: readonly number[] };

/** What the elections say of five copies, and what makes that doubtful: all that a plan needs. */
export interface Findings {
  readonly now: UnixSeconds;
  /** Five, lowest number first. */
  readonly copies: readonly ReportCopy[];
  readonly elections: {
    readonly driver: Elected | null;
    readonly ours: Elected | null;
    /** The same copy, two copies with one table, or nobody. */
    readonly agree: boolean;
  };
  /** The copy that `entries` and `ghosts` of a report come from: our elected one, or the one that was asked for. */
  readonly shown: ValidSlot | null;
  readonly ambiguities: readonly Ambiguity[];
}

/** What is known about a spare. */
export interface Report extends Findings, Reading {
  /** Who uses the device; `unknown` unless whoever examines it has asked. */
  readonly inUse: InUse;
  readonly sizeBytes: bigint;
  /** The geometry that `copies`, `elections`, `lints` and `ambiguities` are about. */
  readonly geometry: GeometryName;
  /** The five of the geometry that is not reported: what a create would leave behind or collide with. */
  readonly otherCopies: readonly SlotCopy[];
  /** Always about the driver's places; whether the module would create the target at all, by the sizes of our elected copy. */
  readonly activation: Activation & { readonly admission: Admission | null };
  readonly entries: readonly ReportEntry[];
  readonly ghosts: readonly ReportEntry[];
  readonly lints: readonly Lint[];
  /** What is not ours: where the driver's or the documented places hold a valid copy, as far as metadata is written. */
  readonly strangers: Strangers;
}

/**
 * Examines a spare. Never throws on what the slots hold.
 * @throws DmremapError ERR_COPY_NOT_VALID where the copy asked for is not valid.
 * @throws RangeError ERR_OUT_OF_RANGE where it is not 0 to 4, or where the bytes of a slot are fewer than 84,288.
 */
export function examine(input: ExamineInput): Report {
  const { reads, sizeBytes, now } = input;
  const atDriver = readCopies(geometries.driver, reads.driver, sizeBytes);
  const atDocumented = readCopies(geometries.documented, reads.documented, sizeBytes);
  const geometry = chooseGeometry(input.geometry, atDriver, atDocumented);
  const [copies, otherCopies] = geometry === 'driver' ? [atDriver, atDocumented] : [atDocumented, atDriver];
  const findings = judgeCopies(copies, now, input.copy);
  const { shown } = findings;
  const { deviceSectors, blockBytes, elsewhere } = input;
  const ours = electOurs(copies);
  const admission = ours && admissionBy(ours, deviceSectors, blockBytes);
  const strangers = strangersOf({
    geometry: geometries[geometry],
    copies,
    otherCopies,
    sizeBytes,
    elsewhere,
  });
  return {
    ...findings,
    ...quietReading,
    inUse: unknownUse,
    sizeBytes,
    geometry,
    otherCopies,
    activation: { ...activationOf(atDriver, now), admission },
    entries: entriesOf(shown),
    ghosts: ghostsOf(shown),
    lints: lintsOf({
      copies,
      ours,
      shown,
      now,
      marks: strangers.marks,
      deviceSectors,
      admission,
      blockBytes,
      geometry: geometries[geometry],
    }),
    strangers,
  };
}

/** By the header alone, where there is only an image of the region: its size says nothing about the spare. */
const admissionBy = ({ slot: { header } }: ValidSlot, spare?: Sector, blockBytes?: number): Admission =>
  admissionOf({
    mainSectors: header.mainDeviceSectors,
    spareSectors: spare ?? header.spareDeviceSectors,
    spareBlockBytes: blockBytes,
  });

/** What the elections say of slots that are decoded already. @throws as `examine` does. */
export function judgeCopies(copies: readonly SlotCopy[], now: UnixSeconds, copy?: number): Findings {
  const driver = electDriver(copies, now);
  const ours = electOurs(copies);
  return {
    now,
    copies: copies.map((one) => ({ ...one, driverRejects: driverVerdict(one.slot, now) })),
    elections: {
      driver: driver && { copy: driver.copy, sequence: driver.sequenceNumber },
      ours: ours && { copy: ours.copy, sequence: ours.slot.header.sequenceNumber },
      agree: electionsAgree(driver, ours),
    },
    shown: copy === undefined ? ours : namedCopy(copies, copy),
    ambiguities: ambiguitiesOf(copies, driver, ours, now),
  };
}

function chooseGeometry(
  asked: 'auto' | GeometryName,
  atDriver: readonly SlotCopy[],
  atDocumented: readonly SlotCopy[],
): GeometryName {
  if (asked !== 'auto') return asked;
  const holdSomething = (copies: readonly SlotCopy[]) =>
    copies.some((copy) => looksLikeOurs(copy) || isForeign(copy));
  return !holdSomething(atDriver) && holdSomething(atDocumented) ? 'documented' : 'driver';
}

function namedCopy(copies: readonly SlotCopy[], copy: number): ValidSlot {
  const named = copies[copy];
  if (named === undefined) {
    throw argumentError('ERR_OUT_OF_RANGE', `copies are numbered 0 to ${copyCount - 1}, not ${copy}`);
  }
  if (isValid(named)) return named;
  const why = named.slot.state === 'damaged' ? damageText(named.slot.damage) : 'does not fit the device';
  throw new DmremapError('ERR_COPY_NOT_VALID', `copy ${copy} ${why}`);
}

function entriesOf(shown: ValidSlot | null): ReportEntry[] {
  if (shown === null) return [];
  const { entries } = shown.slot;
  const effective = effectiveEntries(entries);
  return entries.map((entry, index) => reportEntry(entry, index, effective[index] === true));
}

const ghostsOf = (shown: ValidSlot | null): ReportEntry[] =>
  shown === null ? [] : shown.slot.ghosts.map(({ index, entry }) => reportEntry(entry, index, false));

// Written out: spreading an entry would give each of them a shape of its own.
const reportEntry = (entry: RemapEntry, index: number, effective: boolean): ReportEntry => ({
  originalSector: entry.originalSector,
  spareSector: entry.spareSector,
  remapTimestampNs: entry.remapTimestampNs,
  accessCount: entry.accessCount,
  errorCount: entry.errorCount,
  remapReason: entry.remapReason,
  flags: entry.flags,
  padding: entry.padding,
  index,
  effective,
});

/** Another main, disagreement, regression and fork, in this order. Opening for writing refuses while there is one. */
function ambiguitiesOf(
  copies: readonly SlotCopy[],
  driver: DriverWinner | null,
  ours: ValidSlot | null,
  now: UnixSeconds,
): Ambiguity[] {
  const found: Ambiguity[] = [];
  const mains = mainsInConflict(copies);
  if (mains.length > 0) found.push({ kind: 'other-main', mains });
  if (driver !== null && ours !== null && !electionsAgree(driver, ours)) {
    found.push({ kind: 'disagreement', driver: driver.copy, ours: ours.copy });
  }
  const valid = validCopies(copies);
  const differ = valid.some(({ slot }) => ours !== null && !sameTable(slot.bytes, ours.slot.bytes));
  if (driver === null && differ) found.push({ kind: 'unaccepted', copies: numbersOf(valid) });
  const regressed = regressions(copies, now);
  if (regressed.length > 0) found.push({ kind: 'regression', copies: regressed });
  for (const { sequenceNumber, copies: members } of forks(copies)) {
    found.push({ kind: 'fork', sequence: sequenceNumber, copies: members });
  }
  return found;
}

/** What a spare is judged by. */
interface LintInput extends CopyLintInput, ModuleLintInput {
  readonly geometry: Geometry;
}

/** Everything that `check` would complain about: the copies first, then the module, then entry by entry of the table shown. */
function lintsOf(input: LintInput): Lint[] {
  const { shown, geometry, blockBytes } = input;
  const ofEntries =
    shown === null ? [] : entryLints(shown.slot.header, shown.slot.entries, geometry, blockBytes);
  return [...copyLints(input), ...moduleLints(input), ...ofEntries];
}
