// Room: cli. `dmremap create`: empty metadata on a spare that has none.
import { statSync } from 'node:fs';
import { DmremapError } from '../../base/errors.js';
import { sectorsIn } from '../../base/units.js';
import { refuseExisting } from '../../store/commit/admission.js';
import { looksLikeOurs } from '../../store/examine/activation.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { blockBytesOf } from '../../store/examine/inspect.js';
import { type Admission, admissionOf } from '../../store/examine/module-admission.js';
import { toAdmissionJson } from '../../store/json/examine-json.js';
import { MetadataStore } from '../../store/metadata-store.js';
import { copiesText } from '../../store/table/phrases.js';
import { type Command, copyIndexOption, jsonOption, print, writeOptions } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands, UsageError } from '../options/args.js';
import { choiceOption, timeoutOption, wholeNumber } from '../options/numbers.js';
import { escapeMessage, escapeText, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { electsBoth, readBack, readBackLine } from '../print/read-back.js';
import { sectorsText } from '../print/text.js';
import { type Backup, backupChoice, carryOut, planOf, type WriteJob } from '../spare/backup.js';
import { allowedOther, askedByName, refuseTableOfOthers, yesOption } from '../spare/other-main.js';
import { withProbe } from '../spare/probe.js';
import { type Spare, withSpare } from '../spare/spare.js';
import { refuseStrangers, tellStrangers } from '../spare/strangers.js';

const name = 'create';

/** What is known of the main device: only a size, where that was given as a number. */
interface Main {
  readonly sectors: bigint;
  readonly blockBytes: number | undefined;
}

interface Created {
  readonly sequence: bigint;
  readonly mainSectors: bigint;
  readonly spareSectors: bigint;
  readonly admission: Admission;
  readonly backup: Backup | null;
  readonly report: Report | null;
}

export const createCommand: Command = {
  name,
  operands: 'SPARE',
  summary: 'write empty metadata to a spare that has none',
  about: [
    'Refuses a spare that holds metadata, a file system, a member of a RAID, a partition table or any bytes that are not zero',
    'where the metadata goes, unless --force is given, and says what it sees: it knows some eighty kinds of data, by marks at',
    'the start of a device and at its end, and asks blkid where that is installed. Saves what is there before, and says how to',
    'undo it. The spare is held exclusively.',
    'Where a table is there that belongs to another main device, or that holds remaps, or a table and other data beside it,',
    '--force is not enough: the name of',
    'SPARE has to be typed. A terminal is asked for it, and --yes gives it; --timeout does not run meanwhile.',
    'The kernel module wants a spare of about 2.7 % of main, and logical blocks of one size. Where it would refuse these devices,',
    'a warning says so; a spare that only user space uses is fine then.',
  ],
  examples: [
    {
      command: 'dmremap create --main /dev/sda /dev/sdb',
      says: 'For the failing disk sda, on the spare sdb:',
    },
    { command: 'dmremap create --main 131072 new.img', says: 'To try things out, on an image file:' },
    {
      command: 'dmremap create --main main.img --force --yes spare.img spare.img',
      says: 'Again, over the table that is there, of another main device or with remaps:',
    },
  ],
  options: {
    main: { value: 'SECTORS|PATH', help: 'size of the main device: 512-byte sectors, or the device itself' },
    force: { help: 'overwrite what is there already: metadata, a file system, or bytes that nobody knows' },
    ...yesOption,
    ...copyIndexOption,
    ...writeOptions,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['SPARE'], name);
    const copyIndex = choiceOption(args, 'copy-index', ['own', 'zero'], name);
    const saveTo = backupChoice(args, name);
    timeoutOption(args, name);
    const allowOther = allowedOther(args, path, name);
    const main = await mainSize(context, args, path);
    return withSpare(context, args, path, name, async (spare) => {
      const { device, limits } = spare;
      const force = args.flags.has('force');
      const found = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
      const before = await withProbe(context, path, found);
      refuseExisting(path, before, force);
      if (force) tellStrangers(context, path, before);
      const job: WriteJob<Pick<Created, 'sequence' | 'mainSectors' | 'spareSectors'>> = {
        command: name,
        backup: saveTo,
        operate: async (target, now) => {
          const store = await MetadataStore.create(target, {
            mainSectors: main.sectors,
            copyIndex,
            now,
            force,
            allowUnsafe: args.flags.has('allow-single-copy'),
            ...limits(),
          });
          const { table, sequence } = store;
          await store.close();
          return { sequence, mainSectors: table.mainSectors, spareSectors: table.spareSectors };
        },
      };
      const plan = await askedByName(context, args, spare, async (isNamed) => {
        const plan = await planOf(context, spare, job);
        if (!allowOther && !isNamed) {
          await refuseTableOfOthers(spare, plan);
          //  Whoever was told of the one may not have looked for the other.
          if (before.copies.some(looksLikeOurs)) refuseStrangers(path, before.strangers.marks);
        }
        return plan;
      });
      const { result, backup } = await carryOut(context, spare, job, plan);
      const { report, status } = await readBack(context, spare);
      const admission = admissionOf({
        mainSectors: result.mainSectors,
        spareSectors: result.spareSectors,
        mainBlockBytes: main.blockBytes,
        spareBlockBytes: blockBytesOf(device.info),
      });
      return status | tell(context, args, spare, { ...result, admission, backup, report });
    });
  },
};

function tell(context: Context, args: Args, { path }: Spare, created: Created): number {
  const { sequence, report } = created;
  const copies = copiesOf(created);
  const lacking = copies.filter(({ state }) => state === 'unknown').map(({ copy }) => copy);
  for (const reason of created.admission.reasons) {
    context.stderr.write(`dmremap: warning: ${escapeMessage(`${path}: ${reason}`)}\n`);
  }
  if (args.flags.has('json')) context.stdout.write(jsonText(toCreateJson(created, path)));
  else {
    const holding = copies.filter(({ state }) => state === 'written').map(({ copy }) => copy);
    print(context, [
      `created ${escapeText(path)}: sequence ${sequence}, no remaps`,
      `  main   ${sectorsText(created.mainSectors)}`,
      `  spare  ${sectorsText(created.spareSectors)}`,
      ...(report === null
        ? []
        : [`  written: ${copiesText(holding)}`, `  ${readBackLine(report, sequence)}`]),
      ...(lacking.length > 0 ? [`  NOT written: ${copiesText(lacking)}`] : []),
    ]);
  }
  const asWritten = report === null || (electsBoth(report, sequence) && lacking.length === 0);
  return asWritten ? exitBits.clean : exitBits.damageLeft;
}

/** What reading back shows of each copy. */
function copiesOf({ report, sequence }: Created) {
  return (report?.copies ?? []).map(({ copy, slot }) => {
    if (slot.state === 'absent') return { copy, state: 'absent' as const };
    const written = slot.state === 'valid' && slot.header.sequenceNumber === sequence;
    return { copy, state: written ? ('written' as const) : ('unknown' as const) };
  });
}

/** The document dmremap.create/1 (docs/create.schema.json). */
function toCreateJson(created: Created, path: string) {
  const { sequence, mainSectors, spareSectors, backup, report } = created;
  return {
    schema: 'dmremap.create/1',
    path,
    sequence: `${sequence}`,
    mainSectors: `${mainSectors}`,
    spareSectors: `${spareSectors}`,
    copies: copiesOf(created),
    admission: toAdmissionJson(created.admission),
    readBack: report && { agree: electsBoth(report, sequence) },
    backup,
  };
}

async function mainSize(context: Context, args: Args, spare: string): Promise<Main> {
  const text = args.values.get('main');
  if (text === undefined || text === '') {
    throw new UsageError("option '--main' needs a value: SECTORS|PATH", name);
  }
  if (/^[0-9]+$/.test(text)) {
    return { sectors: wholeNumber(text, '--main', name, 1n), blockBytes: undefined };
  }
  if (sameFile(text, spare)) throw new UsageError(`main and spare are the same: '${text}'`, name);
  const main = await sizeOf(context, text);
  if (main.sectors === 0n) throw new UsageError(`main has not one sector: '${text}'`, name);
  return main;
}

async function sizeOf({ openDevice, signal }: Context, path: string): Promise<Main> {
  try {
    const device = await openDevice(path, { mode: 'read', direct: 'prefer', signal });
    await device.close();
    return { sectors: sectorsIn(device.info.sizeBytes), blockBytes: blockBytesOf(device.info) };
  } catch (error) {
    if (!(error instanceof DmremapError && error.code === 'ERR_DEVICE_NOT_FOUND')) throw error;
    throw new UsageError(
      `--main is neither a decimal number of sectors nor a path that exists: '${path}'`,
      name,
    );
  }
}

/** Whether two paths lead to one file or device: its data would be overwritten by metadata about itself. */
function sameFile(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => {
    try {
      return statSync(path, { bigint: true });
    } catch {
      return undefined; //  Opening it will tell.
    }
  });
  if (first === undefined || second === undefined) return false;
  if (first.isBlockDevice() && second.isBlockDevice()) return first.rdev === second.rdev;
  return first.dev === second.dev && first.ino === second.ino;
}
