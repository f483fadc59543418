// Room: format, pure part. Whose data it may be that a spare still holds: file systems, containers, members of a RAID and
// partition tables, by the marks that they leave at the start of a device and at its end. A new table would destroy them.
import { containers } from './signatures/containers.js';
import { diskLabels } from './signatures/disk-labels.js';
import { fileSystems } from './signatures/file-systems.js';
import type { Mark, Place } from './signatures/mark.js';
import type { Range, SparseBytes } from './signatures/sparse-bytes.js';

export { type Range, SparseBytes } from './signatures/sparse-bytes.js';

/** A mark that was found. */
export interface FoundMark extends Range {
  /** Of what, to follow "it holds". */
  readonly name: string;
}

const signatures = [...fileSystems, ...containers, ...diskLabels];

/** Every mark that is there, where its structure was read. Those of one kind of data follow each other. */
export function findMarks(bytes: SparseBytes, sizeBytes: bigint): FoundMark[] {
  return signatures.flatMap(({ name, marks }) =>
    marks.flatMap((mark) => {
      const base = placeOn(mark.base, sizeBytes);
      if (base === undefined || !isThere(mark, base, bytes)) return [];
      return [{ name, offset: base + BigInt(mark.at), length: mark.bytes.length }];
    }),
  );
}

function isThere(mark: Mark, base: bigint, bytes: SparseBytes): boolean {
  const found = bytes.at(base + BigInt(mark.at), mark.bytes.length);
  if (found === undefined || !mark.bytes.every((byte, at) => found[at] === byte)) return false;
  if (mark.holds === undefined) return true;
  const structure = bytes.at(base, mark.span);
  return (
    structure !== undefined &&
    mark.holds(new DataView(structure.buffer, structure.byteOffset, structure.byteLength))
  );
}

//  One read of so much between two marks costs less than a second read.
const mergedGap = 4096n;

/**
 * What has to be read of a device so that every mark can be seen: ranges of whole blocks of `blockBytes` in their order, those that
 * are near as one. What does not fit the device is left out, and what lies in a range that was `tried` already.
 */
export function rangesToRead(sizeBytes: bigint, blockBytes: number, tried: readonly Range[]): Range[] {
  const isTried = (first: bigint, end: bigint) =>
    tried.some(({ offset, length }) => offset <= first && end <= offset + BigInt(length));
  const block = BigInt(blockBytes);
  const whole = sizeBytes - (sizeBytes % block);
  const ranges: { first: bigint; end: bigint }[] = [];
  for (const { base, span } of signatures.flatMap(({ marks }) => marks)) {
    const offset = placeOn(base, sizeBytes);
    if (offset === undefined || isTried(offset, offset + BigInt(span))) continue;
    const first = offset - (offset % block);
    const end = offset + BigInt(span) + block - 1n;
    const wholeEnd = end - (end % block);
    if (wholeEnd <= whole) ranges.push({ first, end: wholeEnd });
  }
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: typeof ranges = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last === undefined || range.first > last.end + mergedGap) merged.push({ ...range });
    else if (range.end > last.end) last.end = range.end;
  }
  return merged.map(({ first, end }) => ({ offset: first, length: Number(end - first) }));
}

/** The offset of a place; undefined where it would lie before the device. What lies behind its end was not read. */
function placeOn(place: Place, sizeBytes: bigint): bigint | undefined {
  if (place.from === 'start') return BigInt(place.offset);
  const offset = sizeBytes - (sizeBytes % BigInt(place.block)) - BigInt(place.distance);
  return offset < 0n ? undefined : offset;
}
