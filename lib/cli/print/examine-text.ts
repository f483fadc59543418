// Room: cli, pure part. A report for people, the answer first: which copy wins and what the module would do now.
import { assertNever } from '../../base/units.js';
import { textOf } from '../../format/text.js';
import type { Report, ReportCopy, ReportEntry } from '../../store/examine/examine.js';
import { sentence } from '../../store/table/phrases.js';
import { activationText, activationTone, ambiguityClauses, electionLines } from './election-text.js';
import { escapeText } from './escape.js';
import { lintLines } from './lint-text.js';
import {
  bytesText,
  type Column,
  counted,
  flagsText,
  folded,
  indented,
  sectorsText,
  type Tone,
  table,
  utcOf,
  utcOfNanoseconds,
} from './text.js';

interface ExamineTextOptions {
  readonly paint: (tone: Tone, text: string) => string;
  /** Lists every entry, ghost and lint. */
  readonly all: boolean;
  /** Of a line, in columns. */
  readonly width: number;
  /** What was asked for beside the report: goes behind who wins. */
  readonly more?: readonly string[];
}

const shownEntries = 20;

/** The lines of the report. */
export function examineText(report: Report, path: string, options: ExamineTextOptions): string[] {
  const { width, more = [] } = options;
  const fold = (lines: readonly string[]) => folded(lines, width);
  return [
    ...fold([
      `${escapeText(path)}: ${bytesText(report.sizeBytes)}, ${report.geometry} geometry, ` +
        `judged at ${utcOf(report.now)} (${report.now})`,
    ]),
    '',
    ...copyTable(report, width),
    '',
    ...fold([...winners(report), ...more, ...activation(report, options), ...device(report)]),
    ...entries(report, options),
    ...ghosts(report, options),
    ...fold(lints(report, options)),
  ];
}

const right = (title: string, optional?: 1 | 2): Column => ({ title, align: 'right', optional });

/** One line per copy. With a number behind a damaged copy goes a "?": nothing proves it. */
export function copyTable({ copies, elections }: Report, width?: number): string[] {
  return table(
    [
      right('copy'),
      right('offset', 2),
      { title: 'state' },
      right('sequence'),
      { title: 'timestamp (UTC)' },
      right('raw', 1),
      right('remaps'),
      { title: 'elected by' },
    ],
    copies.map((copy) => {
      const by = [
        ...(elections.ours?.copy === copy.copy ? ['us'] : []),
        ...(elections.driver?.copy === copy.copy ? ['driver'] : []),
      ];
      return [`${copy.copy}`, `${copy.offset}`, stateText(copy), ...headerCells(copy), by.join(', ')];
    }),
    width,
  );
}

function headerCells({ slot }: ReportCopy): string[] {
  if (slot.state === 'absent' || slot.header === null) return ['-', '-', '-', '-'];
  const doubt = slot.state === 'valid' ? '' : '?';
  const { sequenceNumber, timestampSeconds, activeRemaps } = slot.header;
  const remaps =
    slot.state === 'damaged' && slot.damage.fault === 'version' ? '-' : `${activeRemaps}${doubt}`;
  return [
    `${sequenceNumber}${doubt}`,
    `${utcOf(timestampSeconds)}${doubt}`,
    `${timestampSeconds}${doubt}`,
    remaps,
  ];
}

/** `valid`, `BAD checksum`: what is in a slot. */
export function stateText({ slot, driverRejects }: ReportCopy): string {
  switch (slot.state) {
    case 'absent':
      return 'absent';
    case 'valid':
      return driverRejects === 'future' ? 'valid, FUTURE' : 'valid';
    case 'damaged': {
      const { damage } = slot;
      if (damage.fault === 'unreadable') return `UNREADABLE (${damage.errno})`;
      if (damage.fault === 'foreign') return `FOREIGN (${damage.layout})`;
      return damage.fault === 'blank' ? 'blank' : `BAD ${damage.fault}`;
    }
    default:
      return assertNever(slot);
  }
}

function winners(report: Report): string[] {
  const lines = electionLines(report).map(([about, clause]) => `${about.padEnd(12)}${clause}`);
  lines.push(...ambiguityClauses(report).map((clause) => `${'AMBIGUOUS'.padEnd(12)}${clause}`));
  return ['Who wins', ...indented(lines), ''];
}

function activation(report: Report, { paint }: ExamineTextOptions): string[] {
  const { verdict, reasons, admission } = report.activation;
  const word = paint(activationTone(verdict), verdict);
  return [
    `If the kernel module takes this spare now: ${word}`,
    ...indented([sentence(activationText(report)), ...reasons, ...(admission?.reasons ?? [])]),
    '',
  ];
}

function device({ shown }: Report): string[] {
  if (shown === null) return [];
  const { header } = shown.slot;
  const named = [
    ['main uuid', header.mainDeviceUuid],
    ['spare uuid', header.spareDeviceUuid],
    ['model', header.deviceModel],
  ] as const;
  const texts = named
    .map(([name, field]) => [name, textOf(field)] as const)
    .filter(([, text]) => text !== '');
  return [
    `Sizes, as copy ${shown.copy} has them`,
    ...indented([
      `main        ${sectorsText(header.mainDeviceSectors)}`,
      `spare       ${sectorsText(header.spareDeviceSectors)}`,
      ...texts.map(([name, text]) => `${name.padEnd(12)}${text}`),
    ]),
    '',
  ];
}

function entries(report: Report, { all, width }: ExamineTextOptions): string[] {
  const { shown, entries: found } = report;
  if (shown === null) return [];
  const from = `of copy ${shown.copy}${shown.copy === report.elections.ours?.copy ? '' : ' (not the elected one)'}`;
  if (found.length === 0) return [`No remaps ${from}`, ''];
  const listed = all ? found : found.slice(0, shownEntries);
  const more = found.length - listed.length;
  return [
    `${counted(found.length, 'remap')} ${from}`,
    ...indented(entryTable(listed, width - 2)),
    ...(more > 0 ? [`  ... and ${more} more (--all lists them)`] : []),
    '',
  ];
}

/** Entries, one a line. */
export const entryTable = (entries: readonly ReportEntry[], width?: number): string[] =>
  table(
    [
      right('index'),
      right('original'),
      right('spare'),
      { title: 'time (UTC)', optional: 2 },
      { title: 'flags', optional: 1 },
      { title: 'effective' },
    ],
    entries.map((entry) => [
      `${entry.index}`,
      `${entry.originalSector}`,
      `${entry.spareSector}`,
      utcOfNanoseconds(entry.remapTimestampNs),
      flagsText(entry.flags),
      entry.effective ? 'yes' : 'no',
    ]),
    width,
  );

function ghosts({ ghosts: found }: Report, { all, width }: ExamineTextOptions): string[] {
  if (found.length === 0) return [];
  const title = `${counted(found.length, 'ghost')}: entries of an earlier table, behind the active ones`;
  return all ? [title, ...indented(entryTable(found, width - 2)), ''] : [`${title} (--all lists them)`, ''];
}

function lints({ lints: found }: Report, { paint, all }: ExamineTextOptions): string[] {
  if (found.length === 0) return ['No findings'];
  return ['Findings', ...indented(lintLines(found, paint, all))];
}
