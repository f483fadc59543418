// Room: recovery. The bytes that a write could reach: the metadata region of a spare, read once. What is judged, planned,
// saved and put back is one and the same array.
import type { CancelOptions } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { byteOffset } from '../base/units.js';
import { type Device, maxTransferBytes } from '../device/device.js';
import { RehearsalDevice } from '../device/rehearsal-device.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { slotBytes } from '../format/structure.js';
import { readSlot } from '../store/inspect.js';

if (maxTransferBytes !== slotBytes) throw new Error('the region is not read copy by copy');

/** A copy that cannot be read, and why. */
export interface MissingCopy {
  readonly copy: number;
  /** Name of the errno. */
  readonly errno: string;
}

export interface Region {
  /** The first 655,360 bytes of the spare, or the whole logical blocks that it has; zero where a copy is missing. */
  readonly bytes: Uint8Array;
  readonly missing: readonly MissingCopy[];
}

/**
 * Reads the region. A copy that cannot be read is missing from it: what may be done then is not decided here.
 * Rejections: those of `Device.read` for what is behind the last whole slot; ABORT_ERR, ERR_TIMEOUT, ERR_DEVICE_CLOSED.
 */
export async function readRegion(device: Device, limits: () => CancelOptions): Promise<Region> {
  const { sizeBytes, logicalBlockSize } = device.info;
  const most = Number(sizeBytes < metadataRegionBytes ? sizeBytes : BigInt(metadataRegionBytes));
  const bytes = new Uint8Array(most - (most % logicalBlockSize));
  const missing: MissingCopy[] = [];
  for (const [copy, offset] of geometries.driver.slots.entries()) {
    const at = Number(offset);
    const length = Math.min(slotBytes, bytes.length - at);
    if (length <= 0) continue;
    if (length < slotBytes) {
      bytes.set(await device.read(offset, length, limits()), at);
      continue;
    }
    const slot = await readSlot(device, byteOffset(offset), limits());
    if (slot.kind === 'bytes') bytes.set(slot.bytes, at);
    else missing.push({ copy, errno: slot.kind === 'unreadable' ? slot.errno : 'EIO' });
  }
  return { bytes, missing };
}

/** The region as a device of its own, for what is to be tried out on it. */
export const rehearsalOf = (device: Device, { bytes, missing }: Region): RehearsalDevice =>
  new RehearsalDevice(
    bytes,
    device.info,
    missing.map(({ copy, errno }) => ({ offset: copy * slotBytes, length: slotBytes, errno })),
  );

/** @throws DmremapError ERR_PLAN_CHANGED where the two are not the same. */
export function refuseOtherRegion(path: string, planned: Region, found: Region): void {
  const missing = (region: Region) => region.missing.map(({ copy }) => copy).join();
  const same = Buffer.compare(planned.bytes, found.bytes) === 0 && missing(planned) === missing(found);
  if (same) return;
  throw new DmremapError(
    'ERR_PLAN_CHANGED',
    `${path}: it has changed since the plan was made, so nothing is written`,
  );
}
