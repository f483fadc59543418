// Room: store, pure part. In what copies differ: field by field, entry by entry, and where in their bytes. Copies that are one
// and the same but for copy_index and checksum are one group; a group is compared with that of the elected copy.

import { sha256Of } from '../../base/crypto.js';
import { readEntry } from '../../format/entry.js';
import {
  activeRemapsOf,
  entriesOffset,
  entryBytes,
  type Header,
  headerLayout,
  maxEntries,
  type RemapEntry,
  slotBytes,
  structureBytes,
  trailerLayout,
  trailerOffset,
} from '../../format/structure.js';
import { textOf } from '../../format/text.js';
import { numbersOf, type SlotCopy } from '../table/copies.js';
import { damageText, hex32 } from '../table/phrases.js';
import { sameButIndex } from '../table/table.js';
import { looksLikeOurs } from './activation.js';
import { type ByteRange, differingBytes, differingRanges, fieldsIn, formatName } from './byte-ranges.js';
import type { Findings } from './examine.js';

/** A field that differs: decimal, 0x and hexadecimal digits, or a text with \xNN; of more than 64 bytes their SHA-256. */
export interface FieldDifference {
  /** As format.md section 2 names it. */
  readonly field: string;
  readonly a: string;
  readonly b: string;
}

export interface PlacedEntry extends RemapEntry {
  /** Its place in the table, 0 to 2047. */
  readonly index: number;
}

/** An entry that only one of two copies has, or that they have differently. Duplicates are matched in their order. */
export interface EntryDifference {
  readonly a: PlacedEntry | null;
  readonly b: PlacedEntry | null;
  /** The fields that differ, where both have it. */
  readonly fields: readonly string[];
}

export interface EntriesDifference {
  readonly differences: readonly EntryDifference[];
  /** How many are the same in both, at another index. */
  readonly moved: number;
}

/** A range of bytes that differ, with the fields of the structure that it falls in. */
export interface FieldRange extends ByteRange {
  readonly fields: readonly string[];
}

/** What differs between copy `a` and copy `b`, each standing for its group. */
export interface CopyDifference {
  readonly a: number;
  readonly b: number;
  readonly fields: readonly FieldDifference[];
  /** The active ones, matched by their original sector. */
  readonly entries: EntriesDifference;
  readonly ghosts: EntriesDifference;
  /** Within the structure; those with fewer than 8 equal bytes between them are one. */
  readonly ranges: readonly FieldRange[];
  /** Exactly, within the structure. */
  readonly differingBytes: number;
}

/** Copies that are the same. */
export interface CopyGroup {
  readonly copies: readonly number[];
  /** Byte for byte; else copy_index and checksum differ. */
  readonly identical: boolean;
}

export interface Comparison {
  readonly copies: readonly number[];
  /** Those that are not compared, and why. */
  readonly left: readonly { readonly copy: number; readonly why: string }[];
  /** The group of the elected copy is the first. */
  readonly groups: readonly CopyGroup[];
  /** The first group against each of the others. */
  readonly differences: readonly CopyDifference[];
  /** What lies behind the structure in its slot, outside of everything that the format knows. */
  readonly slack: {
    readonly groups: readonly { readonly copies: readonly number[]; readonly zero: boolean }[];
    readonly differences: readonly {
      readonly a: number;
      readonly b: number;
      readonly ranges: readonly ByteRange[];
    }[];
  };
}

interface Compared extends SlotCopy {
  readonly bytes: Uint8Array;
}

/**
 * Compares the copies of a report: those that are valid, or damaged and still to be recognised.
 * @param named only these (0 to 4), whatever their bytes are.
 */
export function compareCopies(
  { copies, elections }: Pick<Findings, 'copies' | 'elections'>,
  named?: readonly number[],
): Comparison {
  const wanted = copies.filter(({ copy }) => named?.includes(copy) ?? true);
  const compared = wanted.flatMap((one): Compared[] => {
    const bytes = one.slot.state === 'absent' ? null : one.slot.bytes;
    return bytes !== null && (named !== undefined || looksLikeOurs(one)) ? [{ ...one, bytes }] : [];
  });
  const left = wanted.filter(({ copy }) => !compared.some((one) => one.copy === copy));
  const groups = grouped(compared, sameButIndex, elections.ours?.copy);
  const slack = grouped(compared, sameSlack, elections.ours?.copy);
  return {
    copies: numbersOf(compared),
    left: left.map(({ copy, slot }) => ({
      copy,
      why: slot.state === 'damaged' ? damageText(slot.damage) : 'does not fit the device',
    })),
    groups: groups.map((group) => ({ copies: numbersOf(group), identical: isIdentical(group) })),
    differences: againstFirst(groups, differenceOf),
    slack: {
      groups: slack.map((group) => ({ copies: numbersOf(group), zero: isZero(slackOf(group[0]?.bytes)) })),
      differences: againstFirst(slack, (a, b) => ({
        a: a.copy,
        b: b.copy,
        ranges: differingRanges(a.bytes, b.bytes, structureBytes, slotBytes),
      })),
    },
  };
}

/** Groups of what is the same, lowest copy first, but the group of the elected one before all. */
function grouped(
  compared: readonly Compared[],
  same: (a: Uint8Array, b: Uint8Array) => boolean,
  elected: number | undefined,
): Compared[][] {
  const groups: Compared[][] = [];
  for (const one of compared) {
    const group = groups.find(([first]) => first !== undefined && same(first.bytes, one.bytes));
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  const hasElected = (group: readonly Compared[]) => group.some(({ copy }) => copy === elected);
  return [...groups.filter(hasElected), ...groups.filter((group) => !hasElected(group))];
}

function againstFirst<T>(groups: readonly Compared[][], difference: (a: Compared, b: Compared) => T): T[] {
  const [[first] = [], ...others] = groups;
  return others.flatMap(([other]) =>
    first === undefined || other === undefined ? [] : [difference(first, other)],
  );
}

const slackOf = (slot: Uint8Array = new Uint8Array()): Uint8Array => slot.subarray(structureBytes, slotBytes);
const sameSlack = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(slackOf(a), slackOf(b)) === 0;
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const isIdentical = ([first, ...others]: readonly Compared[]): boolean =>
  others.every(
    ({ bytes }) =>
      first !== undefined &&
      Buffer.compare(first.bytes.subarray(0, structureBytes), bytes.subarray(0, structureBytes)) === 0,
  );

const differenceOf = (a: Compared, b: Compared): CopyDifference => ({
  a: a.copy,
  b: b.copy,
  fields: [
    ...fieldDifferences(headerLayout.fields, 0, a.bytes, b.bytes),
    ...fieldDifferences(trailerLayout.fields, trailerOffset, a.bytes, b.bytes),
  ],
  entries: entryDifferences(activeOf(a.bytes), activeOf(b.bytes)),
  ghosts: entryDifferences(ghostsOf(a.bytes), ghostsOf(b.bytes)),
  ranges: differingRanges(a.bytes, b.bytes, 0, structureBytes).map((range) => ({
    ...range,
    fields: fieldsIn(range),
  })),
  differingBytes: differingBytes(a.bytes, b.bytes, 0, structureBytes),
});

function fieldDifferences(
  fields: typeof headerLayout.fields,
  base: number,
  a: Uint8Array,
  b: Uint8Array,
): FieldDifference[] {
  return fields.flatMap(({ name, offset, bytes }) => {
    const of = (slot: Uint8Array) => slot.subarray(base + offset, base + offset + bytes);
    if (Buffer.compare(of(a), of(b)) === 0) return [];
    //  A text ends at the first NUL: where that makes no difference, the bytes behind it do.
    const asText = texts.has(name) && textOf(of(a)) !== textOf(of(b));
    const text = (bytes: Uint8Array) => (asText ? textOf(bytes) : valueText(name, bytes));
    return [{ field: formatName(name), a: text(of(a)), b: text(of(b)) }];
  });
}

const texts: ReadonlySet<string> = new Set<keyof Header>([
  'mainDeviceUuid',
  'spareDeviceUuid',
  'deviceModel',
]);
const hexadecimal: ReadonlySet<string> = new Set<keyof Header>(['magic', 'checksum']);

function valueText(name: string, bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  if (hexadecimal.has(name)) return hex32(buffer.readUInt32LE());
  if (bytes.length === 4) return `${buffer.readUInt32LE()}`;
  if (bytes.length === 8) return `${buffer.readBigUInt64LE()}`;
  return bytes.length <= 64 ? `0x${buffer.toString('hex')}` : `sha256:${sha256Of(bytes)}`;
}

const activeOf = (slot: Uint8Array): PlacedEntry[] =>
  Array.from({ length: activeRemapsOf(slot) }, (_, index) => ({ ...readEntry(slot, index), index }));

function ghostsOf(slot: Uint8Array): PlacedEntry[] {
  const ghosts: PlacedEntry[] = [];
  for (let index = activeRemapsOf(slot); index < maxEntries; index += 1) {
    const start = entriesOffset + index * entryBytes;
    if (!isZero(slot.subarray(start, start + entryBytes))) ghosts.push({ ...readEntry(slot, index), index });
  }
  return ghosts;
}

function entryDifferences(a: readonly PlacedEntry[], b: readonly PlacedEntry[]): EntriesDifference {
  const [ofA, ofB] = [byOriginal(a), byOriginal(b)];
  const differences: EntryDifference[] = [];
  let moved = 0;
  for (const [key, one] of ofA) {
    const other = ofB.get(key) ?? null;
    const fields = other === null ? [] : changedFields(one, other);
    if (other === null || fields.length > 0) differences.push({ a: one, b: other, fields });
    else if (one.index !== other.index) moved += 1;
  }
  for (const [key, other] of ofB) if (!ofA.has(key)) differences.push({ a: null, b: other, fields: [] });
  return { differences, moved };
}

/** The first, second ... entry of an original sector. */
function byOriginal(entries: readonly PlacedEntry[]): Map<string, PlacedEntry> {
  const counts = new Map<bigint, number>();
  return new Map(
    entries.map((entry) => {
      const count = counts.get(entry.originalSector) ?? 0;
      counts.set(entry.originalSector, count + 1);
      return [`${entry.originalSector}#${count}`, entry];
    }),
  );
}

const changedFields = ({ index: _a, ...a }: PlacedEntry, { index: _b, ...b }: PlacedEntry): string[] =>
  (Object.keys(a) as (keyof RemapEntry)[]).filter((name) => a[name] !== b[name]).map(formatName);
