// The two devices of a history, the faults on them, and which trouble there was when: what may go wrong, and when nothing may.
import { type Fault, type InFlight, LyingDevice } from '../../../lib/device/lying-device.js';
import type { Step, StepKind, StepResult } from '../../../lib/device/request.js';
import { metadataRegionBytes } from '../../../lib/format/geometry.js';

const sectorBytes = 512;
export const firstPlace = metadataRegionBytes / sectorBytes;
/** Sectors from one place of the spare to the next. */
export const placeSectors = 8;

export type Side = 'main' | 'spare';

/** The first of them, and how many. */
export type Sectors = readonly [first: number, count: number];

/** A fault that was laid: sectors of its device. `until` is undefined while it is there. */
export interface Laid {
  readonly side: Side;
  readonly on: StepKind;
  readonly fault: Fault;
  readonly first: number;
  readonly count: number;
  readonly from: number;
  until: number | undefined;
  readonly lift: () => void;
}

/** Counts what went wrong with data: each time can cost a place. */
class CountingDevice extends LyingDevice {
  failedData = 0;

  protected override perform(steps: readonly Step[], durable: boolean): StepResult[] {
    const results = super.perform(steps, durable);
    steps.forEach(({ kind, offset }, at) => {
      const failed = kind !== 'flush' && results[at]?.outcome !== 'written';
      if (failed && offset >= metadataRegionBytes) this.failedData++;
    });
    return results;
  }
}

export class Disks {
  readonly main: CountingDevice;
  readonly spare: CountingDevice;
  readonly laid: Laid[] = [];
  /** Which of them may hold operations back, until they are released. */
  readonly holding = new Set<Side>();
  /** When the power of one of them went. */
  offSince: number | undefined;

  constructor(
    images: { readonly main: Uint8Array; readonly spare: Uint8Array },
    options: { readonly logicalBlockSize: number; readonly seed: number },
  ) {
    this.main = new CountingDevice(images.main, { ...options, path: 'main' });
    this.spare = new CountingDevice(images.spare, { ...options, path: 'spare', seed: options.seed + 1 });
  }

  /** @param once only the first operation that it is on. */
  lay(side: Side, on: StepKind, fault: Fault, [first, count]: Sectors, now: number, once = false): void {
    const range = { offset: BigInt(first * sectorBytes), length: count * sectorBytes };
    const nth = once ? 1 : undefined;
    const lift = this[side].lay(fault, on === 'flush' ? { on, nth } : { on, range, nth });
    if (fault.fault === 'late') this.holding.add(side);
    this.laid.push({ side, on, fault, first, count, from: now, until: undefined, lift });
  }

  /** Lifts the n-th of the faults, or all. */
  heal(which: number | 'all', now: number): void {
    const there = this.laid.filter(({ until }) => until === undefined);
    const chosen = which === 'all' ? there : there.slice(which % there.length, (which % there.length) + 1);
    for (const laid of chosen) {
      laid.lift();
      laid.until = now;
    }
  }

  stall(side: Side): void {
    this[side].stall();
    this.holding.add(side);
  }

  /** Lets go of what is held: of so many operations, or of all. */
  release(side: Side, count?: number): void {
    this[side].resume(count);
    if (count === undefined && !this.#isLate(side)) this.holding.delete(side);
  }

  /** Whether such a fault was there at some time since then. */
  had(since: number, which: (laid: Laid) => boolean): boolean {
    return this.laid.some((laid) => (laid.until === undefined || laid.until >= since) && which(laid));
  }

  /** The power goes while a device is at its n-th write from now on. */
  cutAt(side: Side, writes: number, inFlight: readonly InFlight[], now: number): void {
    this[side].cutPowerAt(this[side].count.write + writes, inFlight);
    this.offSince = now;
  }

  images(): { main: Uint8Array; spare: Uint8Array } {
    return { main: this.main.afterPowerCut(), spare: this.spare.afterPowerCut() };
  }

  #isLate(side: Side): boolean {
    return this.laid.some(
      (laid) => laid.side === side && laid.fault.fault === 'late' && laid.until === undefined,
    );
  }
}

/** Whether a fault is on these sectors. */
export const touches = ({ first, count }: Laid, from: number, sectors: number): boolean =>
  first < from + sectors && from < first + count;
