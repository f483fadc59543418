// Room: cli. `dmremap repair`: every copy gets the elected table again. It tells its plan; only --apply writes.
import { type RepairReport, repair } from '../recovery/repair.js';
import { planRepair } from '../recovery/repair-plan.js';
import { examineDevice } from '../store/examine-device.js';
import { ambiguousError } from './ambiguity.js';
import { type Args, exactOperands } from './args.js';
import { type Backup, backupChoice, withBackup } from './backup.js';
import { type Command, dataInMetadataOption, jsonOption, print, writeOptions } from './command.js';
import { toCommitJson, writtenCopies } from './commit-text.js';
import type { Context } from './context.js';
import { jsonText } from './escape.js';
import { exitBits } from './exit-status.js';
import { ExplainedError, explanation } from './failure.js';
import { type Limits, limitsOf } from './limits.js';
import { copyOption, timeoutOption } from './numbers.js';
import {
  type RepairOutlook,
  repairRefusal,
  repairSteps,
  stillToRepair,
  unreadableCopies,
} from './repair-steps.js';
import { planLines, repairedLines } from './repair-text.js';
import { type Spare, withSpare } from './spare.js';

const name = 'repair';

type Carried = Pick<RepairReport, 'commit' | 'after'> & { readonly backup: Backup | null };

const notCarried: Carried = { commit: null, after: null, backup: null };

export const repairCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'bring every copy back to the elected table; tells its plan, and writes with --apply only',
  about: [
    'Rewrites copies that are damaged, blank, stale or misdirected, and leaves the good ones alone. Where the elected',
    'table does not outrank all others, or the kernel module does not take it, the way is a commit with a new sequence.',
    'Without --apply PATH is opened for reading only. With it the spare is held exclusively, what is there is saved',
    'before, and everything is read again afterwards.',
    'Exits with 0 where there is nothing to do and 1 where it has repaired; with 4 where damage is left, and without',
    '--apply where there is something to repair.',
  ],
  options: {
    apply: { help: 'carry the plan out' },
    copy: { value: 'N', help: 'repair from copy N (0 to 4), where more than one could be the right one' },
    'rewrite-unreadable': { help: 'rewrite copies that cannot be read too: what they held is lost' },
    ...dataInMetadataOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    copyOption(args, name);
    backupChoice(args, name);
    const timeoutMs = timeoutOption(args, name);
    if (!args.flags.has('apply')) {
      const outlook = await lookAt(context, args, path, limitsOf(context, timeoutMs));
      if (!args.flags.has('json')) print(context, [...planLines(path, outlook), planEnd(outlook)]);
      return tell(context, args, path, outlook, notCarried);
    }
    return withSpare(context, args, path, name, async (spare) => {
      const outlook = await lookAt(context, args, spare.device, spare.limits);
      const { plan, refusal } = outlook;
      if (refusal !== null) {
        throw new ExplainedError(refusal.code, `${path}: ${refusal.message}`, explanation(refusal));
      }
      const nothing = plan.mode === 'nothing';
      if (!args.flags.has('json')) {
        print(context, [...planLines(path, outlook), ...(nothing ? [planEnd(outlook)] : [])]);
      }
      const carried = nothing ? notCarried : await carryOut(context, args, spare, outlook);
      return tell(context, args, path, outlook, carried);
    });
  },
};

const optionsOf = (args: Args) => ({
  copy: copyOption(args, name),
  rewriteUnreadable: args.flags.has('rewrite-unreadable'),
  allowUnsafe: args.flags.has('allow-single-copy'),
  allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
});

async function lookAt(
  context: Context,
  args: Args,
  target: Spare['device'] | string,
  limits: Limits,
): Promise<RepairOutlook> {
  const options = optionsOf(args);
  const report = await examineDevice(target, {
    geometry: 'driver',
    now: context.now(),
    copy: options.copy,
    ...limits(),
  });
  const plan = planRepair(report, options);
  const refusal = repairRefusal(report, plan, options);
  const ambiguous = refusal?.code === 'ERR_METADATA_AMBIGUOUS';
  return {
    report,
    plan,
    steps: repairSteps(report, plan),
    refusal: ambiguous ? ambiguousError(report) : refusal,
  };
}

function carryOut(context: Context, args: Args, spare: Spare, { report }: RepairOutlook): Promise<Carried> {
  const write = async (backup: Backup | null): Promise<Carried> => {
    const options = { ...optionsOf(args), apply: true, now: context.now, ...spare.limits() };
    const { commit, after } = await repair(spare.device, options);
    return { commit, after, backup };
  };
  return withBackup(context, args, spare, report, write, unreadableCopies(report));
}

function planEnd({ plan, refusal }: RepairOutlook): string {
  if (refusal !== null) return 'nothing was written';
  return plan.mode === 'nothing' ? 'nothing was written' : 'nothing was written: --apply does it';
}

function tell(context: Context, args: Args, path: string, outlook: RepairOutlook, carried: Carried): number {
  const { plan } = outlook;
  const { commit, after } = carried;
  const left = after === null ? null : stillToRepair(after);
  const exitStatus = statusOf(outlook, carried, left);
  if (args.flags.has('json')) {
    context.stdout.write(jsonText(toRepairJson(path, outlook, carried, left, exitStatus)));
  } else if (commit !== null && after !== null) {
    print(context, repairedLines(plan, commit, after, left ?? []));
  }
  return exitStatus;
}

function statusOf(
  { plan, refusal }: RepairOutlook,
  { commit }: Carried,
  left: readonly string[] | null,
): number {
  const { clean, damageLeft, failed, repaired } = exitBits;
  if (commit === null || left === null) {
    return plan.mode === 'nothing' && plan.left.length === 0 && refusal === null ? clean : damageLeft;
  }
  return (writtenCopies(commit).length > 0 ? repaired : failed) | (left.length > 0 ? damageLeft : clean);
}

/** The document dmremap.repair/1 (docs/repair.schema.json). */
function toRepairJson(
  path: string,
  { plan, steps, refusal }: RepairOutlook,
  { commit, after, backup }: Carried,
  left: readonly string[] | null,
  exitStatus: number,
) {
  const { mode, reasons, source } = plan;
  return {
    schema: 'dmremap.repair/1',
    path,
    mode,
    reasons,
    refusal: refusal && { code: refusal.code, message: refusal.message },
    source: source && { copy: source.copy, sequence: `${source.sequence}` },
    steps,
    applied: commit !== null,
    commit: commit && toCommitJson(commit, after),
    left,
    backup,
    exitStatus,
  };
}
