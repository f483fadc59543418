// Room: recovery. Carries a repair out, reads everything again, and says what is there now. It follows the plan and
// decides nothing; nothing is written without `apply`.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { clockSeconds } from '../base/units.js';
import type { Device } from '../device/device.js';
import { geometries } from '../format/geometry.js';
import { metadataOf } from '../format/metadata.js';
import { refuseDataInMetadata } from '../store/commit/admission.js';
import type { CommitReport } from '../store/commit/commit-report.js';
import { runCommit } from '../store/commit/commit-run.js';
import { claimDevice } from '../store/commit/device-claims.js';
import { readBack } from '../store/commit/read-back.js';
import { SlotLedger } from '../store/commit/slot-ledger.js';
import { withTarget } from '../store/examine/device-or-path.js';
import type { Report } from '../store/examine/examine.js';
import { inspect, inspectForWriting } from '../store/examine/inspect.js';
import { MetadataStore } from '../store/metadata-store.js';
import { checkStoreOptions, type StoreOptions } from '../store/store-options.js';
import { takenGhosts } from './ghosts.js';
import { commonIndex, planRepair, type RepairOptions, type RepairPlan } from './repair-plan.js';

export interface RepairRunOptions extends RepairOptions, Omit<StoreOptions, 'copyIndex' | 'spacing'> {
  /** Writes. Without it the plan is made, from a device that is only read. */
  readonly apply?: boolean | undefined;
  /** Repairs although live entries have their data inside the metadata region, which the write may destroy. */
  readonly allowDataInMetadata?: boolean | undefined;
}

export interface RepairReport {
  readonly plan: RepairPlan;
  readonly before: Report;
  /** What was written; null where nothing was. */
  readonly commit: CommitReport | null;
  /** What was read afterwards; null where nothing was written. */
  readonly after: Report | null;
}

/**
 * Brings the copies of a spare back to one table (format.md rules 9, 10 and 14): plans, and with `apply` writes,
 * reads again and elects again.
 *
 * Rejections: those of `openDevice`; CommitError as of a commit, where an abort or a write error ends it; ERR_NO_METADATA,
 * ERR_COPY_NOT_VALID, ERR_METADATA_AMBIGUOUS, ERR_SINGLE_COPY, ERR_DATA_IN_METADATA, ERR_GHOST_NOT_FOUND and those of
 * `RemapTable.insert` for a ghost that was named, with nothing written. Without `apply` a refusal is in the plan.
 */
export function repair(target: string | Device, options: RepairRunOptions = {}): Cancellable<RepairReport> {
  return cancellableAsync(options, async (signal) => {
    checkStoreOptions(options);
    const { apply = false, geometry = 'driver', direct, window } = options;
    const now = options.now ?? clockSeconds;
    const mode = apply ? 'write' : 'read';
    const open = {
      mode,
      direct: apply ? direct : (direct ?? 'prefer'),
      window,
      signal,
      keep: false,
    } as const;
    const look = apply ? inspectForWriting : inspect;
    return withTarget(target, open, async (device) => {
      const unclaim = apply ? claimDevice(device, geometries[geometry]) : undefined;
      try {
        const before = await look(device, { geometry, now: now(), signal });
        const plan = planRepair(before, options);
        if (!apply || plan.mode === 'nothing') return { plan, before, commit: null, after: null };
        if (plan.code !== undefined) throw new DmremapError(plan.code, plan.reasons.join(' '));
        const commit = await (plan.mode === 'commit'
          ? commitTable(device, plan, options, signal, unclaim)
          : rewrite(device, plan, before, options, signal));
        const after = await readBack(commit, () => inspect(device, { geometry, now: now(), signal }));
        return { plan, before, commit, after };
      } finally {
        unclaim?.();
      }
    });
  });
}

/** format.md rule 10: where a rewrite would not do. The store claims the device itself. */
async function commitTable(
  device: Device,
  plan: RepairPlan,
  options: RepairRunOptions,
  signal: AbortSignal,
  unclaim: (() => void) | undefined,
): Promise<CommitReport> {
  const { geometry, now, allowUnsafe, allowDataInMetadata, rewriteUnreadable } = options;
  unclaim?.();
  const store = await MetadataStore.open(device, {
    mode: 'write',
    copy: plan.source?.copy,
    // The commit leaves such a copy alone: what is rewritten by force is another repair's, with the same table.
    allowUnreadable: rewriteUnreadable,
    geometry,
    now,
    signal,
  });
  try {
    const taken = takenGhosts(plan.ghosts ?? []);
    if (taken.length > 0) store.table.takeGhostsBack(taken);
    return await store.commit({ allowUnsafe, allowDataInMetadata, signal });
  } finally {
    await store.close();
  }
}

async function rewrite(
  device: Device,
  plan: RepairPlan,
  report: Report,
  { allowDataInMetadata }: RepairRunOptions,
  signal: AbortSignal,
): Promise<CommitReport> {
  const source = report.copies[plan.source?.copy ?? -1];
  if (source?.slot.state !== 'valid') throw new Error('a plan without a source');
  const metadata = metadataOf(source.slot);
  if (!allowDataInMetadata) refuseDataInMetadata(metadata.entries, geometries[report.geometry]);
  const common = commonIndex(report, { ...source, slot: source.slot });
  return runCommit({
    device,
    ledger: new SlotLedger(geometries[report.geometry], report.copies, source.copy, report.now),
    metadata,
    indexOf: (number) => common ?? number,
    fresh: false,
    // The source is the last good copy: it is among them where only its number is wrong.
    order: plan.writes.map((write) => ({
      copy: write.copy,
      disarm: write.disarm,
      last: write.copy === source.copy,
    })),
    sameTable: true,
    required: 0,
    signal,
  });
}
