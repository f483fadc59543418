// Room: cli. `dmremap relocate`: moves data out of the metadata region. It tells its plan; only --apply writes.

import { sha256Of } from '../../base/crypto.js';
import { DmremapError } from '../../base/errors.js';
import { readRegion, rehearsalOf } from '../../recovery/region.js';
import { type Plan, rehearse } from '../../recovery/rehearse.js';
import { planFor, type RelocateReport, rangesBehind, relocate } from '../../recovery/relocate.js';
import { placeSectors, type RelocationPlan } from '../../recovery/relocate-plan.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { Stranger } from '../../store/examine/strangers.js';
import { listOf, pick } from '../../store/table/phrases.js';
import { type Command, dataInMetadataOption, jsonOption, print, writeOptions } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands } from '../options/args.js';
import { limitsOf } from '../options/limits.js';
import { copyOption, timeoutOption, wholeNumber } from '../options/numbers.js';
import { plannedOption, refuseOtherPlan } from '../options/plan-option.js';
import { ambiguousError } from '../print/ambiguity.js';
import { toCommitJson, writtenCopies } from '../print/commit-text.js';
import { escapeMessage, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { ExplainedError, explanation } from '../print/failure.js';
import { relocatedLines, relocationLines, statusAfter } from '../print/relocate-text.js';
import { indented } from '../print/text.js';
import { type Backup, backupChoice, carryOut, type WriteJob } from '../spare/backup.js';
import {
  allowedOther,
  askedByName,
  holdsOtherMain,
  nameToo,
  refuseMixedMains,
  yesOption,
} from '../spare/other-main.js';
import { openForReading, type Spare, withSpare } from '../spare/spare.js';
import { overwrittenBy, refuseStrangers, strangerNotes, toStrangersJson } from '../spare/strangers.js';
import { verdictOf } from './check-verdict.js';

const name = 'relocate';

/** What is known before anything is written. */
interface Outlook {
  readonly report: Report;
  readonly plan: RelocationPlan;
  readonly refusal: DmremapError | null;
  readonly job: WriteJob<RelocateReport>;
  /** Null where it is refused, or there is nothing to move. */
  readonly trial: Plan<RelocateReport> | null;
  /** Marks of somebody else's data that would be overwritten. */
  readonly overwrites: readonly Stranger[];
}

interface Carried {
  readonly result: RelocateReport;
  readonly backup: Backup | null;
}

export const relocateCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'tell how to move data out of the metadata region, or do it',
  about: [
    'The kernel module hands out spare sectors from 0 upwards, so remapped sectors can have their data where the five',
    'copies are: whoever writes the metadata destroys it, and the other way round. Tells of each what is there now: data,',
    'metadata that has overwritten it, or what may be either; that is moved with --doubtful only.',
    'Without --apply PATH is opened for reading only. With it the spare is held exclusively, the region is saved before,',
    'each sector is written to a free place, with the seven behind it, and read back; then one commit names the new',
    'places, and everything is read again. A crash at any moment leaves the old table or the new one, with the data where',
    'it says. Where that cannot be, since every copy that could be written first has data in it, it is refused.',
    'What undo puts back is the region, with the data in it. The places that were free before are left as they are then;',
    'where they were written since, undo says so and asks for --force.',
    'Exits with 0 where there is nothing inside and 1 where it has moved all; with 4 where damage is left, and without',
    '--apply where there is something inside.',
  ],
  examples: [
    {
      command: 'dmremap relocate /dev/sdb',
      says: 'What lies inside, and where it would go. Nothing is written:',
    },
    { command: 'dmremap relocate --apply /dev/sdb', says: 'Carry it out:' },
    { command: 'dmremap relocate --json spare.img', says: 'For a program:' },
  ],
  options: {
    apply: { help: 'carry the plan out' },
    plan: { value: 'ID', help: 'with --apply: only if it is this plan, of the last 24 hours' },
    copy: { value: 'N', help: 'go on from copy N (0 to 4), where more than one could be the right one' },
    avoid: {
      value: 'LIST',
      help: 'sectors of the spare, as 1280,1304, whose places cannot be read or written: move nothing there',
    },
    doubtful: { help: 'move what may be no data too, and metadata that lies where data was' },
    ...yesOption,
    ...dataInMetadataOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    copyOption(args, name);
    avoidOption(args);
    backupChoice(args, name);
    const allowOther = allowedOther(args, path, name);
    const planned = plannedOption(context, args, name);
    const timeoutMs = timeoutOption(args, name);
    if (args.flags.has('apply')) {
      return withSpare(context, args, path, name, async (spare) => {
        const outlook = await askedByName(context, args, spare, async (isNamed) => {
          const outlook = await lookAt(context, args, spare, planned?.now);
          if (!isNamed && !allowOther) {
            if (outlook.trial !== null) refuseMixedMains(path, outlook.report);
            refuseStrangers(path, outlook.overwrites);
          }
          return outlook;
        });
        refuseOtherPlan(path, outlook.trial, planned?.id);
        const { refusal, trial, job } = outlook;
        if (refusal !== null) throw explained(path, outlook, refusal);
        told(context, args, path, outlook, trial === null ? ['nothing was written'] : []);
        if (trial === null) return tell(context, args, path, outlook, null);
        return tell(context, args, path, outlook, await carryOut(context, spare, job, trial));
      });
    }
    const limits = limitsOf(context, timeoutMs);
    await using device = await openForReading(context, path, limits);
    const outlook = await lookAt(context, args, { device, path, limits });
    const notes = strangerNotes(outlook.overwrites);
    const id = outlook.trial === null ? [] : [...notes, `plan ${outlook.trial.id}`];
    const end =
      outlook.trial === null
        ? 'nothing was written'
        : `nothing was written: --apply does it${nameToo(outlook.report)}`;
    told(context, args, path, outlook, [...id, end]);
    return tell(context, args, path, outlook, null);
  },
};

/** Reads the spare, plans, reads what the plan reaches behind the region, and tries it out. Writes nothing. */
async function lookAt(
  context: Context,
  args: Args,
  { device, path, limits }: Spare,
  now = context.now(),
): Promise<Outlook> {
  const copy = copyOption(args, name);
  const options = {
    copy,
    avoid: avoidOption(args),
    doubtful: args.flags.has('doubtful'),
    allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
    allowUnsafe: args.flags.has('allow-single-copy'),
  };
  const region = await readRegion(device, limits);
  const stage = rehearsalOf(device, region);
  const report = await examineDevice(stage, { geometry: 'driver', now, copy, ...limits() });
  context.progress?.begin('plan');
  const plan = planFor(device, report, options);
  const operate: WriteJob<RelocateReport>['operate'] = (target, clock) =>
    relocate(target, { ...options, apply: true, now: clock, ...limits() });
  const job = { command: name, backup: backupChoice(args, name), operate };
  const way = 'name the copy to go on from with --copy N';
  const refusal =
    plan.refusal?.code === 'ERR_METADATA_AMBIGUOUS' ? ambiguousError(report, `${path}: `, way) : plan.refusal;
  if (refusal !== null || plan.moves.length === 0) {
    return { report, plan, refusal, job, trial: null, overwrites: [] };
  }
  const all = await readRegion(device, limits, rangesBehind(plan)).catch(async (error) => {
    throw (await unreadablePlaces(args, { device, path, limits }, plan)) ?? error;
  });
  context.progress?.begin('plan');
  const trial = await rehearse(device, all, now, operate);
  return { report, plan, refusal, job, trial, overwrites: overwrittenBy(report.strangers.marks, trial) };
}

/** `--avoid LIST`. */
const avoidOption = (args: Args): readonly bigint[] =>
  args.values
    .get('avoid')
    ?.split(',')
    .map((text) => wholeNumber(text, '--avoid', name)) ?? [];

/** On a spare that dies free places may be bad too: says of all of them at once how to do without. */
async function unreadablePlaces(
  args: Args,
  { device, path, limits }: Spare,
  { moves }: RelocationPlan,
): Promise<ExplainedError | undefined> {
  const bad: bigint[] = [];
  for (const { to } of moves) {
    try {
      await device.read(to * 512n, placeSectors * 512, limits());
    } catch (error) {
      if (!(error instanceof DmremapError) || error.code !== 'ERR_IO') throw error;
      bad.push(to);
    }
  }
  if (bad.length === 0) return undefined;
  const places = `${pick(bad.length, 'the free place', 'the free places')} at sector ${listOf(bad.map(String))}`;
  return new ExplainedError('ERR_IO', `${path}: ${places} cannot be read`, [
    `--avoid ${[...avoidOption(args), ...bad].join(',')} moves the data elsewhere`,
  ]);
}

/** The refusal, with what helps. */
function explained(path: string, { plan }: Outlook, refusal: DmremapError): ExplainedError {
  const message = refusal.message.startsWith(`${path}: `) ? refusal.message : `${path}: ${refusal.message}`;
  if (refusal.code !== 'ERR_DATA_IN_METADATA') {
    return new ExplainedError(refusal.code, message, explanation(refusal));
  }
  const stays = plan.inside.some(({ holds, to }) => holds === 'doubtful' && to === null);
  return new ExplainedError(refusal.code, message, [
    ...(stays ? ['--doubtful moves what may be data too'] : []),
    '--allow-data-in-metadata goes on all the same: what undo puts back has that data in it',
  ]);
}

function told(context: Context, args: Args, path: string, outlook: Outlook, end: readonly string[]): void {
  if (args.flags.has('json')) return;
  const { report, plan, refusal } = outlook;
  const why = refusal === null ? undefined : explained(path, outlook, refusal);
  print(context, [
    ...relocationLines(path, report, plan),
    ...(why === undefined
      ? []
      : [
          `REFUSED: ${escapeMessage(why.message.slice(path.length + 2))} (${why.code})`,
          ...indented([...why.lines]),
        ]),
    ...end,
  ]);
}

function tell(context: Context, args: Args, path: string, outlook: Outlook, carried: Carried | null): number {
  const { plan, refusal } = outlook;
  const { commit = null, after = null } = carried?.result ?? {};
  const exitStatus =
    commit === null || after === null
      ? plan.inside.length === 0 && refusal === null
        ? exitBits.clean
        : exitBits.damageLeft
      : (writtenCopies(commit).length > 0 ? exitBits.repaired : exitBits.failed) | statusAfter(after);
  if (args.flags.has('json')) {
    context.stdout.write(jsonText(toRelocateJson(path, outlook, carried, exitStatus)));
  } else if (commit !== null && after !== null) {
    print(context, relocatedLines(plan, commit, after));
  }
  return exitStatus;
}

/** The document dmremap.relocate/1 (docs/relocate.schema.json). */
function toRelocateJson(
  path: string,
  { report, plan: { source, inside, order }, refusal, trial, overwrites }: Outlook,
  carried: Carried | null,
  exitStatus: number,
) {
  const { commit = null, after = null } = carried?.result ?? {};
  return {
    schema: 'dmremap.relocate/1',
    path,
    refusal: refusal && { code: refusal.code, message: refusal.message },
    wantsName: trial !== null && holdsOtherMain(report),
    source: source && { copy: source.copy, sequence: `${source.slot.header.sequenceNumber}` },
    inside: inside.map(({ index, entry, copy, part, holds, pending, why, to }) => ({
      index,
      original: `${entry.originalSector}`,
      spare: `${entry.spareSector}`,
      copy,
      part,
      holds,
      pending,
      why,
      to: to === null ? null : `${to}`,
    })),
    order: order.map(({ copy }) => copy),
    overwrites: toStrangersJson(overwrites),
    plan: trial && {
      id: trial.id,
      writes: trial.writes.map(({ offset, bytes }) => ({
        offset: `${offset}`,
        length: bytes.length,
        sha256: sha256Of(bytes),
      })),
    },
    applied: commit !== null,
    commit: commit && toCommitJson(commit, after),
    verdict: after && verdictOf(after),
    backup: carried?.backup ?? null,
    exitStatus,
  };
}
