// Room: cli. What a write command is about to overwrite, saved first. The backup lies on another device than the spare,
// so it is written with ordinary synchronous calls: to a file of its own, fsynced with its folder, and read back.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { DmremapError } from '../base/errors.js';
import { type Device, maxTransferBytes } from '../device/device.js';
import { metadataRegionBytes } from '../format/geometry.js';
import { slotBytes } from '../format/structure.js';
import type { Report } from '../store/examine.js';
import { copiesText } from '../store/words.js';
import type { Args } from './args.js';
import { UsageError } from './args.js';
import type { Context } from './context.js';
import { escapeText, shellQuote } from './escape.js';
import { type Spare, wroteNothing } from './spare.js';
import { bytesText, utcOf } from './text.js';

export interface Backup {
  readonly file: string;
  readonly bytes: number;
  /** The command that puts it back. */
  readonly undo: string;
}

/** What `--backup` and `--no-backup` ask for: a file, none, or the usual place. */
export function backupChoice(args: Args, command: string): string | 'none' | undefined {
  const file = args.values.get('backup');
  if (file === '') throw new UsageError('--backup needs a value: FILE', command);
  if (file !== undefined && args.flags.has('no-backup')) {
    throw new UsageError("'--backup' and '--no-backup' exclude each other", command);
  }
  return file;
}

/**
 * Runs `write` with the metadata region saved before it. Where nothing was written, the backup goes again: it would
 * stand in the way of a second try.
 * @param unreadable copies that are left out, because they are known not to be readable. Undoing leaves them alone.
 */
export async function withBackup<T>(
  context: Context,
  args: Args,
  spare: Spare,
  report: Report,
  write: (backup: Backup | null) => Promise<T>,
  unreadable: readonly number[] = [],
): Promise<T> {
  const backup = args.flags.has('no-backup') ? null : await save(context, args, spare, report, unreadable);
  try {
    return await write(backup);
  } catch (error) {
    if (backup !== null && wroteNothing(error)) {
      rmSync(backup.file, { force: true });
      context.stderr.write(`removed ${escapeText(backup.file)}: it was not needed\n`);
    }
    throw error;
  }
}

async function save(
  context: Context,
  args: Args,
  spare: Spare,
  report: Report,
  unreadable: readonly number[],
): Promise<Backup | null> {
  const { region, parts } = await readRegion(spare, unreadable);
  const named = args.values.get('backup');
  if (named === undefined && region.every((byte) => byte === 0)) return null;
  const file =
    named === undefined ? writeToDefaultPlace(context, spare.path, report, region) : absolute(context, named);
  if (named !== undefined) writeBackup(file, region);
  const undo = undoCommand(file, absolute(context, spare.path), region.length, parts, spare.device);
  const size = bytesText(BigInt(region.length));
  const but = unreadable.length > 0 ? ` without ${copiesText(unreadable)}, which cannot be read,` : '';
  context.stderr.write(
    `saved the first ${size} of ${escapeText(spare.path)}${but} to ${escapeText(file)}; undo with:\n  ${undo}\n`,
  );
  return { file, bytes: region.length, undo };
}

interface Part {
  readonly at: number;
  readonly length: number;
}

if (maxTransferBytes !== slotBytes) throw new Error('the region is not read copy by copy');

/** A failed read ends the command: what cannot be read cannot be saved, and nothing is written after it. */
async function readRegion({ device, limits }: Spare, unreadable: readonly number[]) {
  const { sizeBytes, logicalBlockSize } = device.info;
  const whole = Number(sizeBytes < metadataRegionBytes ? sizeBytes : BigInt(metadataRegionBytes));
  const region = new Uint8Array(whole - (whole % logicalBlockSize));
  const parts: Part[] = [];
  for (let at = 0; at < region.length; at += slotBytes) {
    if (unreadable.includes(at / slotBytes)) continue;
    const length = Math.min(slotBytes, region.length - at);
    region.set(await device.read(BigInt(at), length, limits()), at);
    const last = parts.at(-1);
    if (last === undefined || last.at + last.length < at) parts.push({ at, length });
    else parts[parts.length - 1] = { at: last.at, length: last.length + length };
  }
  return { region, parts };
}

/** Not normalised: `a/../b` is another file than `b` where `a` is a symbolic link. */
const absolute = ({ cwd }: Context, path: string): string => (isAbsolute(path) ? path : `${cwd}/${path}`);

function undoCommand(
  file: string,
  spare: string,
  bytes: number,
  parts: readonly Part[],
  { info }: Device,
): string {
  //  O_DIRECT wants whole logical blocks, and past the page cache so that the next reader sees it.
  const blockSize = bytes % 4096 === 0 ? 4096 : info.logicalBlockSize;
  const flags = info.direct ? ' oflag=direct' : '';
  const copy = `dd if=${shellQuote(file)} of=${shellQuote(spare)} bs=${blockSize} conv=notrunc,fsync${flags}`;
  if (parts.length === 1 && parts[0]?.length === bytes) return copy;
  return parts
    .map(({ at, length }) => [at, length].map((count) => count / blockSize))
    .map(([at, count]) => `${copy} skip=${at} seek=${at} count=${count}`)
    .join(' && ');
}

function writeToDefaultPlace(context: Context, path: string, report: Report, region: Uint8Array): string {
  const folder = stateFolder(context);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw backupFailed(folder, error);
  }
  const stem = join(folder, `${fileStem(path)}-${stamp(context)}-${sequenceWord(report)}`);
  for (let attempt = 1; ; attempt += 1) {
    const file = attempt === 1 ? `${stem}.img` : `${stem}-${attempt}.img`;
    try {
      writeBackup(file, region);
      return file;
    } catch (error) {
      const taken = error instanceof DmremapError && error.errno === 'EEXIST';
      if (!taken || attempt >= 100) throw error;
    }
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
const stamp = ({ now }: Context): string => utcOf(now()).replace(/[^0-9TZ]/g, '');
const sequenceWord = ({ elections: { ours } }: Report): string =>
  ours === null ? 'noseq' : `seq${ours.sequence}`;

function writeBackup(file: string, region: Uint8Array): void {
  let made = false;
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    made = true;
    try {
      for (let at = 0; at < region.length; ) at += writeSync(descriptor, region, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    syncFolder(dirname(file));
    if (Buffer.compare(readFileSync(file), region) !== 0) throw new Error('it reads back with other bytes');
  } catch (error) {
    if (made) rmSync(file, { force: true });
    throw backupFailed(file, error);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function backupFailed(file: string, cause: unknown): DmremapError {
  const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const reason = errno ?? (cause instanceof Error ? cause.message : String(cause));
  const words = errno === 'EEXIST' ? 'it exists already (EEXIST)' : reason;
  return new DmremapError('ERR_IO', `the backup failed, so nothing is written: ${file}: ${words}`, {
    errno,
    cause,
  });
}
