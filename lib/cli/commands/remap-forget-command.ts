// Room: cli. `dmremap remap forget`: what an emptied or cut table has left behind it is given up, and can be overwritten.

import type { RemapEntry } from '../../format/structure.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { ghostsOfOthers } from '../../store/table/ghost-entries.js';
import { copiesText } from '../../store/table/phrases.js';
import { type Command, print } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands } from '../options/args.js';
import { copyOption, timeoutOption } from '../options/numbers.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { entryTable } from '../print/entry-table.js';
import { escapeText, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { counted, flagsText, utcOfNanoseconds } from '../print/text.js';
import { type Backup, backupChoice } from '../spare/backup.js';
import { withSpare } from '../spare/spare.js';
import { changeOptions, changeTable } from './change-table.js';

const name = 'remap forget';

interface Done {
  readonly commit: CommitReport;
  readonly report: Report | null;
  readonly backup: Backup | null;
  readonly status: number;
}

/** A ghost that was given up. `copy`: where it was another copy's than that of the table. */
interface Forgotten extends RemapEntry {
  readonly index: number;
  readonly copy?: number;
}

export const remapForgetCommand: Command = {
  name,
  operands: 'SPARE',
  summary: 'give up the ghosts that an emptied or cut table has left',
  about: [
    'Ghosts stand where new remaps would be written, and their data where it would be written, so no remap is added while',
    'there are any. `repair --ghosts` shows them and takes them back. This command gives them up: one commit writes zeros',
    'over them, and their places on the spare are free from then on. Remaps in the table stay as they are. Their data is',
    'not overwritten now, and may be by later remaps. The commit overwrites the copies, which are saved before, and the',
    'way to undo it is shown. Where there are no ghosts nothing is written.',
  ],
  examples: [
    {
      command: 'dmremap remap forget spare.img',
      says: 'Give them up, after `repair --ghosts` has shown them:',
    },
    {
      command: 'dmremap remap forget --backup before.img spare.img',
      says: 'The same, with the old copies kept in a file of your choice:',
    },
  ],
  options: changeOptions,
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['SPARE'], name);
    const copy = copyOption(args, name);
    backupChoice(args, name);
    timeoutOption(args, name);
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const options = { geometry: 'driver', now: context.now(), copy, ...limits() } as const;
      const before = await examineDevice(device, options);
      const isKnown = before.shown !== null && (before.ambiguities.length === 0 || copy !== undefined);
      const others = before.shown === null ? [] : ghostsOfOthers(before.copies, before.shown);
      if (isKnown && before.ghosts.length + others.length === 0) return tell(context, args, path, [], null);
      const { result, ...done } = await changeTable(
        context,
        args,
        spare,
        { command: name },
        (remaps, _, { ghosts, copies, shown }) => {
          remaps.forgetGhosts();
          const elsewhere = shown === null ? [] : ghostsOfOthers(copies, shown);
          return [...ghosts, ...elsewhere.map(({ index, entry, copy }) => ({ ...entry, index, copy }))];
        },
      );
      return tell(context, args, path, result, done);
    });
  },
};

function tell(
  context: Context,
  args: Args,
  path: string,
  ghosts: readonly Forgotten[],
  done: Done | null,
): number {
  const status = done === null ? exitBits.clean : done.status | statusOfCommit(done.commit, done.report);
  if (args.flags.has('json')) {
    const document = {
      schema: 'dmremap.remap-forget/1',
      path,
      forgotten: ghosts.map(({ index, originalSector, spareSector, copy }) => ({
        index,
        ...(copy === undefined ? {} : { copy }),
        original: `${originalSector}`,
        spare: `${spareSector}`,
      })),
      commit: done && toCommitJson(done.commit, done.report),
      backup: done?.backup ?? null,
    };
    context.stdout.write(jsonText(document));
    return status;
  }
  if (done === null) {
    print(context, [`${escapeText(path)}: there are no ghosts: nothing was written`]);
    return status;
  }
  const { commit, report } = done;
  print(context, [
    `committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
    ...entryTable(
      ghosts.map((entry) => ({ index: entry.index, entry })),
      [{ title: 'time (UTC)' }, { title: 'flags' }],
      ({ entry }) => [utcOfNanoseconds(entry.remapTimestampNs), flagsText(entry.flags)],
      'was on spare',
    ),
    `gave up ${counted(ghosts.length, 'ghost')}: remaps can be added, and may overwrite the data of these`,
    ...commitEnd(commit, report),
  ]);
  return status;
}
