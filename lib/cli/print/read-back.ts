// Room: cli. After a commit: read again what was written, elect both ways, and say so (format.md rule 9).
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { Context } from '../context.js';
import type { Spare } from '../spare/spare.js';
import { exitBits } from './exit-status.js';
import { reportFailure } from './failure.js';

export interface ReadBack {
  /** Null where the reading failed: the commit is durable all the same. */
  readonly report: Report | null;
  /** Bits for the exit status. */
  readonly status: number;
}

/** Reads the spare back through the descriptor that wrote it. A failure is told, not thrown. */
export async function readBack(context: Context, { device, limits }: Spare): Promise<ReadBack> {
  try {
    const report = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
    return { report, status: exitBits.clean };
  } catch (error) {
    context.stderr.write('the commit is durable, but it could not be read back:\n');
    return { report: null, status: await reportFailure(context, error) };
  }
}

/** Whether both elections come to the table of this sequence. */
export const electsBoth = ({ elections }: Report, sequence: bigint): boolean =>
  elections.agree && elections.ours?.sequence === sequence;

export function readBackLine(report: Report, sequence: bigint): string {
  const { ours, driver } = report.elections;
  if (electsBoth(report, sequence)) return `read back: copy ${ours?.copy} is elected by us and by the driver`;
  const word = (elected: typeof ours) =>
    elected === null ? 'nobody' : `copy ${elected.copy} (sequence ${elected.sequence})`;
  return `read back: NOT AS WRITTEN: we elect ${word(ours)}, the driver elects ${word(driver)}`;
}
