// Room: cli. `dmremap remap add`: new remaps, all of them in one commit or none.
import { DmremapError } from '../base/errors.js';
import type { RemapEntry } from '../format/structure.js';
import type { CommitReport } from '../store/commit-report.js';
import { examineDevice } from '../store/examine-device.js';
import { MetadataStore } from '../store/metadata-store.js';
import { copiesText } from '../store/words.js';
import { type Args, notEmpty, UsageError } from './args.js';
import { type Backup, backupChoice, withBackup } from './backup.js';
import { type Command, jsonOption, print, writeOptions } from './command.js';
import type { Context } from './context.js';
import { ambiguityClauses } from './election-text.js';
import { jsonText } from './escape.js';
import { copyTable } from './examine-text.js';
import { exitBits } from './exit-status.js';
import { ExplainedError } from './failure.js';
import { choiceOption, copyOption, timeoutOption, wholeNumber } from './numbers.js';
import { electsBoth, type ReadBack, readBack, readBackLine } from './read-back.js';
import { type Spare, withSpare } from './spare.js';
import { table } from './text.js';

const name = 'remap add';

interface Wanted {
  readonly original: bigint;
  readonly spare: bigint | undefined;
}

interface Added {
  readonly entries: readonly RemapEntry[];
  readonly commit: CommitReport;
  readonly backup: Backup | null;
}

export const remapAddCommand: Command = {
  name,
  operands: 'SPARE ORIGINAL[:SPARESECTOR]...',
  summary: 'add remaps to a spare, all in one commit or none',
  about: [
    'ORIGINAL is a 512-byte sector of the main device, SPARESECTOR one of the spare; without it the lowest free one',
    'is taken. It does not copy data. What the commit overwrites is saved before, and the way to undo it is told.',
  ],
  options: {
    copy: { value: 'N', help: 'go on from copy N (0 to 4), where more than one could be the right one' },
    spacing: { value: '8|1', help: 'distance of the spare sectors that are handed out; 8 is the default' },
    'allow-data-in-metadata': {
      help: 'write although remapped sectors have their data in the metadata region',
    },
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const { path, wanted } = operandsOf(args);
    const copy = copyOption(args, name);
    const spacing = choiceOption(args, 'spacing', ['8', '1'], name) === '1' ? 1 : 8;
    backupChoice(args, name);
    timeoutOption(args, name);
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const open = { mode: 'write', copy, spacing, now: context.now } as const;
      const store = await explainAmbiguity(
        context,
        spare,
        MetadataStore.open(device, { ...open, ...limits() }),
      );
      const entries = wanted.map((one) => store.table.add(one.original, { spare: one.spare }));
      const added = await withBackup(context, args, spare, store.report, async (backup) => {
        const commit = await store.commit({
          allowUnsafe: args.flags.has('allow-single-copy'),
          allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
          ...limits(),
        });
        return { entries, commit, backup };
      });
      return tell(context, args, spare, added, await readBack(context, spare));
    });
  },
};

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

/** Where the copy has to be named, who reads the error sees which there are. */
async function explainAmbiguity<T>(
  context: Context,
  { device, path, limits }: Spare,
  opening: Promise<T>,
): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof DmremapError && error.code === 'ERR_METADATA_AMBIGUOUS') {
      const report = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
      const message = `${path}: ${ambiguityClauses(report).join('; ')}: name the copy to go on from with --copy N`;
      throw new ExplainedError(error.code, message, copyTable(report));
    }
    throw error;
  }
}

function tell(
  context: Context,
  args: Args,
  { path }: Spare,
  added: Added,
  { report, status }: ReadBack,
): number {
  const { entries, commit, backup } = added;
  const { sequence, copies, degraded } = commit;
  if (args.flags.has('json')) {
    const document = {
      schema: 'dmremap.remap-add/1',
      path,
      sequence: `${sequence}`,
      added: entries.map(({ originalSector, spareSector }) => ({
        original: `${originalSector}`,
        spare: `${spareSector}`,
      })),
      finds: commit.finds,
      copies: copies.map(({ copy, outcome, disarmed, reason = null }) => ({
        copy,
        outcome,
        disarmed,
        reason,
      })),
      degraded,
      readBack: report && { agree: electsBoth(report, sequence) },
      backup,
    };
    context.stdout.write(jsonText(document));
  } else {
    const written = copies.filter(({ outcome }) => outcome === 'written').map(({ copy }) => copy);
    const rows = entries.map(({ originalSector, spareSector }) => [`${originalSector}`, `${spareSector}`]);
    print(context, [
      `committed sequence ${sequence} to ${copiesText(written)}`,
      ...table(
        [
          { title: 'original', align: 'right' },
          { title: 'spare', align: 'right' },
        ],
        rows,
      ),
      ...(degraded.length > 0 ? [`DEGRADED: ${copiesText(degraded)} could not be written`] : []),
      ...(report === null ? [] : [readBackLine(report, sequence)]),
    ]);
  }
  const asWritten = degraded.length === 0 && (report === null || electsBoth(report, sequence));
  return status | (asWritten ? exitBits.clean : exitBits.damageLeft);
}
