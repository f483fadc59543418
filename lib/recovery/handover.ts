// Room: recovery. Makes a spare ready for the kernel module (format section 6 rule 11). It will write sequence 2 next,
// and after a power cut our higher sequence would win over its newer table: so the elected table is rewritten with
// sequence 1 on every copy.
//
// The order decides. Whatever is not the elected table goes first, and the first write error ends it: a stale copy of
// sequence 6 that could not be overwritten would win over sequence 1. From then on each crash state holds one table.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { clockSeconds, sequence } from '../base/units.js';
import type { Device } from '../device/device.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { metadataOf, withHeader } from '../format/metadata.js';
import { ambiguityText, refuseDataInMetadata } from '../store/admission.js';
import { overwriteOrder } from '../store/commit-plan.js';
import type { CommitReport } from '../store/commit-report.js';
import { runCommit } from '../store/commit-run.js';
import type { ValidSlot } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { inspect } from '../store/inspect.js';
import type { StoreOptions } from '../store/metadata-store.js';
import { SlotLedger } from '../store/slot-ledger.js';
import { sameButIndex, sameTable } from '../store/table.js';
import { withTarget } from '../store/target.js';
import { readBack } from './read-back.js';

export interface HandoverOptions extends Omit<StoreOptions, 'spacing'> {
  /** Hands over even where only one copy can be written. */
  readonly allowUnsafe?: boolean | undefined;
  /** Hands over although live entries have their data inside the metadata region, which the write may destroy. */
  readonly allowDataInMetadata?: boolean | undefined;
}

export interface HandoverReport {
  readonly before: Report;
  /** What was written; null where every copy holds sequence 1 of one table already. */
  readonly commit: CommitReport | null;
  readonly after: Report;
}

const handedOver = sequence(1);

/**
 * Rewrites all copies of the elected table with sequence 1 and a current timestamp, then reads them again.
 *
 * Rejections: those of `openDevice`; CommitError where an abort or a write error ends it (run it again: until the last
 * write the old sequence wins, with the same table); ERR_NO_METADATA; ERR_METADATA_AMBIGUOUS where tables differ and more
 * than one could be right; ERR_IO where a copy cannot be read, since it could hold a higher sequence; ERR_SINGLE_COPY,
 * ERR_DATA_IN_METADATA.
 */
export function handover(
  target: string | Device,
  options: HandoverOptions = {},
): Cancellable<HandoverReport> {
  return cancellableAsync(options, async (signal) => {
    const { geometry = 'driver', direct, window, copyIndex = 'own' } = options;
    const now = options.now ?? clockSeconds;
    const open = {
      mode: 'write',
      direct,
      window,
      preallocateBytes: metadataRegionBytes,
      signal,
      keep: false,
    } as const;
    return withTarget(target, open, async (device) => {
      const before = await inspect(device, { geometry, now: now(), signal });
      const source = admit(device.info.path, before, options);
      if (isHandedOver(before, source)) return { before, commit: null, after: before };
      const ledger = new SlotLedger(geometries[before.geometry], before.copies, source.copy, before.now);
      const order = overwriteOrder(ledger.plan, ledger.electionsAgree);
      const metadata = withHeader(metadataOf(source.slot), {
        sequenceNumber: handedOver,
        timestampSeconds: now(),
      });
      const commit = await runCommit({
        device,
        ledger,
        metadata,
        indexOf: (copy) => (copyIndex === 'own' ? copy : 0),
        fresh: false,
        order,
        sameTable: true,
        stopAtError: true,
        required: order.length,
        signal,
      });
      const after = await readBack(commit, () => inspect(device, { geometry, now: now(), signal }));
      return { before, commit, after };
    });
  });
}

function admit(path: string, report: Report, options: HandoverOptions): ValidSlot {
  const { shown, copies } = report;
  if (shown === null) {
    const why = report.activation.reasons.join(' ');
    throw new DmremapError('ERR_NO_METADATA', `${path}: no copy can be used. ${why}`.trim());
  }
  // A handover that was interrupted leaves a regression with one table: it can go on.
  const tables = copies.filter(({ slot }) => slot.state === 'valid') as ValidSlot[];
  const differ = tables.some(({ slot }) => !sameTable(slot.bytes, shown.slot.bytes));
  if (differ && report.ambiguities.length > 0) {
    throw new DmremapError('ERR_METADATA_AMBIGUOUS', `${path}: ${ambiguityText(report)}`);
  }
  for (const { copy, slot } of copies) {
    if (slot.state !== 'damaged' || slot.damage.fault !== 'unreadable') continue;
    const message = `${path}: copy ${copy} cannot be read (${slot.damage.errno}) and could outrank sequence 1`;
    throw new DmremapError('ERR_IO', message, { errno: slot.damage.errno });
  }
  const usable = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (usable === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (!options.allowDataInMetadata) refuseDataInMetadata(shown.slot.entries, geometries[report.geometry]);
  return shown;
}

const isHandedOver = (report: Report, source: ValidSlot): boolean =>
  source.slot.header.sequenceNumber === handedOver &&
  report.copies.every(
    ({ slot }) =>
      slot.state === 'absent' || (slot.state === 'valid' && sameButIndex(slot.bytes, source.slot.bytes)),
  );
