// Room: cli, pure part. The picture of a spare as SVG: main above, the spare below, a line from each remapped sector to
// the place of its data, and the five copies. Positions are in pixels; what is there is never narrower than one.
import { structureBytes } from '../../format/structure.js';
import type { Report, ReportCopy } from '../../store/examine/examine.js';
import type { MapSide, MapSlot, SpareMap } from '../../store/examine/spare-map.js';
import { escapeText } from './escape.js';
import { stateText } from './examine-text.js';
import { heldLines, remainingLine } from './held-text.js';
import { electedBy, isBlank, remappedText, spareWindow, usedText } from './map-text.js';
import { bytesText, sectorsText } from './text.js';

const left = 24;
const width = 912;
const bar = 26;
const ink = {
  text: '#222',
  quiet: '#666',
  free: '#e8e8e8',
  metadata: '#9db4d0',
  remap: '#c77700',
  bad: '#c1121f',
  held: '#7b5ea7',
  good: '#2f855a',
};

/** One SVG document. */
export function mapSvg(report: Report, map: SpareMap, path: string): string {
  const { main, spare } = map;
  const parts = [
    text(left, 30, `${escapeText(path)}: ${bytesText(report.sizeBytes)}, ${report.geometry} geometry`, 16),
  ];
  let y = 62;
  if (main !== null && spare !== null) {
    parts.push(...devices(report, map, main, spare, y));
    y += 210;
  } else {
    parts.push(text(left, y, 'There is no table: nothing is remapped.', 13));
    y += 30;
  }
  parts.push(
    text(left, y, 'Copies of the metadata', 13),
    ...map.slots.flatMap((slot) => slotParts(report, slot, y + 10)),
  );
  const height = y + 128;
  parts.push(legend(height - 16));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 ${height}" width="960" height="${height}" role="img" ` +
      `font-family="system-ui, sans-serif" fill="${ink.text}">`,
    `<title>${xml(`The map of ${escapeText(path)}`)}</title>`,
    `<rect width="960" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function devices(report: Report, map: SpareMap, main: MapSide, spare: MapSide, y: number): string[] {
  const onMain = scale(0n, main.sectors);
  //  From the metadata on, for the lines that end in it.
  const first = 0n;
  const { end } = spareWindow(report, map);
  const onSpare = scale(first, end);
  const below = y + 130;
  const lines = new Set<string>();
  for (const { original, spare: place, collides } of map.entries) {
    if (original >= main.sectors || place < first || place >= end) continue;
    const [from, to] = [onMain(original), onSpare(place)].map((x) => (Math.round(x * 2) / 2).toFixed(1));
    lines.add(
      `<line x1="${from}" y1="${y + 8 + bar}" x2="${to}" y2="${below}" stroke="${collides ? ink.bad : ink.remap}"/>`,
    );
  }
  return [
    text(left, y, `Main: ${sectorsText(main.sectors)}, ${remappedText(map)}`, 13),
    rect(left, y + 8, width, bar, ink.free),
    ...areas(main, 0n, main.sectors, y + 8),
    `<g stroke-width="0.8" stroke-opacity="0.55">${[...lines].join('')}</g>`,
    rect(left, below, width, bar, ink.free),
    ...map.slots
      .filter((slot) => slot.state !== 'absent' && slot.first < end)
      .map((slot) => {
        const behind = slot.first + slot.count;
        const from = onSpare(slot.first);
        return rect(from, below, onSpare(behind > end ? end : behind) - from, bar, ink.metadata);
      }),
    ...areas(spare, first, end, below),
    ...(map.table?.heldPlaces ?? [])
      .filter(({ spareSector }) => spareSector >= first && spareSector < end)
      .map(({ spareSector }) =>
        rect(Math.min(onSpare(spareSector), left + width - 1.5), below, 1.5, bar, ink.held),
      ),
    text(
      left,
      below + bar + 16,
      `Spare: ${sectorsText(spare.sectors)}, ${usedText(map)}; drawn up to sector ${end - 1n}`,
      13,
    ),
    ...(map.table === null
      ? []
      : [
          text(
            left,
            below + bar + 32,
            [...heldLines(map.table), remainingLine(map.table)].join('; '),
            12,
            ink.quiet,
          ),
        ]),
  ];
}

/** From a sector to pixels. */
function scale(first: bigint, end: bigint): (at: bigint) => number {
  const sectors = Number(end - first) || 1;
  return (at) => left + (Number(at - first) / sectors) * width;
}

function areas({ areas: found }: MapSide, first: bigint, end: bigint, y: number): string[] {
  const x = scale(first, end);
  return found
    .filter((area) => area.first >= first && area.first < end)
    .map((area) => {
      const from = Math.min(x(area.first), left + width - 1.5);
      const behind = area.first + area.count;
      const to = x(behind > end ? end : behind);
      const bad = area.entries.some(({ collides }) => collides);
      return rect(from, y, Math.max(to - from, 1.5), bar, bad ? ink.bad : ink.remap);
    });
}

function slotParts(report: Report, slot: MapSlot, y: number): string[] {
  const copy = report.copies[slot.copy] as ReportCopy;
  const gap = 12;
  const wide = (width - 4 * gap) / 5;
  const x = left + slot.copy * (wide + gap);
  const perSector = wide / Number(slot.count);
  const tone = slot.state === 'valid' ? ink.good : isBlank(copy) ? ink.quiet : ink.bad;
  const by = electedBy(report, slot.copy);
  const header = copy.slot.state === 'absent' ? null : copy.slot.header;
  const says = [stateText(copy), ...(header === null ? [] : [`sequence ${header.sequenceNumber}`])].join(
    ', ',
  );
  return [
    slot.state === 'absent'
      ? `<rect x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${bar}" fill="none" stroke="${ink.quiet}" stroke-dasharray="4 3"/>`
      : rect(x, y, wide, bar, ink.free) + rect(x, y, (structureBytes / 512) * perSector, bar, tone),
    ...slot.data.map(({ spare }) =>
      rect(x + Number(spare - slot.first) * perSector, y, Math.max(perSector, 1.5), bar, ink.bad),
    ),
    text(x, y + bar + 16, `copy ${slot.copy}, from sector ${slot.first}`, 12),
    text(x, y + bar + 32, says, 12, ink.quiet),
    by === '' ? '' : text(x, y + bar + 48, `elected by ${by}`, 12, ink.good),
  ];
}

function legend(y: number): string {
  const items = [
    [ink.good, 'valid copy'],
    [ink.bad, 'damaged, or in the way'],
    [ink.remap, 'remapped'],
    [ink.metadata, 'metadata'],
    [ink.held, 'held back'],
    [ink.free, 'free'],
  ] as const;
  return items
    .map(
      ([fill, says], at) =>
        rect(left + at * 152, y - 10, 12, 12, fill) + text(left + at * 152 + 18, y, says, 12, ink.quiet),
    )
    .join('');
}

const rect = (x: number, y: number, w: number, h: number, fill: string): string =>
  `<rect x="${x.toFixed(1)}" y="${y}" width="${w.toFixed(1)}" height="${h}" fill="${fill}"/>`;

const text = (x: number, y: number, says: string, size: number, fill?: string): string =>
  `<text x="${x.toFixed(1)}" y="${y}" font-size="${size}"${fill === undefined ? '' : ` fill="${fill}"`}>${xml(says)}</text>`;

const xml = (raw: string): string =>
  raw.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`).replace(/[\ufffe\uffff]/g, '?');
