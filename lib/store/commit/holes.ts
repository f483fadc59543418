// Room: store. The holes of an image file are filled once, before the first write to it and not earlier: what was refused must not
// have changed it, and a full file system has to show before anything is overwritten.
import { abortable } from '../../base/cancellable.js';
import type { Device } from '../../device/device.js';
import { metadataRegionBytes } from '../../format/geometry.js';

const filled = new WeakSet<Device>();

/** Undefined where there is nothing to do. Rejections: those of `Device.allocate`, with nothing written. */
export function holesFilled(device: Device, signal: AbortSignal): Promise<void> | undefined {
  if (device.info.kind !== 'file' || filled.has(device)) return undefined;
  return abortable(device.allocate(metadataRegionBytes), signal).then(() => {
    filled.add(device);
  });
}
