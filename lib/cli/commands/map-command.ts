// Room: cli. `dmremap map`: where everything lies, as a picture.
import type { Report } from '../../store/examine/examine.js';
import { type MapArea, mapOf, type SpareMap } from '../../store/examine/spare-map.js';
import { type Command, print, readOptions } from '../command.js';
import { exactOperands, UsageError } from '../options/args.js';
import { jsonText } from '../print/escape.js';
import { blockingGhosts } from '../print/held-text.js';
import { mapSvg } from '../print/map-svg.js';
import { mapText } from '../print/map-text.js';
import { folded, painter, widthOf } from '../print/text.js';
import { readReport } from './examine-command.js';

const name = 'map';
/** Of a strip, also where a line may have any width. */
const widest = 200;

export const mapCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'draw where everything lies: copies, remapped sectors, collisions',
  about: [
    'The five copies, the part of the spare that is in use, the remapped areas of main, and what is in the way of something',
    'else. PATH is opened for reading only. On a terminal the picture is as wide as that, at most 200 columns. Exits with 0 when it could be drawn,',
    'whatever it shows.',
  ],
  examples: [
    { command: 'dmremap map /dev/sdb', says: 'In a terminal:' },
    { command: 'dmremap map --svg spare.img > spare.svg', says: 'For a browser:' },
  ],
  options: {
    svg: { help: 'print an SVG document' },
    ...readOptions,
    copy: { value: 'N', help: 'draw the table of copy N (0 to 4) instead of the elected one' },
    all: { help: 'list every area and finding' },
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const { flags } = args;
    if (flags.has('svg') && flags.has('json'))
      throw new UsageError("'--svg' and '--json' exclude each other", name);
    const { report, status } = await readReport(context, args, path, name);
    const map = mapOf(report);
    if (flags.has('json')) context.stdout.write(jsonText(toMapJson(report, map, path)));
    else if (flags.has('svg')) context.stdout.write(mapSvg(report, map, path));
    else {
      const width = widthOf(context);
      const columns = Math.min(width, widest);
      const lines = mapText(report, map, path, { paint: painter(context), columns, all: flags.has('all') });
      print(context, folded(lines, width));
    }
    return status;
  },
};

/** The document dmremap.map/1 (docs/map.schema.json). */
function toMapJson(report: Report, map: SpareMap, path: string) {
  const { sizeBytes, geometry, now, changedWhileRead, stillChanging, inUse, shown } = report;
  const areas = (found: readonly MapArea[]) =>
    found.map(({ first, count, entries }) => ({
      first: `${first}`,
      count: `${count}`,
      entries: entries.map(({ index }) => index),
    }));
  const side = (one: SpareMap['main']) =>
    one === null ? null : { sectors: `${one.sectors}`, areas: areas(one.areas) };
  return {
    schema: 'dmremap.map/1',
    path,
    sizeBytes: `${sizeBytes}`,
    geometry,
    now: `${now}`,
    changedWhileRead,
    stillChanging,
    inUse,
    copy: shown?.copy ?? null,
    slots: map.slots.map(({ copy, first, count, state, data }) => ({
      copy,
      first: `${first}`,
      count: `${count}`,
      state,
      data: data.map(({ index }) => index),
    })),
    entries: map.entries.map(({ index, original, spare, collides }) => ({
      index,
      original: `${original}`,
      spare: `${spare}`,
      collides,
    })),
    main: side(map.main),
    spare: side(map.spare),
    held: map.table && toMapHeldJson(map.table),
    remapsLeft: map.table?.remaining ?? null,
    collisions: map.collisions,
  };
}

const toMapHeldJson = (table: NonNullable<SpareMap['table']>) => ({
  ...table.held,
  blockingGhosts: blockingGhosts(table),
  sectors: table.heldPlaces.map(({ spareSector, by, copies }) => ({ spare: `${spareSector}`, by, copies })),
});
