// A device in memory, behind the same interface and the same fence, with the same outcomes. It completes on a later
// turn of the loop, as a real one does, and it can be stalled: what is in flight then stays there until `resume()`.
import { byteOffset } from '../base/units.js';
import type { DeviceInfo } from './device.js';
import { EngineDevice } from './engine-device.js';
import { unsettledError } from './errno.js';
import type { Issued, RequestListener, RequestSpec, Step, StepResult } from './request.js';

export interface MemoryDeviceOptions {
  readonly logicalBlockSize?: number;
  readonly writable?: boolean;
  readonly path?: string;
  /** Facts of another device that it stands in for; what lies behind its own bytes reads as zero. */
  readonly standsFor?: DeviceInfo;
}

interface Flight {
  readonly durable: boolean;
  readonly listener: RequestListener;
  readonly groups: readonly (readonly Step[])[];
  readonly results: StepResult[][];
  group: number;
  aborted: boolean;
  settled: boolean;
}

const untouched: StepResult = { outcome: 'untouched', error: 0 };
const written: StepResult = { outcome: 'written', error: 0 };
const unknown: StepResult = { outcome: 'unknown', error: 0 };

export class MemoryDevice extends EngineDevice {
  readonly info: DeviceInfo;
  /** The bytes on the "disk", as they are now. */
  readonly bytes: Uint8Array;
  #stalled = false;
  readonly #held: (() => void)[] = [];
  readonly #flights = new Set<Flight>();

  /** @param content the bytes to start from, copied; or a size in bytes, for a device of zeros. */
  constructor(content: Uint8Array | number, options: MemoryDeviceOptions = {}) {
    super();
    this.bytes = typeof content === 'number' ? new Uint8Array(content) : Uint8Array.from(content);
    const logicalBlockSize = options.logicalBlockSize ?? 512;
    this.info = {
      path: options.path ?? 'memory',
      kind: 'memory',
      identity: null,
      engine: 'memory',
      guarantees: { leavesWhileStuck: true, workersAlwaysLeave: true, freesOtherDevices: true },
      sizeBytes: BigInt(this.bytes.length),
      logicalBlockSize,
      physicalBlockSize: logicalBlockSize,
      writable: options.writable ?? true,
      direct: true,
      ...options.standsFor,
    };
  }

  /** From now on nothing completes. */
  stall(): void {
    this.#stalled = true;
  }

  /** Lets what was held complete, and what comes after it too. @param count only so many of them, the oldest first. */
  resume(count = this.#held.length): void {
    this.#stalled = false;
    for (const complete of this.#held.splice(0, count)) setImmediate(complete);
  }

  protected override issue(spec: RequestSpec, listener: RequestListener): Issued {
    const flight: Flight = {
      durable: spec.durable,
      listener,
      // Copied at the call, as the native engine does; a read's target is the caller's own array.
      groups: spec.groups.map((group) =>
        group.map((step) => (step.kind === 'write' ? { ...step, bytes: Uint8Array.from(step.bytes) } : step)),
      ),
      results: spec.groups.map((group) => group.map(() => untouched)),
      group: 0,
      aborted: false,
      settled: false,
    };
    this.#flights.add(flight);
    this.#launch(flight);
    return { abort: () => this.#abort(flight) };
  }

  override async allocate(): Promise<void> {}

  protected override async release(): Promise<boolean> {
    return true;
  }

  protected override holdLoop(): () => void {
    return () => {};
  }

  /** Does the steps of a group to the bytes: all of them are in flight together. For devices that lie: what they do. */
  protected perform(steps: readonly Step[], _durable: boolean): StepResult[] {
    return steps.map((step) => this.transfer(step));
  }

  /** Whether one of these steps stays in flight until `resume()`. */
  protected isHeld(_steps: readonly Step[]): boolean {
    return this.#stalled;
  }

  /** One honest read, write or flush. */
  protected transfer({ kind, offset, bytes }: Step): StepResult {
    const at = Number(offset);
    if (kind === 'read') bytes.set(this.bytes.subarray(at, at + bytes.length));
    if (kind === 'write') this.bytes.set(bytes, at);
    return written;
  }

  #launch(flight: Flight): void {
    const complete = () => this.#complete(flight);
    if (this.isHeld(flight.groups[flight.group] ?? [])) this.#held.push(complete);
    else setImmediate(complete);
  }

  #complete(flight: Flight): void {
    const { groups, group, results, listener } = flight;
    const steps = groups[group] ?? [];
    const fenced = steps.some((step) => step.kind === 'write' && this.#unsettledBy(flight, step));
    // A read that was given up has nobody to give its bytes to.
    const wanted = flight.settled ? steps.filter(({ kind }) => kind !== 'read') : steps;
    if (fenced) results[group] = steps.map(() => ({ outcome: 'untouched', error: unsettledError }));
    else if (wanted.length === steps.length) results[group] = this.perform(steps, flight.durable);
    else results[group] = steps.map(() => written);
    const failed = results[group].some((result) => result.outcome !== 'written');
    if (!flight.settled && !flight.aborted && !failed && group + 1 < groups.length) {
      flight.group++;
      this.#launch(flight);
      return;
    }
    this.#flights.delete(flight);
    if (flight.settled) listener.onDrained(results.flat());
    else listener.onSettled(results.flat(), true);
  }

  /** What is in flight cannot be withdrawn, as on a block device (io spec 1.1): it settles as unknown and lands later. */
  #abort(flight: Flight): void {
    if (flight.settled || !this.#flights.has(flight)) return;
    flight.aborted = true;
    setImmediate(() => {
      if (flight.settled || !this.#flights.has(flight)) return;
      flight.settled = true;
      flight.results[flight.group] = flight.groups[flight.group]?.map(() => unknown) ?? [];
      flight.listener.onSettled(flight.results.flat(), false);
    });
  }

  #unsettledBy(flight: Flight, step: Step): boolean {
    const end = step.offset + byteOffset(step.bytes.length);
    return Array.from(this.#flights).some(
      (other) =>
        other !== flight &&
        other.settled &&
        (other.groups[other.group] ?? []).some(
          ({ kind, offset, bytes }) =>
            kind === 'write' && offset < end && step.offset < offset + BigInt(bytes.length),
        ),
    );
  }
}
