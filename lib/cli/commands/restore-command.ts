// Room: cli. `dmremap restore`: a commit of a table that was saved in a file, to a spare or to a new image.
import type { Device } from '../../device/device.js';
import { MemoryDevice } from '../../device/memory-device.js';
import { metadataRegionBytes } from '../../format/geometry.js';
import { writeNewFile } from '../../recovery/new-file.js';
import { inMemory } from '../../recovery/rehearse.js';
import {
  admitRestore,
  type RestoreOptions,
  type RestoreReport,
  restore,
  sectorsOfSpare,
} from '../../recovery/restore.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { type DumpedCopy, fromDumpJson, maxDumpBytes } from '../../store/json/dump-reader.js';
import type { Problem } from '../../store/json/json-reader.js';
import { copiesText } from '../../store/table/phrases.js';
import {
  type Command,
  dataInMetadataOption,
  jsonOption,
  preimageOption,
  print,
  progressOption,
  writeOptions,
} from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands, notEmpty, UsageError } from '../options/args.js';
import { copyOption, timeoutOption } from '../options/numbers.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from '../print/commit-text.js';
import { escapeMessage, escapeText, jsonText } from '../print/escape.js';
import { ExplainedError } from '../print/failure.js';
import { bytesText, counted } from '../print/text.js';
import { type Backup, backupChoice, carryOut, planOf, type WriteJob } from '../spare/backup.js';
import { documentName, readDocument } from '../spare/document-file.js';
import { tableInFile } from '../spare/file-table.js';
import { allowedOther, askedByName, wantsName, yesOption } from '../spare/other-main.js';
import { withProbe } from '../spare/probe.js';
import { absolute } from '../spare/resolved-path.js';
import { withSpare } from '../spare/spare.js';

const name = 'restore';

/** A table out of a file: of one of its copies, or of the one that a dump is of. */
type Source = DumpedCopy & { readonly file: string };

interface Restored extends RestoreReport {
  readonly backup: Backup | null;
  /** What is written as the size of the spare, in sectors. */
  readonly sectors: bigint;
  /** The new image, where that was asked for. */
  readonly output: { readonly file: string; readonly bytes: number } | null;
}

export const restoreCommand: Command = {
  name,
  operands: '[SPARE]',
  summary: 'commit the table of a backup or a dump to a spare',
  about: [
    'The table comes from --backup, which is what `backup` has made, what a write command has saved, or any image of a',
    'spare, or from --dump, the JSON document of `dump`. What carries hashes is proven first; of a document everything that',
    'is wrong is told, and nothing is written then.',
    'The table becomes the one with the highest sequence on SPARE, as by any commit: at every moment a reader finds the',
    'table from before or the new one. The data of the remapped sectors is not in it, nor is it copied.',
    'Where SPARE belongs to another main device, or holds other data, its name has to be typed: a terminal is asked for it,',
    'and --yes gives it; --timeout does not run meanwhile. For bytes that nobody knows, where there is nothing of dmremap, --force',
    'is enough. What is there is saved before, and the way to undo it is told.',
    '--output writes to a new file instead, 655360 bytes, which every command takes for the spare.',
  ],
  examples: [
    { command: 'dmremap restore --backup spare.backup new.img', says: 'To a spare that has nothing yet:' },
    {
      command: 'dmremap restore --backup spare.backup --copy 2 spare.img',
      says: 'The table of one copy, whatever the others hold:',
    },
    {
      command: 'dmremap restore --dump table.json --output new.meta',
      says: 'Out of a document that was edited, to a new image:',
    },
  ],
  options: {
    backup: { value: 'FILE', help: 'the file with the table' },
    dump: { value: 'FILE', help: 'the document with the table; - is standard input' },
    copy: { value: 'N', help: 'the table of copy N (0 to 4) in the backup instead of the elected one' },
    output: { value: 'NEW', help: 'write to a new image; no SPARE is needed then' },
    'allow-flaws': {
      help: 'take a dump whose table has duplicates, or sectors beyond the devices, as it is',
    },
    force: { help: 'write over bytes that nobody knows, where there is nothing of dmremap' },
    ...yesOption,
    ...preimageOption,
    buffered: writeOptions.buffered,
    timeout: writeOptions.timeout,
    ...progressOption,
    'allow-single-copy': writeOptions['allow-single-copy'],
    ...dataInMetadataOption,
    ...jsonOption,
  },
  async run(context, args) {
    const output = outputOption(args);
    const [path = ''] = exactOperands(args, output === undefined ? ['SPARE'] : [], name);
    const from = sourceOption(args);
    const copy = copyOption(args, name);
    const saveTo = backupChoice(args, name, 'preimage');
    timeoutOption(args, name);
    const allowDataInMetadata = args.flags.has('allow-data-in-metadata');
    const allowOther = output === undefined && allowedOther(args, path, name);
    const allowUnsafe = args.flags.has('allow-single-copy');
    const source = await sourceOf(context, args, from, copy);
    if (output !== undefined) {
      const restored = await toNewImage(context, source, output, allowDataInMetadata);
      return tell(context, args, output, source, restored);
    }
    const allowed = { allowUnsafe, allowDataInMetadata };
    return withSpare(context, args, path, name, async (spare) => {
      const force = args.flags.has('force');
      const { device, limits } = spare;
      const found = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
      const before = await withProbe(context, path, found);
      const { job, plan } = await askedByName(context, args, spare, async (isNamed) => {
        //  On the spare itself: a trial in memory does not see its end.
        admit(device, before, source, { ...allowed, allowOther: allowOther || isNamed, force });
        const job: WriteJob<RestoreReport> = {
          command: name,
          backup: saveTo,
          operate: (device, now) =>
            restore(device, source.slot, {
              ...allowed,
              allowOther: allowOther || isNamed,
              force,
              now,
              ...spare.limits(),
            }),
        };
        return { job, plan: await planOf(context, spare, job) };
      });
      const { result, backup } = await carryOut(context, spare, job, plan);
      const sectors = sectorsOfSpare(spare.device, source.slot);
      return tell(context, args, path, source, { ...result, backup, sectors, output: null });
    });
  },
};

/** @throws DmremapError as `restore` does; with the way on where that is --force. */
function admit(device: Device, before: Report, { slot }: Source, options: RestoreOptions): void {
  try {
    admitRestore(device, before, slot, options);
  } catch (error) {
    if (!wantsName(error) || error.code !== 'ERR_DATA_PRESENT') throw error;
    const { marks, told, unknown } = before.strangers;
    if (unknown === null || marks.length + told.length > 0) throw error;
    throw new ExplainedError(error.code, error.message, ['--force writes over it']);
  }
}

interface From {
  readonly kind: 'backup' | 'dump';
  readonly file: string;
}

function sourceOption(args: Args): From {
  const [backup, dump] = [args.values.get('backup'), args.values.get('dump')];
  if (backup !== undefined && dump !== undefined) {
    throw new UsageError("'--backup' and '--dump' exclude each other", name);
  }
  if (backup === undefined && dump === undefined) {
    throw new UsageError("'--backup FILE' or '--dump FILE' is missing: where the table is", name);
  }
  const kind = dump === undefined ? 'backup' : 'dump';
  const beside =
    kind === 'dump' ? args.values.has('copy') && 'copy' : args.flags.has('allow-flaws') && 'allow-flaws';
  if (beside) throw new UsageError(`'--${beside}' and '--${kind}' exclude each other`, name);
  return { kind, file: notEmpty(dump ?? backup ?? '', `--${kind}`, name) };
}

function outputOption(args: Args): string | undefined {
  const output = args.values.get('output');
  if (output === undefined) return undefined;
  const ofSpare = ['yes', 'force', 'preimage', 'buffered', 'timeout', 'allow-single-copy'];
  const stray = ofSpare.find((option) => args.values.has(option) || args.flags.has(option));
  if (stray !== undefined) throw new UsageError(`'--${stray}' and '--output' exclude each other`, name);
  return notEmpty(output, '--output', name);
}

async function sourceOf(
  context: Context,
  args: Args,
  { kind, file }: From,
  copy: number | undefined,
): Promise<Source> {
  if (kind === 'backup') return { ...(await tableInFile(context, file, copy)), file };
  const allowed = {
    allowFlaws: args.flags.has('allow-flaws'),
    allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
  };
  const dumped = await readDocument(
    context,
    file,
    maxDumpBytes,
    (bytes) => fromDumpJson(bytes, allowed),
    waysOn,
  );
  return { ...dumped, file };
}

function waysOn(problems: readonly Problem[]): string[] {
  const inside = problems.some(({ lint }) => lint === 'spare-inside-metadata');
  const others = problems.some(({ lint }) => lint !== undefined && lint !== 'spare-inside-metadata');
  return [
    ...(inside ? ['--allow-data-in-metadata takes sectors inside the metadata region all the same'] : []),
    ...(others ? ['--allow-flaws takes duplicates, and sectors beyond the devices, all the same'] : []),
  ];
}

/** The same commit, in memory, and what came of it as a file. */
async function toNewImage(
  context: Context,
  { slot }: Source,
  output: string,
  allowDataInMetadata: boolean,
): Promise<Restored> {
  const { signal, now } = context;
  const image = new MemoryDevice(metadataRegionBytes, { path: output });
  const report = await inMemory(restore(image, slot, { allowDataInMetadata, now, signal }));
  context.progress?.begin('write', { output: true });
  await writeNewFile(absolute(context, output), image.bytes, 0o600);
  const sectors = sectorsOfSpare(image, slot);
  return { ...report, backup: null, sectors, output: { file: output, bytes: image.bytes.length } };
}

function tell(context: Context, args: Args, path: string, source: Source, restored: Restored): number {
  const { commit, after, backup, sectors, output } = restored;
  const { header } = source.slot;
  const exitStatus = statusOfCommit(commit, after);
  for (const { id, message } of after.lints) {
    if (id !== 'unaligned-entries' && id !== 'module-refuses') continue;
    context.stderr.write(`dmremap: warning: ${escapeMessage(`${path}: ${message}`)}\n`);
  }
  if (args.flags.has('json')) {
    const document = {
      schema: 'dmremap.restore/1',
      path,
      file: source.file,
      source: {
        copy: source.copy,
        sequence: `${header.sequenceNumber}`,
        remaps: header.activeRemaps,
        mainSectors: `${header.mainDeviceSectors}`,
        spareSectors: `${header.spareDeviceSectors}`,
      },
      spareSectors: `${sectors}`,
      commit: toCommitJson(commit, after),
      backup,
      output,
      exitStatus,
    };
    context.stdout.write(jsonText(document));
    return exitStatus;
  }
  const { activeRemaps, sequenceNumber, spareDeviceSectors } = header;
  print(context, [
    `restored ${escapeText(path)}: ${counted(activeRemaps, 'remap')} of copy ${source.copy} in ${escapeText(documentName(source.file))}, sequence ${sequenceNumber} there`,
    `  committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
    ...(output === null ? [] : [`  a new image of the metadata region: ${bytesText(BigInt(output.bytes))}`]),
    ...(sectors === spareDeviceSectors
      ? []
      : [`  the spare has ${sectors} sectors, and had ${spareDeviceSectors}: ${sectors} are written`]),
    ...commitEnd(commit, after).map((line) => `  ${line}`),
  ]);
  return exitStatus;
}
