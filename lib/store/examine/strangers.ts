// Room: store, pure part. What on a spare is not ours: marks of other data by name, and bytes that nobody knows. What lies in
// a structure whose checksum holds is ours, whatever it looks like, and so is the data of a remapped sector.

import { type Geometry, metadataRegionBytes } from '../../format/geometry.js';
import { type FoundMark, findMarks, type Range, SparseBytes } from '../../format/signatures.js';
import { slotBytes, structureBytes } from '../../format/structure.js';
import { type SlotCopy, validCopies } from '../table/copies.js';
import { listOf, pick } from '../table/phrases.js';
import { isForeign, looksLikeOurs } from './activation.js';

/** A mark of somebody else's data. */
export interface Stranger extends FoundMark {
  /** The copies, of the geometry reported, in whose slots it lies: none where it is elsewhere on the device. */
  readonly copies: readonly number[];
}

/** What was read of a device beside its slots. */
export interface Elsewhere {
  readonly read: readonly { readonly offset: bigint; readonly bytes: Uint8Array }[];
  /** What could not be read, so that nothing is known of it. */
  readonly unread: readonly (Range & { readonly errno: string })[];
}

export interface Strangers {
  /** In the order of the table of marks; those of one kind of data follow each other. */
  readonly marks: readonly Stranger[];
  /** What another program has recognised, to follow "it holds". */
  readonly told: readonly string[];
  /** Bytes of the slots that are not zero, where no slot holds anything of ours, damaged or not. */
  readonly unknown: { readonly bytes: number; readonly offset: bigint } | null;
  readonly unread: Elsewhere['unread'];
}

interface StrangersInput {
  readonly geometry: Geometry;
  readonly copies: readonly SlotCopy[];
  readonly otherCopies: readonly SlotCopy[];
  readonly sizeBytes: bigint;
  readonly elsewhere?: Elsewhere | undefined;
}

export function strangersOf(input: StrangersInput): Strangers {
  const { geometry, copies, otherCopies, sizeBytes, elsewhere } = input;
  const all = [...copies, ...otherCopies];
  const read = all.flatMap(({ offset, slot }) =>
    slot.state === 'absent' || slot.bytes === null ? [] : [{ offset: offset as bigint, bytes: slot.bytes }],
  );
  const bytes = new SparseBytes([...read, ...(elsewhere?.read ?? [])]);
  const ours = ownRanges(all);
  //  Behind the region of a spare in use lies the data of remapped sectors, which may look like anything.
  const within = validCopies(copies).length === 0 ? null : placesOf(geometry);
  const marks = findMarks(bytes, sizeBytes)
    .filter((mark) => !ours.some((range) => lies(mark, range)))
    .filter((mark) => within === null || within.some((range) => lies(mark, range)))
    .map((mark) => ({ ...mark, copies: copiesUnder(mark, geometry) }));
  return {
    marks,
    told: [],
    unknown: all.some((copy) => looksLikeOurs(copy) || isForeign(copy)) ? null : unknownBytes(copies),
    unread: elsewhere?.unread ?? [],
  };
}

/** Whether one range lies wholly in another. */
const lies = (range: Range, other: Range): boolean =>
  other.offset <= range.offset && range.offset + BigInt(range.length) <= other.offset + BigInt(other.length);

/** Whether two ranges have a byte in common. */
export const overlaps = (a: Range, b: Range): boolean =>
  a.offset < b.offset + BigInt(b.length) && b.offset < a.offset + BigInt(a.length);

//  A request that starts on a remapped sector is moved whole (format.md rule 12): a page.
const dataBytes = 4096;
const regionSectors = BigInt(metadataRegionBytes / 512);

/** The valid structures, and the places in the metadata region where their entries have data (format.md rule 14). */
function ownRanges(copies: readonly SlotCopy[]): Range[] {
  return validCopies(copies).flatMap(({ offset, slot }) => {
    const data = slot.entries
      .filter(({ spareSector }) => spareSector < regionSectors)
      .map(({ spareSector }) => ({ offset: spareSector * 512n, length: dataBytes }));
    return [{ offset, length: structureBytes }, ...data];
  });
}

/** Where metadata is written: the module's region, whatever the geometry, and the slots. */
const placesOf = ({ slots }: Geometry): Range[] => [
  { offset: 0n, length: metadataRegionBytes },
  ...slots.map((offset) => ({ offset, length: slotBytes })),
];

const copiesUnder = (mark: Range, { slots }: Geometry): number[] =>
  slots.flatMap((offset, copy) => (overlaps(mark, { offset, length: slotBytes }) ? [copy] : []));

function unknownBytes(copies: readonly SlotCopy[]): Strangers['unknown'] {
  let count = 0;
  let first: bigint | undefined;
  for (const { offset, slot } of copies) {
    if (slot.state === 'absent' || slot.bytes === null) continue;
    for (let at = 0; at < slot.bytes.length; at++) {
      if (slot.bytes[at] === 0) continue;
      first ??= offset + BigInt(at);
      count += 1;
    }
  }
  return first === undefined ? null : { bytes: count, offset: first };
}

/** The marks of each kind of data. */
export function byName(marks: readonly Stranger[]): Map<string, Stranger[]> {
  const found = new Map<string, Stranger[]>();
  for (const mark of marks) found.set(mark.name, [...(found.get(mark.name) ?? []), mark]);
  return found;
}

/** Those that lie where a structure is written. What lies behind it in its slot is left as it is. */
export const underStructures = (marks: readonly Stranger[], { slots }: Geometry): Stranger[] =>
  marks.filter((mark) => slots.some((offset) => overlaps(mark, { offset, length: structureBytes })));

/** What the marks show, each kind of data once: `an XFS file system (at byte 0)`. */
export function strangerClauses(marks: readonly Stranger[]): string[] {
  return [...byName(marks)].map(([name, of]) => {
    const offsets = of.slice(0, 3).map(({ offset }) => `${offset}`);
    const more = of.length > 3 ? [`${of.length - 3} more`] : [];
    return `${name} (at ${pick(of.length, 'byte', 'bytes')} ${listOf([...offsets, ...more])})`;
  });
}

/** `4096 bytes that are not zero, from offset 0 on`. */
export const unknownText = ({ bytes, offset }: NonNullable<Strangers['unknown']>): string =>
  `${bytes} ${pick(bytes, 'byte that is', 'bytes that are')} not zero, from offset ${offset} on`;
