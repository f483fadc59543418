// Room: cli. `dmremap handover`: makes a spare ready for the kernel module.
import { type HandoverReport, handover } from '../../recovery/handover.js';
import { isHandedOver } from '../../recovery/handover-stages.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { ValidSlot } from '../../store/table/copies.js';
import { copiesText } from '../../store/table/phrases.js';
import {
  type Command,
  copyIndexOption,
  dataInMetadataOption,
  jsonOption,
  print,
  writeOptions,
} from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands } from '../options/args.js';
import { choiceOption, timeoutOption } from '../options/numbers.js';
import { useOfSpareOption } from '../options/use-option.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { escapeMessage, escapeText, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { counted } from '../print/text.js';
import { type Backup, backupChoice, carryOut, planOf, type WriteJob } from '../spare/backup.js';
import { allowedOther, askedByName, refuseMixedMains, yesOption } from '../spare/other-main.js';
import { withSpare } from '../spare/spare.js';
import { refuseStrangers, strangersUnder } from '../spare/strangers.js';
import { copyToHandOver, handoverSource } from './handover-plan.js';

const name = 'handover';

interface HandedOver {
  readonly source: ValidSlot;
  /** Null where there was nothing to do. */
  readonly done: {
    readonly commit: CommitReport;
    readonly after: Report;
    readonly backup: Backup | null;
  } | null;
}

export const handoverCommand: Command = {
  name,
  operands: 'SPARE',
  summary: 'make a spare ready for the kernel module: back to sequence 1',
  about: [
    'For before the kernel module takes a spare that was written here. The module starts at sequence 2 after each load,',
    'whatever is on the disk: after a power cut a copy of ours with a higher sequence would win over its newer table, and',
    'its remaps would be lost. So all copies of the elected table are rewritten with sequence 1. At every moment, whatever',
    'happens, a reader finds that table; what is interrupted goes on when it is run again. What is overwritten is saved',
    'before, and the way to undo it is told. Exits with 0 when it is done or there was nothing to do.',
    '',
    'Where more than one table could be the right one, --use names it, and the others are given up. This is the way on too',
    'where a copy has the highest sequence that there is, 18446744073709551615, and no commit can rise above it. The named',
    'table is brought to two copies first; then each copy of another table is invalidated; then all are rewritten. At every',
    'moment the named table is among the valid copies. If it is interrupted, the same command goes on.',
  ],
  examples: [
    { command: 'dmremap handover /dev/sdb', says: 'Before the table of the mapped device is loaded:' },
    {
      command: 'dmremap handover --use copy=2 spare.img',
      says: 'Where copies disagree, or no commit can be made any more, and copy 2 is known to be the right one:',
    },
    {
      command: 'dmremap handover --copy-index zero spare.img',
      says: 'With the copies numbered as the module numbers them:',
    },
  ],
  options: {
    use: {
      value: 'copy=N|seq=N',
      help: 'hand over this table, of a copy (0 to 4) or of a sequence, and give up all others',
    },
    'leave-unreadable': {
      help: 'leave copies that cannot be read alone: if one can be read again, it may win',
    },
    ...yesOption,
    ...copyIndexOption,
    ...dataInMetadataOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['SPARE'], name);
    const copyIndex = choiceOption(args, 'copy-index', ['own', 'zero'], name);
    const use = useOfSpareOption(args, name);
    const allowOther = allowedOther(args, path, name);
    const saveTo = backupChoice(args, name);
    timeoutOption(args, name);
    const allowed = {
      allowUnreadable: args.flags.has('leave-unreadable'),
      allowUnsafe: args.flags.has('allow-single-copy'),
      allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
    };
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const { source, job, plan } = await askedByName(context, args, spare, async (isNamed) => {
        const before = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
        const copy = copyToHandOver(before, use);
        const source = handoverSource(path, before, { ...allowed, copy });
        const job: WriteJob<HandoverReport> = {
          command: name,
          backup: saveTo,
          operate: (target, now) => handover(target, { ...allowed, copy, copyIndex, now, ...limits() }),
        };
        if (isHandedOver(before, source)) return { source, job, plan: null };
        const plan = await planOf(context, spare, job);
        if (!allowOther && !isNamed) {
          refuseMixedMains(path, plan.result.before);
          refuseStrangers(path, await strangersUnder(device, plan));
        }
        return { source, job, plan };
      });
      if (plan === null) return tell(context, args, path, { source, done: null });
      const { result, backup } = await carryOut(context, spare, job, plan);
      const { commit, after } = result;
      return tell(context, args, path, { source, done: commit && { commit, after, backup } });
    });
  },
};

function tell(context: Context, args: Args, path: string, { source, done }: HandedOver): number {
  const { copy, slot } = source;
  const { sequenceNumber, activeRemaps } = slot.header;
  const status = done === null ? exitBits.clean : statusOfCommit(done.commit, done.after);
  const refusals = done?.after.activation.admission?.reasons ?? [];
  for (const reason of refusals) {
    context.stderr.write(`dmremap: warning: ${escapeMessage(`${path}: ${reason}`)}\n`);
  }
  if (args.flags.has('json')) {
    const document = {
      schema: 'dmremap.handover/1',
      path,
      source: { copy, sequence: `${sequenceNumber}` },
      commit: done && toCommitJson(done.commit, done.after),
      backup: done?.backup ?? null,
    };
    context.stdout.write(jsonText(document));
  } else if (done === null) {
    print(context, [
      `${escapeText(path)}: every copy that fits holds sequence 1 already (${counted(activeRemaps, 'remap')}): nothing was written`,
    ]);
  } else {
    const copies = copiesText(writtenCopies(done.commit));
    print(context, [
      `handed over ${escapeText(path)}: ${counted(activeRemaps, 'remap')} of copy ${copy}, sequence ${sequenceNumber} before`,
      `  written with sequence 1: ${copies}`,
      ...commitEnd(done.commit, done.after).map((line) => `  ${line}`),
      ...(status === exitBits.clean && refusals.length === 0
        ? ['the kernel module can take it: what it writes has sequence 2 and more']
        : []),
    ]);
  }
  return status;
}
