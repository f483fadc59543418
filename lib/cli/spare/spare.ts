// Room: cli. The spare as a write command holds it: opened once, exclusively, and everything that is read, saved and
// written goes through that one descriptor. Nobody can write between the saving and the overwriting, and before the first
// write the path has to lead to it still.
import { isAbortCode } from '../../base/cancellable.js';
import { DmremapError } from '../../base/errors.js';
import type { Device } from '../../device/device.js';
import { savedDevice, whyAnother } from '../../device/saved-identity.js';
import { WatchedDevice } from '../../device/watched-device.js';
import { readSeal } from '../../store/examine/inspect.js';
import type { Context } from '../context.js';
import type { Args } from '../options/args.js';
import { type Limits, limitsOf } from '../options/limits.js';
import { timeoutOption } from '../options/numbers.js';
import { ExplainedError, reportFailure } from '../print/failure.js';
import { tellUse } from './live.js';
import { resolvedPath } from './resolved-path.js';

export interface Spare {
  readonly device: Device;
  /** As it was given. */
  readonly path: string;
  readonly limits: Limits;
}

/** The same, open for writing: it knows whether anything was written. */
export interface HeldSpare extends Spare {
  readonly device: WatchedDevice;
}

//  A stuck write is not waited for: its report has been given, and the kernel keeps the exclusive hold until it lands.
const stuckGraceMs = 200;

/** Opens the spare for writing, uses it and lets go of it, whatever happens. Returns the exit status. */
export async function withSpare(
  context: Context,
  args: Args,
  path: string,
  command: string,
  use: (spare: HeldSpare) => Promise<number>,
): Promise<number> {
  const limits = limitsOf(context, timeoutOption(args, command));
  const device = await openSpare(context, args, path, limits);
  let status: number;
  let graceMs: number | undefined;
  try {
    await refuseSavedImage(device, path, limits);
    status = await use({ device, path, limits });
  } catch (error) {
    status = await reportFailure(context, error);
    if (!device.isTouched) context.stderr.write('  nothing was written\n');
    graceMs = stuckGraceMs;
  }
  await device.close(graceMs === undefined ? {} : { graceMs });
  return status;
}

/** Opens a spare that is only read. */
export async function openForReading(context: Context, path: string, limits: Limits): Promise<Device> {
  context.progress?.begin('open');
  const device = await context.openDevice(path, { mode: 'read', direct: 'prefer', ...limits() });
  await tellUse(context, path, device);
  return context.progress?.watch(device) ?? device;
}

async function openSpare(context: Context, args: Args, path: string, limits: Limits): Promise<WatchedDevice> {
  context.progress?.begin('open');
  try {
    const opened = await context.openDevice(await resolvedPath(context, path, limits()), {
      mode: 'write',
      direct: args.flags.has('buffered') ? 'prefer' : 'require',
      ...limits(),
    });
    return context.progress?.watch(opened) ?? new WatchedDevice(opened, () => {});
  } catch (error) {
    if (!(error instanceof DmremapError && isAbortCode(error.code))) throw error;
    //  Who ends a command wants to know what it has done.
    throw new ExplainedError(error.code, error.message, ['nothing was written']);
  }
}

/**
 * For just before the first write, after a person has thought about it: the path still leads to the device that is held, and
 * it is what it was. A second descriptor is asked; an inode, and the number of a device, are not given to anything else while
 * the first is open, so where they are the same what the second says holds for both.
 * @throws DmremapError ERR_DEVICE_CHANGED; those of `openDevice` for an abort or a deadline.
 */
export async function refuseOtherDevice({ openDevice }: Context, spare: Spare): Promise<void> {
  const { device, path, limits } = spare;
  if (device.info.kind === 'memory') return; //  No path leads to it.
  const refuse = (why: string) =>
    new DmremapError(
      'ERR_DEVICE_CHANGED',
      `${path}: it is not as it was when this was planned, so nothing is written: ${why}`,
    );
  let again: Device;
  try {
    again = await openDevice(path, { mode: 'read', direct: 'prefer', ...limits() });
  } catch (error) {
    if (!(error instanceof DmremapError) || isAbortCode(error.code)) throw error;
    throw refuse(`it cannot be opened again (${error.errno ?? error.code})`);
  }
  await again.close();
  const why = whyAnother(savedDevice(device.info), savedDevice(again.info));
  if (why !== undefined) throw refuse(why);
}

/** What is saved is evidence: a command that takes it for a spare would write into it. */
async function refuseSavedImage(device: Device, path: string, limits: Limits): Promise<void> {
  if ((await readSeal(device, limits())) === null) return;
  const message = `${path}: it is a file in which dmremap has saved what a spare held`;
  throw new ExplainedError('ERR_DATA_PRESENT', message, [
    'copy the region out of it first: dd count=1280 of=IMAGE if=THIS',
  ]);
}
