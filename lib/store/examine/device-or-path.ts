// Room: store. What a caller may name: a path, which we open and close, or an open device, which stays the caller's.
import type { Device } from '../../device/device.js';
import { guarded } from '../../device/guarded-device.js';
import { type OpenDeviceOptions, openDevice } from '../../device/native-device.js';

export interface TargetOptions extends OpenDeviceOptions {
  readonly signal: AbortSignal;
  /** Whether a device that we opened stays open when `use` succeeds. */
  readonly keep: boolean;
}

export async function withTarget<T>(
  target: string | Device,
  { keep, ...options }: TargetOptions,
  use: (device: Device, owned: boolean) => Promise<T>,
): Promise<T> {
  const owned = typeof target === 'string';
  const device = owned ? await openDevice(target, options) : guarded(target);
  let done = false;
  try {
    const result = await use(device, owned);
    done = true;
    return result;
  } finally {
    // After an abort nobody waits for the device, only for a descriptor that closes at once where nothing is stuck.
    if (owned && !(done && keep)) await device.close(options.signal.aborted ? { graceMs: 5 } : {});
  }
}
