// A drawn spare under the command line: a file, or a device in memory where not all of it can be read.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unixSeconds } from '../../lib/base/units.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice as openRealDevice } from '../../lib/device/native-device.js';
import type { Step } from '../../lib/device/request.js';
import { slotBytes } from '../../lib/format/structure.js';
import { dmremap, type Overrides, type Ran } from '../cli/harness.js';
import type { Disk } from './damage.js';

/** Cannot be read at some copies, until they are written. */
class WornDevice extends MemoryDevice {
  constructor(
    content: Uint8Array,
    path: string,
    writable: boolean,
    readonly bad: Set<number>,
  ) {
    super(content, { path, writable });
  }
  protected override transfer(step: Step) {
    const copy = Number(step.offset) / slotBytes;
    if (this.bad.has(copy) && step.kind === 'read') return { outcome: 'unknown', error: 5 } as const;
    if (step.kind === 'write' && step.bytes.length > 4096) this.bad.delete(copy);
    return super.transfer(step);
  }
}

export interface Spare {
  readonly path: string;
  /** What it holds now. */
  readonly bytes: () => Uint8Array;
  /** Runs a command at the clock of the disk, with files by name beside the spare. */
  readonly run: (...argv: readonly string[]) => Promise<Ran>;
}

/** @param cwd a folder of its own, made here. */
export function spareIn(cwd: string, { bytes, now, unreadable }: Disk): Spare {
  mkdirSync(cwd);
  const path = join(cwd, 'spare.img');
  const clock = { now: () => unixSeconds(now) };
  if (unreadable.size === 0) {
    writeFileSync(path, bytes);
    const held = () => {
      const file = readFileSync(path);
      return new Uint8Array(file.buffer, file.byteOffset, file.length);
    };
    return { path, bytes: held, run: (...argv) => dmremap(cwd, argv, clock) };
  }
  let held: Uint8Array = bytes;
  const bad = new Set(unreadable);
  const openDevice: Overrides['openDevice'] = async (opened, options) => {
    if (opened !== path) return openRealDevice(opened, options);
    const device = new WornDevice(held, path, options.mode === 'write', bad);
    held = device.bytes;
    return device;
  };
  return { path, bytes: () => held.slice(), run: (...argv) => dmremap(cwd, argv, { ...clock, openDevice }) };
}
