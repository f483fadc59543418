// Room: cli, pure part. A dump for people: what is as the module writes it is not worth a line, and neighbours are one.
import { blankMetadata } from '../../format/metadata.js';
import type { RemapEntry } from '../../format/structure.js';
import { type DumpJson, toDumpJson, toHeaderJson } from '../../store/json/dump-json.js';
import type { ValidSlot } from '../../store/table/copies.js';
import { effectiveEntries } from '../../store/table/table.js';
import { escapeText } from './escape.js';
import {
  counted,
  flagsText,
  indented,
  sectorsText,
  table,
  utcOf,
  utcOfNanoseconds,
  wrapped,
} from './text.js';

/** The lines of a copy. `path` is where it was read. */
export function dumpText(shown: ValidSlot, path: string): string[] {
  const { copy, slot } = shown;
  const { header, entries, ghosts } = slot;
  const dump = toDumpJson(shown, path);
  const effective = effectiveEntries(entries);
  const places = entries.map((entry, index) => ({ entry, index, effective: effective[index] === true }));
  const behind = ghosts.map(({ entry, index }) => ({ entry, index, effective: false }));
  return [
    `${escapeText(path)}: copy ${copy}, sequence ${header.sequenceNumber}, of ${utcOf(header.timestampSeconds)}`,
    ...indented([
      `main   ${sectorsText(header.mainDeviceSectors)}`,
      `spare  ${sectorsText(header.spareDeviceSectors)}`,
      ...othersText(shown, dump),
    ]),
    '',
    entries.length === 0 ? 'no remaps' : counted(entries.length, 'remap'),
    ...runTable(places),
    ...(ghosts.length === 0
      ? []
      : ['', `${counted(ghosts.length, 'ghost')}: entries of an earlier table, behind the active ones`]),
    ...runTable(behind),
  ];
}

//  Told above, or of the copy and not of the table.
const toldFields = [
  'sequenceNumber',
  'timestampSeconds',
  'checksum',
  'mainDeviceSectors',
  'spareDeviceSectors',
  'activeRemaps',
];

/** Fields that are not what the module writes into a new table, in lines. */
function othersText({ slot: { header } }: ValidSlot, dump: DumpJson): string[] {
  const plain = blankMetadata({
    mainSectors: header.mainDeviceSectors,
    spareSectors: header.spareDeviceSectors,
    timestampSeconds: header.timestampSeconds,
    sequence: header.sequenceNumber,
  });
  const usual: Readonly<Record<string, unknown>> = toHeaderJson(plain.header);
  const others = Object.entries(dump.header)
    .filter(([name, value]) => !toldFields.includes(name) && `${usual[name]}` !== `${value}`)
    .map(([name, value]) => `${name} ${value}`);
  if (dump.expansion !== null) {
    const { version, size, data } = dump.expansion;
    others.push(`expansion version ${version}, size ${size}, ${data.length / 2} bytes`);
  }
  return others.length === 0 ? [] : wrapped(`other than in a new table: ${others.join('; ')}`, 78);
}

interface Place {
  readonly index: number;
  readonly entry: RemapEntry;
  readonly effective: boolean;
}

/** Entries that follow each other, on the disk and on both devices. */
interface EntryRun {
  readonly first: Place;
  readonly last: Place;
}

function runsOf(places: readonly Place[]): EntryRun[] {
  const runs: EntryRun[] = [];
  for (const place of places) {
    const run = runs.at(-1);
    if (run !== undefined && follows(run.last, place)) runs[runs.length - 1] = { ...run, last: place };
    else runs.push({ first: place, last: place });
  }
  return runs;
}

const follows = (one: Place, next: Place): boolean =>
  next.index === one.index + 1 &&
  next.entry.originalSector === one.entry.originalSector + 1n &&
  next.entry.spareSector === one.entry.spareSector + 1n &&
  next.entry.flags === one.entry.flags &&
  next.effective === one.effective;

/** The lines of a table of runs; none where there are no entries. The time is that of the first entry. */
function runTable(places: readonly Place[]): string[] {
  if (places.length === 0) return [];
  const right = (title: string) => ({ title, align: 'right' }) as const;
  const span = (first: bigint | number, last: bigint | number) =>
    first === last ? `${first}` : `${first}-${last}`;
  return indented(
    table(
      [
        right('index'),
        right('original'),
        right('spare'),
        { title: 'time (UTC)' },
        { title: 'flags' },
        { title: 'effective' },
      ],
      runsOf(places).map(({ first, last }) => [
        span(first.index, last.index),
        span(first.entry.originalSector, last.entry.originalSector),
        span(first.entry.spareSector, last.entry.spareSector),
        utcOfNanoseconds(first.entry.remapTimestampNs),
        flagsText(first.entry.flags),
        first.effective ? 'yes' : 'no',
      ]),
    ),
  );
}
