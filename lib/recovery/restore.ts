// Room: recovery. A commit of a table that comes from elsewhere: from a backup, or from another image (format.md rule
// 10). What the spare holds is overwritten as by any commit, the copy that is elected there last.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { clockSeconds, type Sector, sectorsIn, sequence } from '../base/units.js';
import type { Device } from '../device/device.js';
import type { ValidCopy } from '../format/codec.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { metadataOf, withHeader } from '../format/metadata.js';
import { textOf } from '../format/text.js';
import {
  refuseData,
  refuseDataInMetadata,
  refuseKnown,
  refuseUnreadable,
} from '../store/commit/admission.js';
import type { CommitReport, CopyOutcome } from '../store/commit/commit-report.js';
import { runCommit } from '../store/commit/commit-run.js';
import { claimDevice, giveOutSequence } from '../store/commit/device-claims.js';
import { withSequenceLeft } from '../store/commit/exhausted.js';
import { readBack } from '../store/commit/read-back.js';
import { SlotLedger } from '../store/commit/slot-ledger.js';
import { isForeign, looksLikeOurs } from '../store/examine/activation.js';
import { withTarget } from '../store/examine/device-or-path.js';
import { commitTimestamp, electOurs, nextSequenceBase } from '../store/examine/election.js';
import type { Findings, Report } from '../store/examine/examine.js';
import { inspect, inspectForWriting } from '../store/examine/inspect.js';
import { strangerClauses, underStructures } from '../store/examine/strangers.js';
import { checkStoreOptions, type StoreOptions } from '../store/store-options.js';
import { validCopies } from '../store/table/copies.js';
import { effectiveEntries } from '../store/table/table.js';

export interface RestoreOptions
  extends Pick<StoreOptions, 'signal' | 'timeoutMs' | 'now' | 'direct' | 'window'> {
  /** Writes although the spare shows that it is of another main device, or holds somebody else's data. */
  readonly allowOther?: boolean | undefined;
  /** Writes although there is nothing of ours, and bytes that nobody knows. */
  readonly force?: boolean | undefined;
  /** Leaves copies that cannot be read alone, instead of refusing: they could be newer than all others. */
  readonly allowUnreadable?: boolean | undefined;
  readonly allowUnsafe?: boolean | undefined;
  readonly allowDataInMetadata?: boolean | undefined;
}

export interface RestoreReport {
  readonly before: Report;
  readonly commit: CommitReport;
  readonly after: Report;
}

/**
 * Commits the table of `source` to a spare, with a sequence above all that are there.
 *
 * Rejections: those of `openDevice`; CommitError as of a commit; with nothing written ERR_OTHER_MAIN and ERR_DATA_PRESENT
 * (unless allowed; for bytes that nobody knows `force` is enough), ERR_SPARE_OUT_OF_RANGE where a remap of the table has its sector behind the end of the spare, ERR_IO
 * where a copy cannot be read, ERR_SINGLE_COPY, ERR_DATA_IN_METADATA, ERR_DEVICE_TOO_SMALL, ERR_SEQUENCE_EXHAUSTED.
 */
export function restore(
  target: string | Device,
  source: ValidCopy,
  options: RestoreOptions = {},
): Cancellable<RestoreReport> {
  return cancellableAsync(options, async (signal) => {
    checkStoreOptions(options);
    const now = options.now ?? clockSeconds;
    const { direct, window } = options;
    const open = { mode: 'write', direct, window, signal, keep: false } as const;
    return withTarget(target, open, async (device) => {
      const unclaim = claimDevice(device, geometries.driver);
      try {
        const before = await inspectForWriting(device, { geometry: 'driver', now: now(), signal });
        admitRestore(device, before, source, options);
        const { allowUnsafe } = options;
        const left = { geometry: 'driver', now: now(), allowUnsafe, signal } as const;
        const { report, earlier } = await withSequenceLeft(device, before, left);
        const commit = await commitSource(device, report, source, earlier, signal);
        const look = () => inspect(device, { geometry: 'driver', now: now(), signal });
        return { before, commit, after: await readBack(commit, look) };
      } finally {
        unclaim();
      }
    });
  });
}

async function commitSource(
  device: Device,
  before: Report,
  source: ValidCopy,
  earlier: readonly CopyOutcome[] | undefined,
  signal: AbortSignal,
) {
  const next = sequence(nextSequenceBase(before.copies) + 1n);
  giveOutSequence(device, next);
  const replaced = electOurs(before.copies)?.slot.header.timestampSeconds ?? before.now;
  const metadata = withHeader(metadataOf(source), {
    sequenceNumber: next,
    timestampSeconds: commitTimestamp(replaced, before.now),
    spareDeviceSectors: sectorsOfSpare(device, source),
  });
  return runCommit({
    device,
    //  What is elected there is the last to be overwritten, and not before the new table is durable.
    ledger: new SlotLedger(geometries.driver, before.copies, before.elections.ours?.copy, before.now),
    metadata,
    indexOf: (copy) => copy,
    fresh: false,
    earlier,
    signal,
  });
}

/** What is written as the size of the spare: of the one at hand, unless that is an image of the region alone. */
export function sectorsOfSpare({ info }: Device, { header }: ValidCopy): Sector {
  const isImage = info.kind !== 'block' && info.sizeBytes <= metadataRegionBytes;
  return isImage ? header.spareDeviceSectors : sectorsIn(info.sizeBytes);
}

/** Whether it may be done. @throws DmremapError as `restore` says. */
export function admitRestore(
  device: Device,
  report: Report,
  source: ValidCopy,
  options: RestoreOptions,
): void {
  const { path } = device.info;
  const fitting = report.copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (fitting === 0) throw new DmremapError('ERR_DEVICE_TOO_SMALL', `${path}: no copy of 131072 bytes fits`);
  if (!options.allowUnreadable) refuseUnreadable(path, report);
  if (!options.allowOther) refuseOthers(path, report, source, options.force === true);
  const effective = effectiveEntries(source.entries);
  const spareSectors = sectorsOfSpare(device, source);
  const outside = source.entries.find((entry, at) => effective[at] && entry.spareSector >= spareSectors);
  if (outside !== undefined) {
    const message = `the data of sector ${outside.originalSector} would lie at ${outside.spareSector}, and ${path} has ${spareSectors} sectors`;
    throw new DmremapError('ERR_SPARE_OUT_OF_RANGE', message);
  }
  if (fitting === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (options.allowDataInMetadata) return;
  refuseDataInMetadata(report.shown?.slot.entries ?? [], geometries.driver);
  refuseDataInMetadata(source.entries, geometries.driver);
}

function refuseOthers(path: string, report: Report, source: ValidCopy, force: boolean): void {
  refuseOtherMain(path, otherMain(report, source));
  const { copies, otherCopies, strangers } = report;
  if (copies.some(isForeign)) refuseKnown(path, ['a layout that is not the kernel module’s']);
  const { marks, told } = strangers;
  //  Where there is, or was, metadata of ours, to bring that back is what a restore is for.
  const isOurs = [...copies, ...otherCopies].some(looksLikeOurs);
  const known = isOurs ? underStructures(marks, geometries.driver) : marks;
  refuseKnown(path, [...strangerClauses(known), ...told]);
  if (!isOurs && !force) refuseData(path, report);
}

/** @throws DmremapError ERR_OTHER_MAIN where there are any: `differences` are clauses. */
export function refuseOtherMain(path: string, differences: readonly string[]): void {
  if (differences.length === 0) return;
  const message = `${path}: it belongs to another main device: ${differences.join('; ')}`;
  throw new DmremapError('ERR_OTHER_MAIN', message);
}

/** What shows that the valid copies on a spare are of another pair of devices than a table: clauses. */
export function otherMain({ copies }: Pick<Findings, 'copies'>, { header }: ValidCopy): string[] {
  const differences = validCopies(copies).flatMap(({ slot }) => {
    const found = slot.header;
    const rows: readonly [what: string, here: string, there: string][] = [
      ['main has N sectors', `${found.mainDeviceSectors}`, `${header.mainDeviceSectors}`],
      ['the UUID of main is "N"', textOf(found.mainDeviceUuid), textOf(header.mainDeviceUuid)],
      ['the UUID of the spare is "N"', textOf(found.spareDeviceUuid), textOf(header.spareDeviceUuid)],
      ['the fingerprint is N', hexOf(found.deviceFingerprint), hexOf(header.deviceFingerprint)],
    ];
    return rows
      .filter(([, here, there]) => here !== there)
      .map(
        ([what, here, there]) =>
          `${what.replace('N', here)} there, ${there === '' ? 'empty' : there} in the table`,
      );
  });
  return [...new Set(differences)];
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
