// Room: cli, pure part. A repair plan as it is carried out: what happens to each copy, in which order and why; what
// stands in its way; and what is left of it afterwards.
import { DmremapError } from '../../base/errors.js';
import { geometries } from '../../format/geometry.js';
import type { Plan } from '../../recovery/rehearse.js';
import { planRepair, type RepairPlan } from '../../recovery/repair-plan.js';
import { refuseDataInMetadata } from '../../store/commit/admission.js';
import { overwriteOrder } from '../../store/commit/commit-plan.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import { SlotLedger } from '../../store/commit/slot-ledger.js';
import type { Report, ReportCopy } from '../../store/examine/examine.js';
import type { Reading } from '../../store/examine/stable-read.js';
import type { Stranger } from '../../store/examine/strangers.js';
import { copiesText } from '../../store/table/phrases.js';
import { ExplainedError } from '../print/failure.js';
import { utcOf } from '../print/text.js';
import type { WriteJob } from '../spare/backup.js';

interface RepairStep {
  readonly copy: number;
  /** Place in the order of writing, from 1; null where the copy is left alone. */
  readonly order: number | null;
  /** Its first block is zeroed, durably, before it is written. */
  readonly disarm: boolean;
  /** To follow "copy N". */
  readonly why: string;
}

/** What is known before anything is written. */
export interface RepairOutlook {
  /** Whether somebody wrote while it was read. */
  readonly reading: Reading;
  readonly report: Report;
  readonly plan: RepairPlan;
  /** The file that the table comes from; null where it is a copy of the spare. */
  readonly file: string | null;
  readonly steps: readonly RepairStep[];
  /** Why `--apply` is refused; null where it is not. */
  readonly refusal: DmremapError | null;
  /** Marks of somebody else's data that would be overwritten. */
  readonly overwrites: readonly Stranger[];
  readonly job: WriteJob<RepairDone> | null;
  /** What would be written, byte for byte; null where it is refused, or there is nothing to do. */
  readonly trial: Plan<RepairDone> | null;
}

/** What a repair, or a commit of a table from a file, comes to. */
export interface RepairDone {
  readonly commit: CommitReport | null;
  readonly after: Report | null;
}

/** One step per copy, those that are written first and in their order. None where the plan is refused. */
export function repairSteps(report: Report, plan: RepairPlan): RepairStep[] {
  const { mode, source } = plan;
  if (mode === 'refused' || source === null) return [];
  const reasons = new Map(plan.writes.map(({ copy, why }) => [copy, why]));
  const writes = mode === 'commit' ? commitOrder(report, source.copy) : plan.writes;
  const written = writes.map(({ copy, disarm }, at) => {
    const why = reasons.get(copy) ?? 'holds the table, and gets the new sequence';
    return { copy, order: at + 1, disarm, why };
  });
  const left = report.copies
    .filter(({ copy }) => !writes.some((write) => write.copy === copy))
    .map((copy) => ({ copy: copy.copy, order: null, disarm: false, why: whyLeft(copy, plan) }));
  return [...written, ...left];
}

/** The steps of a commit of a table that comes from elsewhere. */
export function restoreSteps(report: Report): RepairStep[] {
  const writes = commitOrder(report, report.elections.ours?.copy);
  const written = writes.map(({ copy, disarm }, at) => ({
    copy,
    order: at + 1,
    disarm,
    why: 'gets the table of the file',
  }));
  const left = report.copies.filter(({ copy }) => !writes.some((write) => write.copy === copy));
  const whyNot = ({ slot }: ReportCopy) =>
    slot.state === 'absent'
      ? 'does not fit the device'
      : 'cannot be read, and a commit leaves such a copy alone';
  return [
    ...written,
    ...left.map((copy) => ({ copy: copy.copy, order: null, disarm: false, why: whyNot(copy) })),
  ];
}

/** As the commit will do it: it overwrites every copy that can be read. */
function commitOrder(report: Report, named: number | undefined) {
  const ledger = new SlotLedger(geometries[report.geometry], report.copies, named, report.now);
  return overwriteOrder(ledger.plan);
}

function whyLeft({ copy, slot }: ReportCopy, { left }: RepairPlan): string {
  if (slot.state === 'absent') return 'does not fit the device';
  if (slot.state === 'valid') return 'holds the table';
  return (
    left.find((one) => one.copy === copy)?.why ?? 'cannot be read, and a commit leaves such a copy alone'
  );
}

/** Why `--apply` would be refused; null where it would not, or has nothing to do. */
export function repairRefusal(
  report: Report,
  plan: RepairPlan,
  options: {
    readonly allowUnsafe: boolean;
    readonly allowDataInMetadata: boolean;
    readonly ignoreClock: boolean;
  },
): DmremapError | null {
  if (plan.code === 'ERR_IO')
    return new ExplainedError(plan.code, plan.reasons.join(' '), [rewriteText(report)]);
  if (plan.code !== undefined) return new DmremapError(plan.code, plan.reasons.join(' '));
  if (plan.mode === 'nothing') return null;
  if (!options.ignoreClock && plan.mode === 'commit') {
    const ahead = clockRefusal(report, plan);
    if (ahead !== null) return ahead;
  }
  const writes = repairSteps(report, plan).filter(({ order }) => order !== null);
  if (plan.mode === 'commit' && writes.length === 1 && !options.allowUnsafe) {
    return new DmremapError('ERR_SINGLE_COPY');
  }
  if (options.allowDataInMetadata) return null;
  try {
    refuseDataInMetadata(report.shown?.slot.entries ?? [], geometries[report.geometry]);
    return null;
  } catch (error) {
    if (error instanceof DmremapError) return error;
    throw error;
  }
}

/** A commit writes the time of this host, and where its clock is wrong there is a better way. */
function clockRefusal({ copies, now }: Report, { source }: RepairPlan): DmremapError | null {
  const copy = source === null ? undefined : copies[source.copy];
  if (copy?.slot.state !== 'valid' || copy.driverRejects !== 'future') return null;
  const { timestampSeconds } = copy.slot.header;
  const message = `copy ${copy.copy} is dated ${utcOf(timestampSeconds)}, and the clock of this host says ${utcOf(now)}`;
  return new ExplainedError('ERR_CLOCK_BEHIND', message, [
    `if the clock is wrong, set it, and nothing has to be written: date --utc --set='${utcOf(timestampSeconds)}' or later`,
    '--ignore-clock commits that table with the time of this host',
  ]);
}

/** The copies that cannot be read. */
export const unreadableCopies = ({ copies }: Report): number[] =>
  copies
    .filter(({ slot }) => slot.state === 'damaged' && slot.damage.fault === 'unreadable')
    .map(({ copy }) => copy);

/** The way on where copies cannot be read. */
export const rewriteText = (report: Report): string =>
  `--rewrite-unreadable rewrites ${copiesText(unreadableCopies(report))} too: what is there is lost then`;

/** What a repair would still have to do, in clauses. Empty: nothing. */
export function stillToRepair(after: Report): string[] {
  const { mode, reasons, writes } = planRepair(after, { allowUnsafe: true, rewriteUnreadable: true });
  if (mode === 'refused' || (mode === 'commit' && writes.length === 0)) return [...reasons];
  return writes.map(({ copy, why }) => `copy ${copy} ${why}`);
}
