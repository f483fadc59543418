// Room: cli. `dmremap remap add`: new remaps, all of them in one commit or none.
import type { RemapEntry } from '../../format/structure.js';
import { copiesText } from '../../store/table/phrases.js';
import type { RemapTable } from '../../store/table/remap-table.js';
import { blockPlaces } from '../../store/table/whole-blocks.js';
import { type Command, print } from '../command.js';
import type { Context } from '../context.js';
import { type Args, notEmpty, UsageError } from '../options/args.js';
import { choiceOption, copyOption, timeoutOption, wholeNumber } from '../options/numbers.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { jsonText } from '../print/escape.js';
import { heldOption } from '../print/held-text.js';
import { table } from '../print/text.js';
import { backupChoice } from '../spare/backup.js';
import { allowedOther } from '../spare/other-main.js';
import { withSpare } from '../spare/spare.js';
import { blockSectorsOf, type Changed, changeOptions, changeTable } from './change-table.js';

const name = 'remap add';

interface Wanted {
  readonly original: bigint;
  readonly spare: bigint | undefined;
}

export const remapAddCommand: Command = {
  name,
  operands: 'SPARE ORIGINAL[:SPARESECTOR]...',
  summary: 'add remaps to a spare, all in one commit or none',
  about: [
    'ORIGINAL is a 512-byte sector of the main device, SPARESECTOR one of the spare; without it the lowest free one',
    'is taken. Where the spare has logical blocks of 4096 bytes only whole blocks are taken, all 8 sectors named; they get a place',
    'together. It does not copy data. What the commit overwrites is saved before, and the way to undo it is told.',
    'A place that another valid copy or a ghost entry names is not handed out: its data may be wanted back. While there are',
    'ghosts nothing is added: `repair --ghosts` takes them back, `remap forget` gives them up.',
  ],
  examples: [
    { command: 'dmremap remap add /dev/sdb 1000 2001', says: 'Two bad sectors, to places that are free:' },
    {
      command: 'dmremap remap add --timeout 5000 spare.img 3002:4096',
      says: 'To a chosen place, and not longer than five seconds:',
    },
  ],
  options: {
    spacing: { value: '8|1', help: 'distance of the spare sectors that are handed out; 8 is the default' },
    ...heldOption,
    ...changeOptions,
  },
  async run(context, args) {
    const { path, wanted } = operandsOf(args);
    copyOption(args, name);
    const allowHeld = args.flags.has('allow-held');
    const spacing = choiceOption(args, 'spacing', ['8', '1'], name) === '1' ? 1 : 8;
    backupChoice(args, name);
    timeoutOption(args, name);
    allowedOther(args, path, name);
    return withSpare(context, args, path, name, async (spare) => {
      const added = await changeTable(context, args, spare, { command: name, spacing }, (remaps, now) => {
        const placeOf = placer(remaps, wanted, spacing === 8 ? blockSectorsOf(spare) : 1n);
        return wanted.map(({ original, spare: named }) =>
          remaps.add(original, {
            spare: named ?? placeOf(original),
            timestampNs: now * 1_000_000_000n,
            allowHeld,
          }),
        );
      });
      return tell(context, args, path, added);
    });
  },
};

/** A place that is not named; undefined where the table chooses it. */
function placer(remaps: RemapTable, wanted: readonly Wanted[], blockSectors: bigint) {
  const unnamed = wanted.filter(({ spare }) => spare === undefined);
  return blockPlaces(
    remaps,
    unnamed.map(({ original }) => original),
    blockSectors,
  );
}

function operandsOf({ operands }: Args): { path: string; wanted: readonly Wanted[] } {
  const [path, ...rest] = operands;
  if (path === undefined) throw new UsageError('SPARE is missing', name);
  if (rest.length === 0) throw new UsageError('ORIGINAL is missing', name);
  const wanted = rest.map((text) => {
    const [original = '', spare, ...more] = text.split(':');
    if (more.length > 0) throw new UsageError(`bad remap '${text}': ORIGINAL or ORIGINAL:SPARESECTOR`, name);
    return {
      original: wholeNumber(original, 'ORIGINAL', name),
      spare: spare === undefined ? undefined : wholeNumber(spare, 'SPARESECTOR', name),
    };
  });
  return { path: notEmpty(path, 'SPARE', name), wanted };
}

function tell(context: Context, args: Args, path: string, added: Changed<readonly RemapEntry[]>): number {
  const { result: entries, commit, backup, report, status } = added;
  const remaps = entries.map(({ originalSector, spareSector }) => ({
    original: `${originalSector}`,
    spare: `${spareSector}`,
  }));
  if (args.flags.has('json')) {
    const document = { ...toCommitJson(commit, report), added: remaps, backup };
    context.stdout.write(jsonText({ schema: 'dmremap.remap-add/1', path, ...document }));
  } else {
    print(context, [
      `committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
      ...table(
        [
          { title: 'original', align: 'right' },
          { title: 'spare', align: 'right' },
        ],
        remaps.map(({ original, spare }) => [original, spare]),
      ),
      ...commitEnd(commit, report),
    ]);
  }
  return status | statusOfCommit(commit, report);
}
