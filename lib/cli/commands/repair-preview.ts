// Room: cli. What a repair would do, from what is read once: the report, the plan, and a trial of it on a copy in memory.
import { DmremapError } from '../../base/errors.js';
import { sequence } from '../../base/units.js';
import { maxEntries } from '../../format/structure.js';
import { copyOfSequence, copyWhateverTheClock } from '../../recovery/named-table.js';
import { readRegionSteadily, rehearsalOf } from '../../recovery/region.js';
import { rehearse } from '../../recovery/rehearse.js';
import { repair } from '../../recovery/repair.js';
import { planRepair, type RepairPlan } from '../../recovery/repair-plan.js';
import { admitRestore, restore } from '../../recovery/restore.js';
import type { Findings, Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { ValidSlot } from '../../store/table/copies.js';
import type { Context } from '../context.js';
import { type Args, UsageError } from '../options/args.js';
import { wholeNumber } from '../options/numbers.js';
import { type Use, useOption } from '../options/use-option.js';
import { ambiguousError } from '../print/ambiguity.js';
import { escapeText } from '../print/escape.js';
import { backupChoice, type WriteJob } from '../spare/backup.js';
import { tableInFile } from '../spare/file-table.js';
import { allowedOther, withYes } from '../spare/other-main.js';
import type { Spare } from '../spare/spare.js';
import { overwrittenBy, withDevice } from '../spare/strangers.js';
import {
  type RepairDone,
  type RepairOutlook,
  repairRefusal,
  repairSteps,
  restoreSteps,
} from './repair-steps.js';

const name = 'repair';

const lastEntry = BigInt(maxEntries - 1);

/** `--ghosts` and `--ghost-index 0,3-5`; undefined where neither is given. */
export function ghostOption(args: Args): 'all' | readonly number[] | undefined {
  const list = args.values.get('ghost-index');
  const wanted = args.flags.has('ghosts') || list !== undefined;
  if (wanted && args.values.get('use')?.startsWith('file=')) {
    throw new UsageError('ghosts are taken from a copy of the spare, and --use names a file', name);
  }
  if (list === undefined) return wanted ? 'all' : undefined;
  const indexes = list.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    if (more.length > 0) throw new UsageError(`bad value '${part}' for --ghost-index: N or N-N`, name);
    const from = Number(wholeNumber(first, '--ghost-index', name, 0n, lastEntry));
    const to = Number(wholeNumber(last, '--ghost-index', name, BigInt(from), lastEntry));
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
  return [...new Set(indexes)];
}

interface Way {
  readonly plan: RepairPlan;
  readonly refusal: DmremapError | null;
  readonly steps: RepairOutlook['steps'];
  readonly operate: WriteJob<RepairDone>['operate'];
}

/** Reads the spare once, and works out on that what would be done at this clock. Writes nothing. */
export async function lookAt(
  context: Context,
  args: Args,
  { device, path, limits }: Spare,
  now = context.now(),
  isNamed = false,
): Promise<RepairOutlook> {
  const use = useOption(args, name);
  const { region, reading } = await readRegionSteadily(device, limits);
  const look = (copy?: number) =>
    examineDevice(rehearsalOf(device, region), { geometry: 'driver', now, copy, ...limits() });
  const first = await look(use?.kind === 'copy' ? use.copy : undefined);
  const file = use?.kind === 'file' ? use.file : null;
  let report = first;
  let way: Way;
  if (file !== null) {
    const table = await tableInFile(context, file);
    report = await withDevice(context, { device, path, limits }, first, now);
    way = wayFromFile(
      args,
      { device, limits },
      report,
      file,
      table,
      isNamed || allowedOther(args, path, name),
    );
  } else {
    const copy = namedCopy(args, first, use);
    report = copy === undefined || use?.kind === 'copy' ? first : await look(copy);
    way = wayOfRepair(args, report, copy, use !== undefined, limits);
  }
  const { plan, steps, operate } = way;
  const job = { command: name, backup: backupChoice(args, name), operate };
  const idle = way.refusal !== null || plan.mode === 'nothing';
  context.progress?.begin('plan');
  const trial = idle ? null : await tried(rehearse(device, region, now, operate));
  const refusal = trial instanceof DmremapError ? trial : way.refusal;
  return {
    report,
    reading,
    plan,
    steps,
    file,
    job,
    refusal: refusal?.code === 'ERR_METADATA_AMBIGUOUS' ? ambiguous(report) : refusal,
    trial: trial instanceof DmremapError ? null : trial,
    overwrites:
      trial instanceof DmremapError || trial === null ? [] : overwrittenBy(report.strangers.marks, trial),
  };
}

const ambiguous = (report: Report) =>
  ambiguousError(report, '', 'name the copy to go on from with --use copy=N');

function namedCopy(args: Args, findings: Findings, use: Use | undefined): number | undefined {
  switch (use?.kind) {
    case 'copy':
      return use.copy;
    case 'seq':
      return copyOfSequence(findings, sequence(use.sequence));
    default:
      return args.flags.has('ignore-clock') ? copyWhateverTheClock(findings) : undefined;
  }
}

const allowed = (args: Args) => ({
  allowUnsafe: args.flags.has('allow-single-copy'),
  allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
});

function wayOfRepair(
  args: Args,
  report: Report,
  copy: number | undefined,
  commit: boolean,
  limits: Spare['limits'],
): Way {
  const options = {
    ...allowed(args),
    copy,
    commit,
    rewriteUnreadable: args.flags.has('rewrite-unreadable'),
    ghosts: ghostOption(args),
  };
  const plan = planRepair(report, options);
  return {
    plan,
    refusal: repairRefusal(report, plan, { ...options, ignoreClock: copy !== undefined }),
    steps: repairSteps(report, plan),
    operate: (device, now) => repair(device, { ...options, apply: true, now, ...limits() }),
  };
}

function wayFromFile(
  args: Args,
  { device, limits }: Omit<Spare, 'path'>,
  report: Report,
  file: string,
  { copy, slot }: ValidSlot,
  allowOther: boolean,
): Way {
  const options = {
    ...allowed(args),
    allowOther,
    allowUnreadable: args.flags.has('rewrite-unreadable'),
  };
  const plan: RepairPlan = {
    mode: 'commit',
    reasons: [`The table in ${escapeText(file)} was named.`],
    code: undefined,
    source: { copy, sequence: slot.header.sequenceNumber },
    writes: [],
    left: [],
    ghosts: null,
  };
  let refusal: DmremapError | null = null;
  try {
    admitRestore(device, report, slot, options);
  } catch (error) {
    const refused = withYes(error);
    if (!(refused instanceof DmremapError)) throw error;
    refusal = refused;
  }
  return {
    plan,
    refusal,
    steps: restoreSteps(report),
    operate: (target, now) => restore(target, slot, { ...options, now, ...limits() }),
  };
}

/** What the trial refuses would be refused on the spare. */
async function tried<T>(trial: Promise<T>): Promise<T | DmremapError> {
  try {
    return await trial;
  } catch (error) {
    if (error instanceof DmremapError && error.code !== 'ABORT_ERR' && error.code !== 'ERR_TIMEOUT')
      return error;
    throw error;
  }
}
