// A stand-in for a device: a copy of some of its bytes under its facts. What a command would do is done here first, by
// the same code, and what it wrote is the plan.
import { constants } from 'node:os';
import type { DeviceInfo, WriteStep } from './device.js';
import { MemoryDevice } from './memory-device.js';
import type { Step, StepResult } from './request.js';

/** A range that cannot be read on the device that is stood in for. */
interface UnreadableRange {
  readonly offset: number;
  readonly length: number;
  /** Name of the errno. */
  readonly errno: string;
}

const failed = (errno: string): StepResult => ({
  outcome: 'unknown',
  error: constants.errno[errno as keyof typeof constants.errno] ?? constants.errno.EIO,
});

/** Some bytes behind the first ones. */
interface Behind {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class RehearsalDevice extends MemoryDevice {
  /** What was written, in this order. */
  readonly writes: WriteStep[] = [];
  #unreadable: readonly UnreadableRange[];
  readonly #behind: readonly Behind[];

  /**
   * @param start the first bytes of the device, copied; what lies behind them reads as zero and cannot be written, but for `behind`.
   * @param info facts of the device, whether it can be written or not.
   */
  constructor(
    start: Uint8Array,
    info: DeviceInfo,
    unreadable: readonly UnreadableRange[] = [],
    behind: readonly Behind[] = [],
  ) {
    super(start, { standsFor: { ...info, writable: true } });
    this.#unreadable = unreadable;
    this.#behind = behind.map(({ offset, bytes }) => ({ offset, bytes: bytes.slice() }));
  }

  protected override transfer(step: Step): StepResult {
    const [first, end] = [Number(step.offset), Number(step.offset) + step.bytes.length];
    const behind = this.#behind.find(({ offset, bytes }) => offset <= first && end <= offset + bytes.length);
    if (step.kind === 'read') {
      if (behind !== undefined) {
        step.bytes.set(behind.bytes.subarray(first - behind.offset, end - behind.offset));
        return { outcome: 'written', error: 0 };
      }
      const bad = this.#unreadable.find(({ offset, length }) => first < offset + length && offset < end);
      return bad === undefined ? super.transfer(step) : failed(bad.errno);
    }
    if (step.kind === 'write') {
      if (end > this.bytes.length && behind === undefined) return failed('EFBIG');
      this.writes.push({ offset: step.offset, bytes: Uint8Array.from(step.bytes) });
      if (behind !== undefined) {
        behind.bytes.set(step.bytes, first - behind.offset);
        return { outcome: 'written', error: 0 };
      }
      //  A drive replaces a bad sector when it is written; all of it has to be, to be read again.
      this.#unreadable = this.#unreadable.filter(
        ({ offset, length }) => !(first <= offset && offset + length <= end),
      );
    }
    return super.transfer(step);
  }
}
