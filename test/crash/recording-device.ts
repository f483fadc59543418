// A device in memory that keeps a list of what was done to it: groups of writes that were in flight together, and flushes.
// It is honest; what a power cut would leave is for the explorer to work out from the list.
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { Step, StepResult } from '../../lib/device/request.js';

export interface RecordedWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** `durable`: each write of the group is on the medium when it is told as done. */
export type Recorded =
  | { readonly kind: 'writes'; readonly durable: boolean; readonly writes: readonly RecordedWrite[] }
  | { readonly kind: 'flush' };

export class RecordingDevice extends MemoryDevice {
  readonly log: Recorded[] = [];

  protected override perform(steps: readonly Step[], durable: boolean): StepResult[] {
    if (steps.some(({ kind }) => kind === 'flush')) this.log.push({ kind: 'flush' });
    const writes = steps
      .filter(({ kind }) => kind === 'write')
      .map(({ offset, bytes }) => ({ offset: Number(offset), bytes }));
    if (writes.length > 0) this.log.push({ kind: 'writes', durable, writes });
    return super.perform(steps, durable);
  }
}
