// Room: store, pure part. A report as the document dmremap.examine/1 (cli.md, docs/examine.schema.json). Its fields
// are a promise to scripts: one may be added, none removed or changed without another number.

import type { Damage } from '../../format/damage.js';
import type { Header } from '../../format/structure.js';
import { textOf } from '../../format/text.js';
import type { Report, ReportCopy, ReportEntry } from '../examine/examine.js';
import type { Lint } from '../examine/lint.js';
import type { Admission } from '../examine/module-admission.js';
import { hex32 } from '../table/phrases.js';
import { toEntryJson } from './entry-json.js';

/** The name and number of the document. */
const examineSchema = 'dmremap.examine/1';

/**
 * The document of `report`, ready for JSON.stringify: 64-bit numbers are decimal strings, checksums 0x and eight digits.
 * `path` is what the caller examined; it is passed on as it is.
 */
export function toExamineJson(report: Report, path: string) {
  const { elections, shown } = report;
  return {
    schema: examineSchema,
    path,
    sizeBytes: `${report.sizeBytes}`,
    geometry: report.geometry,
    now: `${report.now}`,
    changedWhileRead: report.changedWhileRead,
    stillChanging: report.stillChanging,
    inUse: { ...report.inUse },
    copies: report.copies.map(copyJson),
    elections: {
      driver: electedJson(elections.driver),
      ours: electedJson(elections.ours),
      agree: elections.agree,
    },
    activation: activationJson(report.activation),
    device: shown === null ? null : deviceJson(shown.slot.header),
    entries: report.entries.map(entryJson),
    ghosts: report.ghosts.map(entryJson),
    lints: report.lints.map(lintJson),
  };
}

const activationJson = ({ verdict, reasons, admission }: Report['activation']) => ({
  verdict,
  reasons: [...reasons],
  admission: admission && toAdmissionJson(admission),
});

/** Whether the module would create the target, as it stands in documents. */
export const toAdmissionJson = (admission: Admission) => ({
  accepts: admission.accepts,
  reasons: [...admission.reasons],
  neededSectors: `${admission.neededSectors}`,
  assumedOverheadPercent: admission.assumedOverheadPercent,
});

const electedJson = (elected: Report['elections']['driver']) =>
  elected && { copy: elected.copy, sequence: `${elected.sequence}` };

function copyJson({ copy, offset, slot, driverRejects }: ReportCopy) {
  const header = slot.state === 'absent' ? null : slot.header;
  const computed = slot.state === 'absent' ? null : slot.computed;
  //  Of another version nobody knows where the counts are.
  const counts = slot.state === 'damaged' && slot.damage.fault === 'version' ? null : header;
  return {
    copy,
    offset: `${offset}`,
    state: slot.state,
    damage: slot.state === 'damaged' ? damageJson(slot.damage) : null,
    driver: { accepts: driverRejects === null, rejects: driverRejects },
    header: header === null || computed === null ? null : headerJson(header, computed),
    activeRemaps: counts?.activeRemaps ?? null,
    maxRemaps: counts?.maxRemaps ?? null,
    nextSpareSector: counts === null ? null : `${counts.nextSpareSector}`,
    healthScore: counts?.healthScore ?? null,
  };
}

function damageJson(damage: Damage) {
  switch (damage.fault) {
    case 'magic':
      return { fault: damage.fault, found: hex32(damage.found) };
    case 'checksum':
      return { fault: damage.fault, stored: hex32(damage.stored), computed: hex32(damage.computed) };
    default:
      return damage;
  }
}

const headerJson = (header: Header, computed: number) => ({
  magic: hex32(header.magic),
  version: header.version,
  sequence: `${header.sequenceNumber}`,
  timestamp: `${header.timestampSeconds}`,
  checksum: hex32(header.checksum),
  computed: hex32(computed),
  copyIndex: header.copyIndex,
  structureSize: header.structureSize,
});

const deviceJson = (header: Header) => ({
  mainSectors: `${header.mainDeviceSectors}`,
  spareSectors: `${header.spareDeviceSectors}`,
  sectorSize: header.sectorSize,
  mainUuid: textOf(header.mainDeviceUuid),
  spareUuid: textOf(header.spareDeviceUuid),
  model: textOf(header.deviceModel),
});

const entryJson = (entry: ReportEntry) => ({
  index: entry.index,
  ...toEntryJson(entry),
  effective: entry.effective,
});

function lintJson(lint: Lint) {
  const { id, severity, message } = lint;
  return 'entry' in lint
    ? { id, severity, entry: lint.entry, message }
    : { id, severity, copies: [...lint.copies], message };
}
