// Room: cli. The spare as a write command holds it: opened once, exclusively, and everything that is read, saved and
// written goes through that one descriptor. Nobody can write between the saving and the overwriting.
import { DmremapError } from '../base/errors.js';
import { BatchError, type Device } from '../device/device.js';
import { CommitError } from '../store/commit-report.js';
import { readSeal } from '../store/inspect.js';
import type { Args } from './args.js';
import type { Context } from './context.js';
import { ExplainedError, reportFailure } from './failure.js';
import { type Limits, limitsOf } from './limits.js';
import { timeoutOption } from './numbers.js';

export interface Spare {
  readonly device: Device;
  /** As it was given. */
  readonly path: string;
  readonly limits: Limits;
}

//  A stuck write is not waited for: its report has been given, and the kernel keeps the exclusive hold until it lands.
const stuckGraceMs = 200;

/** Opens the spare for writing, uses it and lets go of it, whatever happens. Returns the exit status. */
export async function withSpare(
  context: Context,
  args: Args,
  path: string,
  command: string,
  use: (spare: Spare) => Promise<number>,
): Promise<number> {
  const limits = limitsOf(context, timeoutOption(args, command));
  const device = await context.openDevice(path, {
    mode: 'write',
    direct: args.flags.has('buffered') ? 'prefer' : 'require',
    ...limits(),
  });
  let status: number;
  let graceMs: number | undefined;
  try {
    await refuseSavedImage(device, path, limits);
    status = await use({ device, path, limits });
  } catch (error) {
    status = await reportFailure(context, error);
    if (wroteNothing(error)) context.stderr.write('  nothing was written\n');
    graceMs = stuckGraceMs;
  }
  await device.close(graceMs === undefined ? {} : { graceMs });
  return status;
}

/** What is saved is evidence: a command that takes it for a spare would write into it. */
async function refuseSavedImage(device: Device, path: string, limits: Limits): Promise<void> {
  if ((await readSeal(device, limits())) === null) return;
  const message = `${path}: it is a file in which dmremap has saved what a spare held`;
  throw new ExplainedError('ERR_DATA_PRESENT', message, [
    'copy the region out of it first: dd count=1280 of=IMAGE if=THIS',
  ]);
}

/** Whether an error proves that the spare is as it was. A commit that began says itself what it knows. */
export function wroteNothing(error: unknown): boolean {
  if (!(error instanceof DmremapError) || error instanceof CommitError) return false;
  if (error instanceof BatchError) return error.outcome === 'untouched';
  //  Of a command that reads back what it wrote.
  return error.code !== 'ERR_COMMIT_PARTIAL';
}
