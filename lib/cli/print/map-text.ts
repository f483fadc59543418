// Room: cli, pure part. The picture of a spare for a terminal: a row for each slot, a strip for each device. A cell stands
// for so many sectors, and what is in it is never rounded away.
import { metadataRegionBytes } from '../../format/geometry.js';
import { structureBytes } from '../../format/structure.js';
import type { Report, ReportCopy } from '../../store/examine/examine.js';
import type { MapSlot, SpareMap } from '../../store/examine/spare-map.js';
import { escapeText } from './escape.js';
import { stateText } from './examine-text.js';
import { heldLines, remainingLine } from './held-text.js';
import { lintLines } from './lint-text.js';
import { bytesText, counted, indented, sectorsText, type Tone, table } from './text.js';

interface MapTextOptions {
  readonly paint: (tone: Tone, text: string) => string;
  /** Of a line. */
  readonly columns: number;
  /** Lists every area and finding. */
  readonly all: boolean;
}

const shownAreas = 16;
const sectorsPerCell = 8n;
const structureSectors = BigInt(Math.ceil(structureBytes / 512));
const regionSectors = BigInt(metadataRegionBytes / 512);

/** The lines of the picture. */
export function mapText(report: Report, map: SpareMap, path: string, options: MapTextOptions): string[] {
  return [
    `${escapeText(path)}: ${bytesText(report.sizeBytes)}, ${report.geometry} geometry`,
    '',
    ...slotRows(report, map, options),
    '',
    ...devices(report, map, options),
    ...areaTable(map, options),
    ...collisions(map, options),
  ];
}

/** The cells on one line, each run of one kind in its colour. */
const painted = (cells: readonly string[], paint: MapTextOptions['paint']): string =>
  cells.join('').replace(/[X!]+|=+|[-Mh]+|[1-9+]+/g, (run) => {
    const [cell = ''] = run;
    return paint(
      'X!'.includes(cell) ? 'error' : cell === '=' ? 'good' : '-Mh'.includes(cell) ? 'info' : 'warning',
      run,
    );
  });

/** One row for each slot, 8 sectors a cell. */
function slotRows(report: Report, { slots }: SpareMap, { paint }: MapTextOptions): string[] {
  const digits = Math.max(...slots.map(({ first }) => `${first}`.length));
  const rows = slots.map((slot) => {
    const copy = report.copies[slot.copy] as ReportCopy;
    const cells = painted(slotCells(slot, isBlank(copy)), paint);
    const by = electedBy(report, slot.copy);
    const says = [stateText(copy), ...(by === '' ? [] : [`elected by ${by}`])].join(', ');
    return `${slot.copy}  ${`${slot.first}`.padStart(digits)}  ${cells}  ${says}`;
  });
  return [
    'Copies, by the first sector of their slots (a cell is 8 sectors)',
    ...indented(rows),
    ...indented(['= valid   ! damaged   - blank   . free   X data of a remapped sector']),
  ];
}

export const isBlank = ({ slot }: ReportCopy): boolean =>
  slot.state === 'damaged' && slot.damage.fault === 'blank';

export function electedBy({ elections: { ours, driver } }: Report, copy: number): string {
  return [...(ours?.copy === copy ? ['us'] : []), ...(driver?.copy === copy ? ['the driver'] : [])].join(
    ' and ',
  );
}

function slotCells(slot: MapSlot, blank: boolean): string[] {
  const cells = Number(slot.count / sectorsPerCell);
  if (slot.state === 'absent') return Array<string>(cells).fill(' ');
  const body = slot.state === 'valid' ? '=' : blank ? '-' : '!';
  const within = new Set(slot.data.map(({ spare }) => Number((spare - slot.first) / sectorsPerCell)));
  return Array.from({ length: cells }, (_, at) => {
    if (within.has(at)) return 'X';
    return BigInt(at) * sectorsPerCell < structureSectors ? body : '.';
  });
}

interface Strip {
  readonly title: string;
  readonly first: bigint;
  /** Behind the last. */
  readonly end: bigint;
  readonly places: readonly { readonly at: bigint; readonly collides: boolean }[];
  readonly slots: readonly MapSlot[];
  readonly held: readonly bigint[];
}

const heldSectors = ({ table: remaps }: SpareMap): bigint[] =>
  (remaps?.heldPlaces ?? []).map(({ spareSector }) => spareSector);

function devices(report: Report, map: SpareMap, options: MapTextOptions): string[] {
  const { main, spare, entries, table: remaps } = map;
  if (main === null || spare === null || remaps === null)
    return ['There is no table: nothing is remapped.', ''];
  const placed = (place: 'original' | 'spare') =>
    entries.map((entry) => ({ at: entry[place] as bigint, collides: entry.collides }));
  const { first, end } = spareWindow(report, map);
  const free = spare.sectors > end ? spare.sectors - end : 0n;
  return [
    ...strip(
      {
        title: `Main: ${sectorsText(main.sectors)}, ${remappedText(map)}`,
        first: 0n,
        end: main.sectors,
        places: placed('original'),
        slots: [],
        held: [],
      },
      options,
    ),
    '',
    ...strip(
      {
        title: `Spare: ${sectorsText(spare.sectors)}, ${usedText(map)}`,
        first,
        end,
        places: placed('spare'),
        slots: map.slots,
        held: heldSectors(map),
      },
      options,
    ),
    ...indented([
      `free from sector ${end} on: ${sectorsText(free)}`,
      ...heldLines(remaps),
      remainingLine(remaps),
      '',
      '1 to 9 remapped sectors in the cell   + more   X in the way   M metadata',
      ...(heldSectors(map).length > 0 ? ['h held back for another copy or a ghost'] : []),
    ]),
    '',
  ];
}

/**
 * The sectors of the spare that are drawn: to the last place in use. On a whole disk the rest would leave one cell for all
 * of them. What lies in front is drawn with the copies.
 */
export function spareWindow({ geometry }: Report, map: SpareMap) {
  const { spare, entries, slots } = map;
  const first = geometry === 'driver' ? regionSectors : 0n;
  const size = spare?.sectors ?? 0n;
  const ends = [
    ...slots.filter(({ state }) => state !== 'absent').map(({ first, count }) => first + count),
    ...[...entries.map(({ spare: at }) => at), ...heldSectors(map)]
      .map((at) => at + 1n)
      .filter((end) => end <= size),
  ];
  return { first, end: ends.reduce((most, end) => (end > most ? end : most), first) };
}

export function remappedText({ main, entries }: SpareMap): string {
  if (main === null || entries.length === 0) return 'nothing is remapped';
  return `${counted(entries.length, 'sector')} remapped in ${counted(main.areas.length, 'area')}`;
}

export function usedText({ spare }: SpareMap): string {
  const used = spare?.areas.reduce((sum, { count }) => sum + count, 0n) ?? 0n;
  return `${counted(used, 'sector')} in use`;
}

function strip(
  { title, first, end, places, slots, held }: Strip,
  { paint, columns }: MapTextOptions,
): string[] {
  const sectors = end - first;
  if (sectors <= 0n) return [title];
  const width = BigInt(Math.max(10, columns - 4));
  const perCell = (sectors + width - 1n) / width;
  const cells = Number((sectors + perCell - 1n) / perCell);
  const counts = new Array<number>(cells).fill(0);
  const bad = new Set<number>();
  for (const { at, collides } of places) {
    if (at < first || at >= end) continue;
    const cell = Number((at - first) / perCell);
    counts[cell] = (counts[cell] ?? 0) + 1;
    if (collides) bad.add(cell);
  }
  const kept = new Set(
    held.filter((at) => at >= first && at < end).map((at) => Number((at - first) / perCell)),
  );
  const inSlot = (cell: number) => {
    const from = first + BigInt(cell) * perCell;
    return slots.some((slot) => slot.first < from + perCell && from < slot.first + slot.count);
  };
  const drawn = counts.map((count, cell) => {
    if (bad.has(cell)) return 'X';
    if (count > 0) return count > 9 ? '+' : `${count}`;
    if (kept.has(cell)) return 'h';
    return inSlot(cell) ? 'M' : '.';
  });
  return [title, ...indented([painted(drawn, paint), ruler(first, end - 1n, perCell, cells)])];
}

/** What the ends of a strip are and what a cell is, below it; the scale gives way where there is no room. */
function ruler(first: bigint, last: bigint, perCell: bigint, cells: number): string {
  const scale = `a cell is ${counted(perCell, 'sector')}`;
  const room = cells - `${first}${last}`.length;
  if (room < 2) return `${first} to ${last}, ${scale}`;
  const middle = room < scale.length + 4 ? '' : scale;
  const before = Math.floor((room - middle.length) / 2);
  return `${first}${' '.repeat(before)}${middle}${' '.repeat(room - middle.length - before)}${last}`;
}

/** The remapped areas of main, and where the data of each lies. */
function areaTable({ main }: SpareMap, { all }: MapTextOptions): string[] {
  if (main === null || main.areas.length === 0) return [];
  const listed = all ? main.areas : main.areas.slice(0, shownAreas);
  const more = main.areas.length - listed.length;
  return [
    'Remapped areas of main',
    ...indented(
      table(
        [
          { title: 'sectors', align: 'right' },
          { title: 'first', align: 'right' },
          { title: 'last', align: 'right' },
          { title: 'on the spare' },
        ],
        listed.map(({ first, count, entries }) => [
          `${count}`,
          `${first}`,
          `${first + count - 1n}`,
          placesText(entries.map(({ spare }) => spare)),
        ]),
      ),
    ),
    ...(more > 0 ? [`  ... and ${more} more (--all lists them)`] : []),
    '',
  ];
}

function placesText(spares: readonly bigint[]): string {
  const least = spares.reduce((least, at) => (at < least ? at : least));
  const most = spares.reduce((most, at) => (at > most ? at : most));
  return least === most ? `${least}` : `${least} to ${most}`;
}

function collisions({ collisions: found }: SpareMap, { paint, all }: MapTextOptions): string[] {
  if (found.length === 0) return ['No collisions'];
  return ['Collisions', ...indented(lintLines(found, paint, all))];
}
