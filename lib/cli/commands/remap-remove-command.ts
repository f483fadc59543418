// Room: cli. `dmremap remap remove`: remaps taken out, all of them in one commit or none. It moves no data.
import { geometries } from '../../format/geometry.js';
import { refuseDataInMetadata } from '../../store/commit/admission.js';
import { copiesText, listOf, pick } from '../../store/table/phrases.js';
import type { RemapTable } from '../../store/table/remap-table.js';
import { type Command, print } from '../command.js';
import type { Context } from '../context.js';
import { type Args, notEmpty, UsageError } from '../options/args.js';
import { copyOption, timeoutOption, wholeNumber } from '../options/numbers.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { jsonText } from '../print/escape.js';
import { table } from '../print/text.js';
import { backupChoice } from '../spare/backup.js';
import { allowedOther } from '../spare/other-main.js';
import { withSpare } from '../spare/spare.js';
import { type Changed, changeOptions, changeTable } from './change-table.js';

const name = 'remap remove';

interface Removed {
  readonly remaps: readonly { readonly original: string; readonly spare: string }[];
  /** Spare sectors that nothing uses any more: those of earlier duplicates are among them. */
  readonly freed: readonly string[];
}

export const remapRemoveCommand: Command = {
  name,
  operands: 'SPARE ORIGINAL...',
  summary: 'take remaps out of a spare, all in one commit or none',
  about: [
    'ORIGINAL is a 512-byte sector of the main device that is remapped. The data is NOT copied back: from then on these',
    'sectors are those of the main device again, with what is there. Copy what you need before. What the commit',
    'overwrites is saved before, and the way to undo it is told.',
  ],
  examples: [
    { command: 'dmremap remap remove /dev/sdb 1000', says: 'Sector 1000 is that of the main device again:' },
    {
      command: 'dmremap remap remove --backup before.img spare.img 1000 2001',
      says: 'Two at once, with the old table kept in a file of your choice:',
    },
  ],
  options: changeOptions,
  async run(context, args) {
    const { path, originals } = operandsOf(args);
    copyOption(args, name);
    backupChoice(args, name);
    timeoutOption(args, name);
    allowedOther(args, path, name);
    const allowed = args.flags.has('allow-data-in-metadata');
    return withSpare(context, args, path, name, async (spare) => {
      const removed = await changeTable(context, args, spare, { command: name }, (remaps) => {
        //  The commit looks at what is left; the data of what goes would be overwritten just the same.
        if (!allowed) refuseDataInMetadata([...remaps], geometries.driver);
        return removeAll(remaps, originals);
      });
      return tell(context, args, path, removed);
    });
  },
};

function operandsOf({ operands }: Args): { path: string; originals: readonly bigint[] } {
  const [path, ...rest] = operands;
  if (path === undefined) throw new UsageError('SPARE is missing', name);
  if (rest.length === 0) throw new UsageError('ORIGINAL is missing', name);
  const originals = rest.map((text) => wholeNumber(text, 'ORIGINAL', name));
  return { path: notEmpty(path, 'SPARE', name), originals };
}

function removeAll(remaps: RemapTable, originals: readonly bigint[]): Removed {
  const before = [...remaps];
  const removed = originals.map((original) => remaps.remove(original));
  const used = new Set(Array.from(remaps, ({ spareSector }) => spareSector));
  const gone = before.filter(({ originalSector }) => originals.includes(originalSector));
  const freed = new Set(gone.map(({ spareSector }) => spareSector).filter((sector) => !used.has(sector)));
  return {
    remaps: removed.map(({ originalSector, spareSector }) => ({
      original: `${originalSector}`,
      spare: `${spareSector}`,
    })),
    freed: [...freed].sort((a, b) => (a < b ? -1 : 1)).map(String),
  };
}

function tell(context: Context, args: Args, path: string, removed: Changed<Removed>): number {
  const { result, commit, backup, report, status } = removed;
  const { remaps, freed } = result;
  if (args.flags.has('json')) {
    const document = { ...toCommitJson(commit, report), removed: remaps, freed, backup };
    context.stdout.write(jsonText({ schema: 'dmremap.remap-remove/1', path, ...document }));
  } else {
    const sectors =
      freed.length > 0 ? `spare ${pick(freed.length, 'sector', 'sectors')} ${listOf(freed)}` : '';
    print(context, [
      `committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
      ...table(
        [
          { title: 'original', align: 'right' },
          { title: 'was on spare', align: 'right' },
        ],
        remaps.map(({ original, spare }) => [original, spare]),
      ),
      freed.length > 0 ? `free again: ${sectors}` : 'no spare sector became free: other remaps use them',
      'the data was not copied back: these sectors are those of the main device again',
      ...commitEnd(commit, report),
    ]);
  }
  return status | statusOfCommit(commit, report);
}
