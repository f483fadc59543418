// Room: cli. `dmremap repair`: every copy gets the elected table again. It tells its plan; only --apply writes.

import { sha256Of } from '../../base/crypto.js';
import type { DmremapError } from '../../base/errors.js';
import { writeNewFile } from '../../recovery/new-file.js';
import { type Command, dataInMetadataOption, jsonOption, print, writeOptions } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands, UsageError } from '../options/args.js';
import { limitsOf } from '../options/limits.js';
import { timeoutOption } from '../options/numbers.js';
import { plannedOption, refuseOtherPlan } from '../options/plan-option.js';
import { useOption } from '../options/use-option.js';
import { toCommitJson, writtenCopies } from '../print/commit-text.js';
import { escapeText, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { ExplainedError, explanation } from '../print/failure.js';
import { toGhostsJson } from '../print/ghost-text.js';
import { planLines, repairedLines } from '../print/repair-text.js';
import { bytesText } from '../print/text.js';
import { type Backup, backupChoice, carryOut } from '../spare/backup.js';
import { tellReading } from '../spare/live.js';
import {
  allowedOther,
  askedByName,
  holdsOtherMain,
  nameToo,
  refuseMixedMains,
  wantsName,
  yesOption,
} from '../spare/other-main.js';
import { absolute } from '../spare/resolved-path.js';
import { openForReading, withSpare } from '../spare/spare.js';
import { refuseStrangers, strangerNotes, toStrangersJson } from '../spare/strangers.js';
import { ghostOption, lookAt } from './repair-preview.js';
import { type RepairDone, type RepairOutlook, stillToRepair } from './repair-steps.js';

const name = 'repair';

/** What came of it. */
interface Carried extends RepairDone {
  readonly backup: Backup | null;
  /** The new image, where that was asked for. */
  readonly output: { readonly file: string; readonly bytes: number } | null;
}

const notCarried: Carried = { commit: null, after: null, backup: null, output: null };

export const repairCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'tell how to bring every copy back to the elected table, or do it',
  about: [
    'Rewrites copies that are damaged, blank, stale or misdirected, and leaves the good ones alone. Where the elected',
    'table does not outrank all others, or the kernel module does not take it, the way is a commit with a new sequence;',
    'so it is where --use or --ignore-clock names the table.',
    'Without --apply PATH is opened for reading only. With it the spare is held exclusively, what is there is saved',
    'before, exactly the plan is written, and everything is read again afterwards. The plan has a name made of what is on',
    'the spare and of what would be written: --plan carries out that one, as it was shown, or nothing.',
    '--ghosts takes back into the table what is left behind its end, where it was emptied or cut: entries whose original',
    'sector and place on the spare are still free, and that look as the module writes them. It tells which, and why not',
    'the others. They come from the copy that is elected, or that --use names, and never unasked.',
    '--output leaves PATH alone and writes the metadata region as it would be, 655360 bytes, to a new file: a repair',
    'changes nothing else, and every command takes that for the spare.',
    'Exits with 0 where there is nothing to do and 1 where it has repaired; with 4 where damage is left, and without',
    '--apply where there is something to repair.',
  ],
  examples: [
    { command: 'dmremap repair /dev/sdb', says: 'What would be written, and why. Nothing is:' },
    { command: 'dmremap repair --apply /dev/sdb', says: 'Carry it out:' },
    {
      command: 'dmremap repair --apply --use copy=2 spare.img',
      says: 'Where copies disagree and copy 2 is known to be the right one:',
    },
    {
      command: 'dmremap repair --ghosts spare.img',
      says: 'The table was emptied: what is left of it, and what of that can be taken back?',
    },
    {
      command: 'dmremap repair --output repaired.img spare.img',
      says: 'In a new image; the spare is only read:',
    },
  ],
  options: {
    apply: { help: 'carry the plan out' },
    plan: { value: 'ID', help: 'with --apply: only if it is this plan, of the last 24 hours' },
    output: { value: 'NEW', help: 'carry it out in a new image; PATH is only read' },
    use: {
      value: 'copy=N|seq=N|file=FILE',
      help: 'commit this table: of a copy (0 to 4), of a sequence, or of a backup or image',
    },
    ghosts: { help: 'take the entries behind an emptied or cut table back into it' },
    'ghost-index': {
      value: 'LIST',
      help: 'take these ghosts alone, doubtful ones too: numbers and ranges, 0,3-5',
    },
    'ignore-clock': { help: 'commit the table that wins but for the clock of this host' },
    'rewrite-unreadable': { help: 'rewrite copies that cannot be read too: what they held is lost' },
    ...yesOption,
    ...dataInMetadataOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    useOption(args, name);
    ghostOption(args);
    backupChoice(args, name);
    const allowOther = allowedOther(args, path, name);
    const planned = plannedOption(context, args, name);
    const output = outputOption(args);
    const timeoutMs = timeoutOption(args, name);
    if (args.flags.has('apply')) {
      return withSpare(context, args, path, name, async (spare) => {
        const outlook = await askedByName(context, args, spare, async (isNamed) => {
          const outlook = await lookAt(context, args, spare, planned?.now, isNamed);
          if (wantsName(outlook.refusal)) throw outlook.refusal;
          if (!isNamed && !allowOther) {
            if (outlook.trial !== null) refuseMixedMains(path, outlook.report);
            refuseStrangers(path, outlook.overwrites);
          }
          return outlook;
        });
        refuseOtherPlan(path, outlook.trial, planned?.id);
        const { job, trial } = admitted(path, outlook);
        told(context, args, path, outlook, trial === null ? ['nothing was written'] : []);
        if (job === null || trial === null) return tell(context, args, path, outlook, notCarried);
        const { result, backup } = await carryOut(context, spare, job, trial);
        return tell(context, args, path, outlook, { ...result, backup, output: null });
      });
    }
    const limits = limitsOf(context, timeoutMs);
    const device = await openForReading(context, path, limits);
    try {
      const outlook = await lookAt(context, args, { device, path, limits });
      if (output === undefined) {
        told(context, args, path, outlook, planEnd(outlook));
        return tell(context, args, path, outlook, notCarried);
      }
      const { trial } = admitted(path, outlook);
      told(context, args, path, outlook, trial === null ? ['nothing was written'] : []);
      if (trial === null) return tell(context, args, path, outlook, notCarried);
      const file = absolute(context, output);
      context.progress?.begin('write', { output: true });
      await writeNewFile(file, trial.after, 0o600);
      const bytes = trial.after.length;
      return tell(context, args, path, outlook, { ...trial.result, backup: null, output: { file, bytes } });
    } finally {
      await device.close();
    }
  },
};

function outputOption(args: Args): string | undefined {
  const output = args.values.get('output');
  if (output === '') throw new UsageError('--output needs a value: NEW', name);
  if (output !== undefined && args.flags.has('apply')) {
    throw new UsageError("'--output' and '--apply' exclude each other", name);
  }
  return output;
}

/** @throws the refusal, with the way on. */
function admitted(path: string, outlook: RepairOutlook): RepairOutlook {
  const { refusal } = outlook;
  if (refusal === null) return outlook;
  throw new ExplainedError(refusal.code, `${path}: ${withoutPath(path, refusal)}`, explanation(refusal));
}

const withoutPath = (path: string, { message }: DmremapError): string =>
  message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;

function told(
  context: Context,
  args: Args,
  path: string,
  outlook: RepairOutlook,
  end: readonly string[],
): void {
  if (!args.flags.has('json')) print(context, [...planLines(path, outlook), ...end]);
}

function planEnd({ report, trial, overwrites }: RepairOutlook): string[] {
  if (trial === null) return ['nothing was written'];
  const end = `nothing was written: --apply does it${nameToo(report)}`;
  return [...strangerNotes(overwrites), `plan ${trial.id}`, end];
}

function tell(context: Context, args: Args, path: string, outlook: RepairOutlook, carried: Carried): number {
  const { plan } = outlook;
  const { commit, after, output } = carried;
  const left = after === null ? null : stillToRepair(after);
  const exitStatus = statusOf(outlook, carried, left) | tellReading(context, path, outlook.reading);
  if (args.flags.has('json')) {
    context.stdout.write(jsonText(toRepairJson(path, outlook, carried, left, exitStatus)));
  } else if (commit !== null && after !== null) {
    const where =
      output === null
        ? []
        : [
            `in ${escapeText(output.file)}, ${bytesText(BigInt(output.bytes))}: ${escapeText(path)} is as it was`,
          ];
    print(context, [...repairedLines(plan, commit, after, left ?? []), ...where]);
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
  { report, plan, reading, steps, refusal, file, trial, overwrites }: RepairOutlook,
  { commit, after, backup, output }: Carried,
  left: readonly string[] | null,
  exitStatus: number,
) {
  const { mode, reasons, source } = plan;
  return {
    schema: 'dmremap.repair/1',
    path,
    ...reading,
    mode,
    reasons,
    refusal: refusal && { code: refusal.code, message: refusal.message },
    wantsName: trial !== null && holdsOtherMain(report),
    source: source && { copy: source.copy, sequence: `${source.sequence}`, file },
    ghosts: toGhostsJson(report, plan),
    steps,
    overwrites: toStrangersJson(overwrites),
    plan: trial && {
      id: trial.id,
      writes: trial.writes.map(({ offset, bytes }) => ({
        offset: `${offset}`,
        length: bytes.length,
        sha256: sha256Of(bytes),
      })),
    },
    applied: commit !== null && output === null,
    commit: commit && toCommitJson(commit, after),
    left,
    backup,
    output,
    exitStatus,
  };
}
