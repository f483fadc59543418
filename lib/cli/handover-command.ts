// Room: cli. `dmremap handover`: makes a spare ready for the kernel module.
import { type HandoverReport, handover } from '../recovery/handover.js';
import type { CommitReport } from '../store/commit-report.js';
import type { ValidSlot } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { examineDevice } from '../store/examine-device.js';
import { copiesText } from '../store/words.js';
import { type Args, exactOperands } from './args.js';
import { type Backup, backupChoice, carryOut, type WriteJob } from './backup.js';
import {
  type Command,
  copyIndexOption,
  dataInMetadataOption,
  jsonOption,
  print,
  writeOptions,
} from './command.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from './commit-text.js';
import type { Context } from './context.js';
import { escapeText, jsonText } from './escape.js';
import { exitBits } from './exit-status.js';
import { handoverSource, isHandedOver } from './handover-plan.js';
import { choiceOption, timeoutOption } from './numbers.js';
import { allowedOther, yesOption } from './other-main.js';
import { withSpare } from './spare.js';
import { planByName } from './strangers.js';
import { counted } from './text.js';

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
  ],
  examples: [
    { command: 'dmremap handover /dev/sdb', says: 'Before the table of the mapped device is loaded:' },
    {
      command: 'dmremap handover --copy-index zero spare.img',
      says: 'With the copies numbered as the module numbers them:',
    },
  ],
  options: {
    ...copyIndexOption,
    ...yesOption,
    ...dataInMetadataOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['SPARE'], name);
    const copyIndex = choiceOption(args, 'copy-index', ['own', 'zero'], name);
    const saveTo = backupChoice(args, name);
    timeoutOption(args, name);
    allowedOther(args, path, name);
    const allowed = {
      allowUnsafe: args.flags.has('allow-single-copy'),
      allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
    };
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const before = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
      const source = handoverSource(path, before, allowed);
      if (isHandedOver(before, source)) return tell(context, args, path, { source, done: null });
      const { job, plan } = await planByName(
        context,
        args,
        spare,
        name,
        (): WriteJob<HandoverReport> => ({
          command: name,
          backup: saveTo,
          operate: (target, now) => handover(target, { ...allowed, copyIndex, now, ...limits() }),
        }),
      );
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
      ...(status === exitBits.clean
        ? ['the kernel module can take it: what it writes has sequence 2 and more']
        : []),
    ]);
  }
  return status;
}
