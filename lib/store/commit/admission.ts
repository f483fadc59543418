// Room: store, pure part. What stands in the way of writing to a spare, before anything is written.
import { DmremapError } from '../../base/errors.js';
import { type Geometry, touchesMetadata } from '../../format/geometry.js';
import type { RemapEntry } from '../../format/structure.js';
import { isForeign, looksLikeOurs } from '../examine/activation.js';
import type { Ambiguity, Report } from '../examine/examine.js';
import { mainsText } from '../examine/mains.js';
import { strangerClauses, unknownText } from '../examine/strangers.js';
import { copiesText, listOf } from '../table/phrases.js';
import { effectiveEntries } from '../table/table.js';
import { writableRoles } from './commit-plan.js';
import type { SlotLedger } from './slot-ledger.js';

/** Why a caller has to name the copy, and which there are to name. */
export function ambiguityText(report: Report): string {
  const reasons = report.ambiguities.map(ambiguitySentence);
  return `${reasons.join('; ')}: name the copy to go on from`;
}

function ambiguitySentence(ambiguity: Ambiguity): string {
  switch (ambiguity.kind) {
    case 'other-main':
      return `${mainsText(ambiguity.mains)} (a main device that was resized looks the same)`;
    case 'disagreement':
      return `the kernel module would take copy ${ambiguity.driver}, the newest by sequence is copy ${ambiguity.ours}`;
    case 'unaccepted':
      return `the kernel module would accept none of the copies ${listOf(ambiguity.copies)}, and they differ (is the clock right?)`;
    case 'regression':
      return `copies ${listOf(ambiguity.copies)} are newer by the clock but have a lower sequence`;
    case 'fork':
      return `copies ${listOf(ambiguity.copies)} have one sequence, ${ambiguity.sequence}, and different contents`;
  }
}

/**
 * What a create must not do (format.md rule 9).
 * @throws DmremapError ERR_DEVICE_TOO_SMALL, ERR_IO after a failed read, ERR_METADATA_EXISTS and
 *   ERR_DATA_PRESENT without `force`.
 */
export function refuseExisting(path: string, report: Report, force: boolean): void {
  const { copies, otherCopies } = report;
  if (copies.every(({ slot }) => slot.state === 'absent')) {
    throw new DmremapError('ERR_DEVICE_TOO_SMALL', `${path}: no copy of 131072 bytes fits`);
  }
  refuseUnreadable(path, report);
  const there = [...copies, ...otherCopies].filter((copy) => looksLikeOurs(copy) || isForeign(copy));
  if (force) return;
  if (there.length === 0) {
    refuseData(path, report);
    return;
  }
  const offsets = [...new Set(there.map(({ offset }) => offset))].join(', ');
  throw new DmremapError(
    'ERR_METADATA_EXISTS',
    `${path}: something that looks like metadata is there, at ${offsets}${alsoHolds(report)}`,
  );
}

/**
 * Never write after a read that failed (format.md rule 9): what the copy holds could be newer than all others.
 * @throws DmremapError ERR_IO.
 */
export function refuseUnreadable(path: string, { copies }: Report): void {
  for (const { copy, slot } of copies) {
    if (slot.state !== 'damaged' || slot.damage.fault !== 'unreadable') continue;
    const { errno } = slot.damage;
    throw new DmremapError(
      'ERR_IO',
      `${path}: copy ${copy} cannot be read (${errno}), so nothing is written`,
      { errno },
    );
  }
}

/** What a sentence about our own metadata must not hide. */
const alsoHolds = ({ strangers: { marks } }: Report): string =>
  marks.length === 0 ? '' : `, and it holds ${listOf(strangerClauses(marks))}`;

/**
 * For a spare that holds nothing of ours: what is there is somebody else's, or may be (format.md rule 9).
 * @throws DmremapError ERR_DATA_PRESENT; ERR_IO where a place that would show it cannot be read.
 */
export function refuseData(path: string, { strangers }: Pick<Report, 'strangers'>): void {
  const { marks, told, unknown, unread } = strangers;
  refuseKnown(path, [...strangerClauses(marks), ...told]);
  if (unknown !== null) refuseKnown(path, [unknownText(unknown)]);
  const [first] = unread;
  if (first === undefined) return;
  const { offset, length, errno } = first;
  const message = `${path}: ${length} bytes at ${offset} cannot be read (${errno}), and they may show whose device it is`;
  throw new DmremapError('ERR_IO', message, { errno });
}

/** @throws DmremapError ERR_DATA_PRESENT where there is any: to follow "it holds". */
export function refuseKnown(path: string, strangers: readonly string[]): void {
  if (strangers.length === 0) return;
  throw new DmremapError('ERR_DATA_PRESENT', `${path}: it holds ${listOf(strangers)}`);
}

/**
 * format.md rule 14: upstream allocates spare sectors inside the metadata region, so live data can be there, and a write would
 * destroy it.
 * @throws DmremapError ERR_DATA_IN_METADATA, naming the remaps.
 */
export function refuseDataInMetadata(entries: readonly RemapEntry[], geometry: Geometry): void {
  const effective = effectiveEntries(entries);
  const inside = entries.filter((entry, at) => effective[at] && touchesMetadata(geometry, entry.spareSector));
  if (inside.length === 0) return;
  const list = inside.slice(0, 8).map((entry) => `${entry.originalSector} -> ${entry.spareSector}`);
  const more = inside.length > list.length ? ` and ${inside.length - list.length} more` : '';
  throw new DmremapError(
    'ERR_DATA_IN_METADATA',
    `the data of ${inside.length} remapped sectors lies inside the metadata region (${list.join(', ')}${more})`,
  );
}

/** Why no commit can be made whatever the caller allows; undefined where one can. */
export function refusalOf(ledger: SlotLedger, path: string): DmremapError | undefined {
  if (ledger.hasAnotherWriter) {
    const foreign = ledger.copiesOf('foreign');
    const what = foreign.length === 0 ? 'a copy' : copiesText(foreign);
    return new DmremapError(
      'ERR_ANOTHER_WRITER',
      `${path}: somebody else has written ${what}, so nothing is written any more: open it anew and name the copy to go on from`,
    );
  }
  if (ledger.copiesOf(...writableRoles, 'unread', 'unsettled').length > 0) return undefined;
  return new DmremapError('ERR_IO', `${path}: there is no copy left that can be read`);
}
