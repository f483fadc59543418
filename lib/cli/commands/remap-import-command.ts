// Room: cli. `dmremap remap import`: the remaps of a file, all of them in one commit or none.
import { DmremapError } from '../../base/errors.js';
import { unixNanoseconds } from '../../base/units.js';
import type { RemapEntry } from '../../format/structure.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { tableShown } from '../../store/examine/open-table.js';
import { DocumentError, type Problem } from '../../store/json/json-reader.js';
import { copiesText } from '../../store/table/phrases.js';
import type { InsertOptions, RemapTable } from '../../store/table/remap-table.js';
import { type Command, print } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands } from '../options/args.js';
import { choiceOption, copyOption, timeoutOption } from '../options/numbers.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { escapeMessage, escapeText, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { heldOption } from '../print/held-text.js';
import { counted } from '../print/text.js';
import { type Backup, backupChoice } from '../spare/backup.js';
import { documentName, readDocument, told } from '../spare/document-file.js';
import { allowedOther } from '../spare/other-main.js';
import { withSpare } from '../spare/spare.js';
import { changeOptions, changeTable, explainGhosts } from './change-table.js';
import { type Imported, importedFrom, importFormats, maxImportBytes } from './import-file.js';

const name = 'remap import';

interface Outcome {
  readonly added: readonly RemapEntry[];
  /** Remaps of the file that were in the table already, or stand in the file before. */
  readonly skipped: number;
  /** Null where there was nothing to add. */
  readonly done: {
    readonly commit: CommitReport;
    readonly report: Report | null;
    readonly backup: Backup | null;
    readonly status: number;
  } | null;
}

export const remapImportCommand: Command = {
  name,
  operands: 'SPARE FILE',
  summary: 'add the remaps of a file, all in one commit or none',
  about: [
    'FILE is JSON of `dump` or `export`, CSV with a header line (original,spare and more), or a test_remap message a line,',
    'with or without `dmsetup message NAME 0` before it; - is standard input. Which it is is told from how it begins.',
    'What is in the table already is skipped and counted. Whatever cannot be added is told, each with its line, and',
    'nothing is written then. It does not copy data. What the commit overwrites is saved before, and the way to undo it',
    'is told. A place that another valid copy or a ghost entry names is refused without --allow-held: its data may be',
    'wanted back. While there are ghosts nothing is added: `repair --ghosts` takes them back, `remap forget` gives them up.',
  ],
  examples: [
    { command: 'dmremap remap import spare.img remaps.csv', says: 'From a spreadsheet:' },
    {
      command: 'dmremap remap import --json spare.img table.json',
      says: 'From what `dump` or `export` has written, and told to a program:',
    },
  ],
  options: {
    format: { value: importFormats.join('|'), help: 'what FILE is, where that is not to be told from it' },
    ...heldOption,
    ...changeOptions,
  },
  async run(context, args) {
    const [path = '', file = ''] = exactOperands(args, ['SPARE', 'FILE'], name);
    const format = choiceOption(args, 'format', importFormats, name);
    const copy = copyOption(args, name);
    backupChoice(args, name);
    timeoutOption(args, name);
    allowedOther(args, path, name);
    const timestamp = unixNanoseconds(context.now() * 1_000_000_000n);
    const imported = await readDocument(context, file, maxImportBytes, (bytes) =>
      importedFrom(bytes, format, timestamp),
    );
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const before = await examineDevice(device, {
        geometry: 'driver',
        now: context.now(),
        copy,
        ...limits(),
      });
      const known = before.ambiguities.length === 0 || copy !== undefined ? tableShown(before) : null;
      const options = { allowHeld: args.flags.has('allow-held') };
      if (known !== null) {
        warnOfOtherMain(context, path, file, imported, known.mainSectors);
        const { added, skipped } = explainGhosts(before, path, copy, () =>
          addAll(known, imported, file, options),
        );
        if (added.length === 0)
          return tell(context, args, path, file, imported, { added, skipped, done: null });
      }
      const { result, ...done } = await changeTable(context, args, spare, { command: name }, (remaps) =>
        addAll(remaps, imported, file, options),
      );
      return tell(context, args, path, file, imported, { ...result, done });
    });
  },
};

function warnOfOtherMain(
  { stderr }: Context,
  path: string,
  file: string,
  { mainSectors }: Imported,
  here: bigint,
): void {
  if (mainSectors === undefined || mainSectors === here) return;
  const text = `${documentName(file)} is about a main device of ${mainSectors} sectors, and that of ${path} has ${here}`;
  stderr.write(`dmremap: warning: ${escapeMessage(text)}\n`);
}

/** Adds what is not there. @throws ExplainedError ERR_IMPORT_CONFLICT with everything that cannot be added. */
function addAll(
  table: RemapTable,
  { remaps }: Imported,
  file: string,
  options: InsertOptions,
): Omit<Outcome, 'done'> {
  const added: RemapEntry[] = [];
  const problems: Problem[] = [];
  const placeOf = new Map<bigint, string>();
  for (const [at, { place, entry }] of remaps.entries()) {
    const { originalSector, spareSector } = entry;
    if (table.lookup(originalSector) === spareSector) continue;
    try {
      added.push(table.insert(entry, options));
      placeOf.set(originalSector, place);
    } catch (error) {
      if (!(error instanceof DmremapError) || error.code === 'ERR_GHOST_ENTRIES') throw error;
      if (error.code === 'ERR_TABLE_FULL') {
        problems.push({
          place,
          what: `the table is full here, and ${remaps.length - at} are still to come (${error.code})`,
        });
        break;
      }
      const earlier = error.code === 'ERR_ORIGINAL_MAPPED' ? placeOf.get(originalSector) : undefined;
      const by = earlier === undefined ? '' : `, by ${earlier}`;
      problems.push({ place, what: `${error.message}${by} (${error.code})` });
    }
  }
  if (problems.length > 0) throw told(documentName(file), new DocumentError('ERR_IMPORT_CONFLICT', problems));
  return { added, skipped: remaps.length - added.length };
}

function tell(
  context: Context,
  args: Args,
  path: string,
  file: string,
  { format }: Imported,
  { added, skipped, done }: Outcome,
): number {
  const status = done === null ? exitBits.clean : done.status | statusOfCommit(done.commit, done.report);
  if (args.flags.has('json')) {
    const document = {
      schema: 'dmremap.remap-import/1',
      path,
      file,
      format,
      added: added.map(({ originalSector, spareSector }) => ({
        original: `${originalSector}`,
        spare: `${spareSector}`,
      })),
      skipped,
      commit: done && toCommitJson(done.commit, done.report),
      backup: done?.backup ?? null,
    };
    context.stdout.write(jsonText(document));
    return status;
  }
  const there = skipped === 0 ? '' : `; ${skipped} ${skipped === 1 ? 'was' : 'were'} there already`;
  if (done === null) {
    print(context, [
      `${escapeText(documentName(file))}: nothing to add to ${escapeText(path)}${there}: nothing was written`,
    ]);
    return status;
  }
  const { commit, report } = done;
  print(context, [
    `imported ${counted(added.length, 'remap')} of ${escapeText(documentName(file))} into ${escapeText(path)}${there}`,
    `  committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
    ...commitEnd(commit, report).map((line) => `  ${line}`),
  ]);
  return status;
}
