// Room: cli. How every command writes: it is tried out on a copy in memory first, which is the plan; what the plan overwrites
// is saved, durably and proven, with what `undo` has to know; what was read is read again, of the same device; and then the
// same code does it on the spare, through a device that lets nothing pass but that plan.
import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { DmremapError } from '../../base/errors.js';
import type { UnixSeconds } from '../../base/units.js';
import { PlannedDevice } from '../../device/planned-device.js';
import { RehearsalDevice } from '../../device/rehearsal-device.js';
import { fileError, syncFolder, writeNewFile } from '../../recovery/new-file.js';
import { encodePreimage, type Preimage, preimageOf } from '../../recovery/preimage.js';
import { type Region, readAgain, readRegion, refuseOtherRegion, rehearsalOf } from '../../recovery/region.js';
import { type Operation, type Plan, rehearse } from '../../recovery/rehearse.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { copiesText } from '../../store/table/phrases.js';
import type { Context } from '../context.js';
import type { Args } from '../options/args.js';
import { UsageError } from '../options/args.js';
import { commandLine, escapeText } from '../print/escape.js';
import { bytesText, utcOf } from '../print/text.js';
import { absolute } from './resolved-path.js';
import { type HeldSpare, refuseOtherDevice, type Spare } from './spare.js';

/** A pre-image, as it is told. */
export interface Backup {
  readonly file: string;
  /** Of the region in it. */
  readonly bytes: number;
  /** The command that puts it back. */
  readonly undo: string;
}

/** What `--backup` and `--no-backup` ask for: a file, none, or the usual place. */
export function backupChoice(args: Args, command: string, option = 'backup'): string | 'none' | undefined {
  const file = args.values.get(option);
  if (file === '') throw new UsageError(`--${option} needs a value: FILE`, command);
  if (!args.flags.has('no-backup')) return file;
  if (file !== undefined) {
    throw new UsageError("'--backup' and '--no-backup' exclude each other", command);
  }
  return 'none';
}

/** What a command is going to write. */
export interface WriteJob<T> {
  readonly command: string;
  /** Where the pre-image goes. */
  readonly backup: ReturnType<typeof backupChoice>;
  /** Does it. Called twice, with one clock: once on a copy in memory, once on the spare. */
  readonly operate: Operation<T>;
}

interface Written<T> {
  readonly result: T;
  /** Null where nothing was to be saved. */
  readonly backup: Backup | null;
}

/** Reads what is there and plans; writes nothing. What `operate` refuses ends it before anything is saved. */
export async function planOf<T>(context: Context, spare: Spare, { operate }: WriteJob<T>): Promise<Plan<T>> {
  const region = await readRegion(spare.device, spare.limits);
  context.progress?.begin('plan');
  return rehearse(spare.device, region, context.now(), operate);
}

/** Carries a plan out. Where nothing was written, the pre-image goes again: it would stand in the way of a second try. */
export async function carryOut<T>(
  context: Context,
  spare: HeldSpare,
  job: WriteJob<T>,
  plan: Plan<unknown>,
): Promise<Written<T>> {
  const { device, path, limits } = spare;
  const idle = plan.writes.length === 0 || job.backup === 'none';
  context.progress?.begin('save');
  const backup = idle ? null : await save(context, spare, job, plan);
  context.progress?.begin('check');
  try {
    //  First: what is another device, or has been cut off, has other bytes too.
    await refuseOtherDevice(context, spare);
    refuseOtherRegion(path, plan.region, await readAgain(device, limits, plan.region));
    const result = await job.operate(new PlannedDevice(device, plan.writes), () => plan.now);
    return { result, backup };
  } catch (error) {
    if (backup !== null && !device.isTouched) {
      rmSync(backup.file, { force: true });
      context.stderr.write(`removed ${escapeText(backup.file)}: it was not needed\n`);
    }
    throw error;
  }
}

async function save(
  context: Context,
  { device, path }: Spare,
  { command, backup }: WriteJob<unknown>,
  plan: Plan<unknown>,
): Promise<Backup> {
  const { region, now } = plan;
  const before = await examineDevice(rehearsalOf(device, region), { geometry: 'driver', now });
  const after = await examineDevice(new RehearsalDevice(plan.after, device.info), {
    geometry: 'driver',
    now,
  });
  const preimage = preimageOf(plan, command, device.info, before, after);
  const bytes = encodePreimage(region.bytes, preimage);
  const file =
    backup === undefined
      ? await writeToDefaultPlace(context, path, preimage, bytes)
      : await writeTo(absolute(context, backup), bytes);
  const saved = { file, bytes: region.bytes.length, undo: commandLine('undo', file) };
  context.stderr.write(`${savedLine(path, region, saved)}; undo with:\n  ${saved.undo}\n`);
  return saved;
}

function savedLine(path: string, { missing }: Region, { file, bytes }: Backup): string {
  const lost = copiesText(missing.map(({ copy }) => copy));
  const but = missing.length > 0 ? ` without ${lost}, which cannot be read,` : '';
  return `saved the first ${bytesText(BigInt(bytes))} of ${escapeText(path)}${but} to ${escapeText(file)}`;
}

async function writeTo(file: string, bytes: Uint8Array): Promise<string> {
  try {
    await writeNewFile(file, bytes);
    return file;
  } catch (error) {
    throw backupFailed(file, error);
  }
}

async function writeToDefaultPlace(
  context: Context,
  path: string,
  preimage: Preimage,
  bytes: Uint8Array,
): Promise<string> {
  const folder = stateFolder(context);
  makeFolder(folder);
  const { before } = preimage.sequence;
  const sequence = before === null ? 'noseq' : `seq${before}`;
  const stem = join(folder, `${fileStem(path)}-${stamp(context.now())}-${sequence}`);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await writeTo(attempt === 1 ? `${stem}.img` : `${stem}-${attempt}.img`, bytes);
    } catch (error) {
      const taken = error instanceof DmremapError && error.code === 'ERR_FILE_EXISTS';
      if (!taken || attempt >= 100) throw error;
    }
  }
}

/** The folder with its own name durable: a file in a folder that a power cut takes away is lost too. */
function makeFolder(folder: string): void {
  try {
    const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
  } catch (error) {
    throw backupFailed(folder, error);
  }
}

/** The XDG base directory specification: what is not absolute does not count. */
function stateFolder({ env }: Context): string {
  const state = env.XDG_STATE_HOME;
  if (state !== undefined && isAbsolute(state)) return join(state, 'dmremap');
  const home = env.HOME;
  if (home !== undefined && isAbsolute(home)) return join(home, '.local', 'state', 'dmremap');
  throw new DmremapError(
    'ERR_IO',
    'the backup failed: neither XDG_STATE_HOME nor HOME is set (--backup FILE names one)',
  );
}

const fileStem = (path: string): string =>
  basename(path)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 64) || 'spare';
const stamp = (now: UnixSeconds): string => utcOf(now).replace(/[^0-9TZ]/g, '');

function backupFailed(file: string, cause: unknown): DmremapError {
  const { code, errno, message } = fileError(file, cause);
  return new DmremapError(code, `the backup failed, so nothing is written: ${message}`, { errno, cause });
}
