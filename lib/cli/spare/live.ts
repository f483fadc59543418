// Room: cli. A spare that somebody writes to while a command reads it: what is said, and the exit status.
import type { Device } from '../../device/device.js';
import { inUse } from '../../device/in-use.js';
import type { InUse } from '../../device/use.js';
import type { Report } from '../../store/examine/examine.js';
import { type ExamineOptions, examineDevice } from '../../store/examine/examine-device.js';
import type { Reading } from '../../store/examine/stable-read.js';
import type { Context } from '../context.js';
import { escapeMessage } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { withProbe } from './probe.js';

/** Says so on stderr. Returns the bit of the exit status: 4 where what was read may be of two moments. */
export function tellReading({ stderr }: Context, path: string, reading: Reading): number {
  const { changedWhileRead, stillChanging } = reading;
  if (!changedWhileRead) return exitBits.clean;
  const what = stillChanging
    ? 'it was written to each time that it was read: what is told may be of two moments'
    : 'it was written to while it was read: this is what it held afterwards, twice the same';
  stderr.write(`dmremap: warning: ${escapeMessage(`${path}: ${what}`)}\n`);
  return stillChanging ? exitBits.damageLeft : exitBits.clean;
}

/** Who uses the device, said on stderr where somebody does: the table on the disk may not be the one in force. */
export async function tellUse(
  { stderr, signal, inUse: ask = inUse }: Context,
  path: string,
  device: Device,
): Promise<InUse> {
  const use = await ask(device.info, signal);
  if (use.state === 'held') {
    const what = `in use: ${use.by}; the table in memory may be ahead of the disk`;
    stderr.write(`dmremap: note: ${escapeMessage(`${path}: ${what}`)}\n`);
  }
  return use;
}

/** Examines what a path names, opened for reading only. `status` is the bit for a spare that did not come to rest. */
export async function examineSpare(
  context: Context,
  path: string,
  options: Omit<ExamineOptions, 'signal' | 'timeoutMs'>,
): Promise<{ readonly report: Report; readonly status: number }> {
  const { signal } = context;
  const device = await context.openDevice(path, { mode: 'read', direct: 'prefer', signal });
  try {
    //  Both at once: the kernel takes its time for some of what is asked.
    const [found, inUse] = await Promise.all([
      examineDevice(device, { ...options, signal }),
      tellUse(context, path, device),
    ]);
    const report = await withProbe(context, path, found);
    return { report: { ...report, inUse }, status: tellReading(context, path, report) };
  } finally {
    //  After an abort nobody waits for the device.
    await device.close(signal.aborted ? { graceMs: 5 } : {});
  }
}
