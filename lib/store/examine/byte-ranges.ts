// Room: store, pure part. Where the bytes of two slots differ, and in which fields of the structure that is (format.md section 2).
import {
  entriesOffset,
  entryBytes,
  entryLayout,
  headerLayout,
  trailerLayout,
  trailerOffset,
} from '../../format/structure.js';

/** Bytes of a slot, counted from its start. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

//  A number of which some bytes happen to be equal is one difference, not two.
const mergedGap = 8;

/**
 * The bytes from `start` to before `end` in which two slots differ, rising. Differences with fewer than 8 equal bytes between
 * them are one range.
 */
export function differingRanges(a: Uint8Array, b: Uint8Array, start: number, end: number): ByteRange[] {
  const ranges: { offset: number; length: number }[] = [];
  if (Buffer.compare(a.subarray(start, end), b.subarray(start, end)) === 0) return ranges;
  for (let at = start; at < end; at += 1) {
    if (a[at] === b[at]) continue;
    const last = ranges.at(-1);
    if (last !== undefined && at - (last.offset + last.length) < mergedGap)
      last.length = at + 1 - last.offset;
    else ranges.push({ offset: at, length: 1 });
  }
  return ranges;
}

/** How many bytes from `start` to before `end` differ. */
export function differingBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) if (a[at] !== b[at]) count += 1;
  return count;
}

//  Where the format's name is not ours in another spelling.
const formatNames: Readonly<Record<string, string>> = {
  timestampSeconds: 'timestamp',
  checksum: 'metadata_checksum',
  sectorsScanned: 'scan_stats.sectors_scanned',
  errorsDetected: 'scan_stats.errors_detected',
  slowSectorsFound: 'scan_stats.slow_sectors_found',
  scanInterruptions: 'scan_stats.scan_interruptions',
  remapTimestampNs: 'remap_timestamp',
};

/** The name of a field as format.md section 2 has it. */
export const formatName = (field: string): string =>
  formatNames[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The fields that a range of the structure falls in: `sequence_number`, `remaps[3].spare_sector`, `remaps[3..9]`. */
export function fieldsIn(range: ByteRange): string[] {
  const { offset, length } = range;
  const touched = (fields: typeof headerLayout.fields, base: number) =>
    fields.filter(
      (field) => base + field.offset < offset + length && offset < base + field.offset + field.bytes,
    );
  const names = (fields: typeof headerLayout.fields) => fields.map(({ name }) => formatName(name));
  return [
    ...names(touched(headerLayout.fields, 0)),
    ...entriesIn(range, touched),
    ...names(touched(trailerLayout.fields, trailerOffset)),
  ];
}

function entriesIn(
  { offset, length }: ByteRange,
  touched: (fields: typeof entryLayout.fields, base: number) => typeof entryLayout.fields,
): string[] {
  const first = Math.max(offset, entriesOffset);
  const last = Math.min(offset + length, trailerOffset) - 1;
  if (last < first) return [];
  const indexOf = (at: number) => Math.floor((at - entriesOffset) / entryBytes);
  const index = indexOf(first);
  if (indexOf(last) > index) return [`remaps[${index}..${indexOf(last)}]`];
  const fields = touched(entryLayout.fields, entriesOffset + index * entryBytes);
  if (fields.length === entryLayout.fields.length) return [`remaps[${index}]`];
  return fields.map(({ name }) => `remaps[${index}].${formatName(name)}`);
}
