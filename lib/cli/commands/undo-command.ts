// Room: cli. `dmremap undo`: puts back what a write command has overwritten, byte for byte.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { DmremapError } from '../../base/errors.js';
import { savedDevice, whyAnother } from '../../device/saved-identity.js';
import { geometries } from '../../format/geometry.js';
import { maxSealedBytes } from '../../format/sealed-image.js';
import { fileError } from '../../recovery/new-file.js';
import { decodePreimage, type Preimage, writtenOutsideSince, writtenSince } from '../../recovery/preimage.js';
import { type Region, readRegion, rehearsalOf } from '../../recovery/region.js';
import { type Plan, rehearse } from '../../recovery/rehearse.js';
import { putBack } from '../../recovery/undo.js';
import { refuseDataInMetadata, refuseUnreadable } from '../../store/commit/admission.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { toExamineJson } from '../../store/json/examine-json.js';
import { copiesText, listOf } from '../../store/table/phrases.js';
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
import { type Args, notEmpty, UsageError } from '../options/args.js';
import { timeoutOption } from '../options/numbers.js';
import { commandLine, escapeText, jsonText } from '../print/escape.js';
import { ExplainedError } from '../print/failure.js';
import { counted, utcOf } from '../print/text.js';
import { type Backup, backupChoice, carryOut, type WriteJob } from '../spare/backup.js';
import { allowedOther, askedByName, refusePuttingBackOver, yesOption } from '../spare/other-main.js';
import { absolute } from '../spare/resolved-path.js';
import { type HeldSpare, type Spare, withSpare } from '../spare/spare.js';
import { overwrittenBy, refuseStrangers } from '../spare/strangers.js';
import { statusOfVerdict, verdictOf, verdictSentence } from './check-verdict.js';

const name = 'undo';

/** A pre-image that has been proven. */
interface Saved {
  readonly file: string;
  readonly region: Uint8Array;
  readonly preimage: Preimage;
}

interface Undone {
  readonly plan: Plan<Region>;
  /** Sectors that somebody else has written since, by copy. */
  readonly since: ReadonlyMap<number, number>;
  /** Sectors behind the region that somebody else has written since, where the command had moved data to. */
  readonly outside: number;
  readonly backup: Backup | null;
  readonly after: Report;
}

export const undoCommand: Command = {
  name,
  operands: 'FILE [SPARE]',
  summary: 'put back, byte for byte, what a command has overwritten',
  about: [
    'FILE is what a write command has saved; it told its name. It is proven first, to the last byte. Without SPARE the',
    'spare is the one that FILE was saved from, where that is known to be the same device still; after a reboot it has to',
    'be named. Where anything but that command has written to it since, nothing is put back without --force;',
    'and where that is metadata of another main device, or a file system or the like, not before the name of SPARE is typed, or',
    'given with --yes.',
    'What is there now is saved before, so an undo can be undone. At every moment a reader finds the table from before or',
    'the one that is put back; an undo that was interrupted, whatever interrupted it, goes on when it is run again.',
    'Everything is read again afterwards. The exit status is that of a check of what was put back.',
  ],
  examples: [
    { command: 'dmremap undo before.saved', says: 'On the device that it was saved from:' },
    { command: 'dmremap undo before.saved spare.img', says: 'After a reboot, or on a copy of the spare:' },
  ],
  options: {
    force: { help: 'put it back although the spare was written to since, or is of another size' },
    ...yesOption,
    ...preimageOption,
    buffered: writeOptions.buffered,
    timeout: writeOptions.timeout,
    ...progressOption,
    ...dataInMetadataOption,
    ...jsonOption,
  },
  async run(context, args) {
    const [file, spareGiven] = operandsOf(args);
    backupChoice(args, name, 'preimage');
    timeoutOption(args, name);
    const saved = readPreimage(context, file);
    const path = spareGiven ?? saved.preimage.device.path;
    const allowOther = allowedOther(args, path, name);
    return withSpare(context, args, path, name, async (spare) => {
      refuseAnotherDevice(spare, saved, spareGiven !== undefined, args.flags.has('force'));
      const undone = await undo(context, args, spare, saved, allowOther);
      return tell(context, args, spare, saved, undone);
    });
  },
};

function operandsOf({ operands }: Args): [file: string, spare: string | undefined] {
  const [file, spare, ...more] = operands;
  if (file === undefined) throw new UsageError('FILE is missing', name);
  if (more.length > 0) throw new UsageError(`'${more[0]}' is one operand too many`, name);
  return [notEmpty(file, 'FILE', name), spare === undefined ? undefined : notEmpty(spare, 'SPARE', name)];
}

/** A file of ours is small, and regular: nothing else is read to its end. */
function readPreimage(context: Context, file: string): Saved {
  try {
    return { file, ...decodePreimage(smallFile(absolute(context, file))) };
  } catch (error) {
    const { code, message, errno } = fileError(file, error);
    const said = message.startsWith(file) ? message : `${file}: ${message}`;
    throw new DmremapError(errno === 'ENOENT' ? 'ERR_DEVICE_NOT_FOUND' : code, said, { errno, cause: error });
  }
}

function smallFile(path: string): Uint8Array {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new DmremapError('ERR_NOT_A_DEVICE', 'it is no regular file');
    if (facts.size > maxSealedBytes)
      throw new DmremapError('ERR_IMAGE_INVALID', 'it is larger than any of our files');
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Which device it is was asked of the descriptor that will write. */
function refuseAnotherDevice(
  { device, path }: Spare,
  { file, preimage }: Saved,
  isNamed: boolean,
  force: boolean,
): void {
  const found = savedDevice(device.info);
  const { device: before } = preimage;
  if (isNamed) {
    if (force || before.sizeBytes === found.sizeBytes) return;
    const message = `${path}: it has ${found.sizeBytes} bytes, and what was saved is of a spare of ${before.sizeBytes}`;
    throw new ExplainedError('ERR_DEVICE_CHANGED', message, ['--force puts it back all the same']);
  }
  const why = whyAnother(before, found);
  if (why === undefined) return;
  const message = `${path}: it may be another device than the one that was saved: ${why}`;
  const words = commandLine('undo', file);
  throw new ExplainedError('ERR_DEVICE_CHANGED', message, [`name the spare if you know it: ${words} SPARE`]);
}

/** What is going to be done, and over what. */
interface Outlook {
  readonly job: WriteJob<Region>;
  readonly plan: Plan<Region>;
  readonly since: Undone['since'];
  readonly outside: number;
}

/** Reads the spare and plans. What others have written of another main device is overwritten where `allowOther`. */
async function outlookOf(
  context: Context,
  args: Args,
  spare: Spare,
  saved: Saved,
  allowOther: boolean,
): Promise<Outlook> {
  const { device, limits } = spare;
  const now = context.now();
  const found = await readRegion(device, limits);
  const before = await examineDevice(rehearsalOf(device, found), { geometry: 'driver', now, ...limits() });
  const outside = await foreignOutside(args, spare, saved);
  const since = refuseForeignWrites(args, spare, saved, found, before, outside);
  const leave = saved.preimage.region.missing;
  const operate = (target: Spare['device']) =>
    putBack(target, { target: saved.region, found, leave }, now, limits);
  const job = { command: name, backup: backupChoice(args, name, 'preimage'), operate };
  context.progress?.begin('plan');
  const plan = await rehearse(device, found, now, operate);
  if (!allowOther) {
    await refusePuttingBackOver(spare, plan, [...since.keys()]);
    const written = before.strangers.marks.filter(({ copies }) => copies.some((copy) => since.has(copy)));
    refuseStrangers(spare.path, overwrittenBy(written, plan));
  }
  return { job, plan, since, outside };
}

async function undo(
  context: Context,
  args: Args,
  spare: HeldSpare,
  saved: Saved,
  allowOther: boolean,
): Promise<Undone> {
  const { device } = spare;
  const outlook = await askedByName(context, args, spare, (isNamed) =>
    outlookOf(context, args, spare, saved, allowOther || isNamed),
  );
  const { job, plan, since, outside } = outlook;
  //  What was read back is what is judged: after it nothing is left that an abort could end.
  const { result: region, backup } = await carryOut(context, spare, job, plan);
  const after = await examineDevice(rehearsalOf(device, region), { geometry: 'driver', now: plan.now });
  return { plan, since, outside, backup, after };
}

/** Data that was moved is not what was moved any more where it has been written since: undo goes back to the older. */
async function foreignOutside(
  args: Args,
  { device, limits }: Spare,
  { preimage: { outside = [] } }: Saved,
): Promise<number> {
  let strange = 0;
  for (const range of outside) {
    const offset = BigInt(range.offset);
    if (offset + BigInt(range.length) > device.info.sizeBytes && args.flags.has('force')) continue;
    strange += writtenOutsideSince(range, await device.read(offset, range.length, limits()));
  }
  return strange;
}

/** What is there must be what was saved, what the command made of it, or a mixture of the two. */
function refuseForeignWrites(
  args: Args,
  { device, path }: Spare,
  saved: Saved,
  found: Region,
  before: Report,
  outside: number,
): ReadonlyMap<number, number> {
  const force = args.flags.has('force');
  if (found.bytes.length !== saved.region.length) {
    const message = `${path}: ${found.bytes.length} bytes of metadata fit, and ${saved.region.length} were saved`;
    throw new DmremapError('ERR_DEVICE_CHANGED', message);
  }
  if (!force) {
    const lost = saved.preimage.region.missing;
    refuseUnreadable(path, { ...before, copies: before.copies.filter(({ copy }) => !lost.includes(copy)) });
  }
  const since = writtenSince(saved, found.bytes, device.info.logicalBlockSize);
  if (since.size === 0 && outside === 0) return since;
  if (!force) {
    const where = [
      ...[...since].map(([copy, sectors]) => `${counted(sectors, 'sector')} of copy ${copy}`),
      ...(outside === 0 ? [] : [`${counted(outside, 'sector')} that data was moved to`]),
    ];
    const message = `${path}: somebody else has written to it since: ${listOf(where)}`;
    throw new ExplainedError('ERR_CHANGED_SINCE', message, [
      `it was saved ${utcOf(BigInt(saved.preimage.time))}, before '${saved.preimage.command}'`,
      '--force puts that back all the same; what is there now is saved before',
    ]);
  }
  if (!args.flags.has('allow-data-in-metadata')) {
    refuseDataInMetadata(before.shown?.slot.entries ?? [], geometries.driver);
  }
  return since;
}

function tell(context: Context, args: Args, spare: Spare, saved: Saved, undone: Undone): number {
  const { path } = spare;
  const { plan, after, since, outside, backup } = undone;
  const { preimage } = saved;
  const verdict = verdictOf(after);
  const exitStatus = statusOfVerdict(verdict);
  const { missing } = preimage.region;
  const moved = preimage.outside?.length ?? 0;
  if (args.flags.has('json')) {
    const { elections } = toExamineJson(after, path);
    const document = {
      schema: 'dmremap.undo/1',
      path,
      file: saved.file,
      command: preimage.command,
      time: preimage.time,
      written: plan.writes.map(({ offset, bytes }) => ({ offset: `${offset}`, length: bytes.length })),
      changedSince: [...since].map(([copy, sectors]) => ({ copy, sectors })),
      changedOutside: outside,
      notSaved: missing,
      leftOutside: (preimage.outside ?? []).map(({ offset, length }) => ({ offset, length })),
      elections,
      verdict,
      backup,
      exitStatus,
    };
    context.stdout.write(jsonText(document));
    return exitStatus;
  }
  const what = `as it was before '${escapeText(preimage.command)}', ${utcOf(BigInt(preimage.time))}`;
  print(context, [
    plan.writes.length === 0
      ? `${escapeText(path)}: it is ${what}, already: nothing was written`
      : `put back ${escapeText(path)}, byte for byte: ${what}`,
    ...(since.size > 0
      ? [`  overwritten by force: what others had written to ${copiesText([...since.keys()])}`]
      : []),
    ...(moved > 0
      ? [`  left as they are: ${counted(moved, 'place')} behind the region, to which data had been moved`]
      : []),
    ...(outside > 0 ? [`  of these ${counted(outside, 'sector')} had been written since`] : []),
    ...(missing.length > 0 ? [`  NOT put back: ${copiesText(missing)}, which could not be read then`] : []),
    `  ${verdict.toUpperCase()}: ${verdictSentence(after, verdict)}`,
  ]);
  return exitStatus;
}
