// Room: recovery. The bytes that a write could reach: the metadata region of a spare, read once. What is judged, planned,
// saved and put back is one and the same array.
import type { CancelOptions } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { byteOffset } from '../base/units.js';
import { type Device, maxTransferBytes } from '../device/device.js';
import { RehearsalDevice } from '../device/rehearsal-device.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { slotBytes } from '../format/structure.js';
import { readSlot } from '../store/examine/inspect.js';
import { type Reading, readSteadily, sameStructure } from '../store/examine/stable-read.js';

if (maxTransferBytes !== slotBytes) throw new Error('the region is not read copy by copy');

/** A copy that cannot be read, and why. */
interface MissingCopy {
  readonly copy: number;
  /** Name of the errno. */
  readonly errno: string;
}

/** Bytes of a device. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface Region {
  /** The first 655,360 bytes of the spare, or the whole logical blocks that it has; zero where a copy is missing. */
  readonly bytes: Uint8Array;
  readonly missing: readonly MissingCopy[];
  /** What was asked for behind the region: places that data is moved to. */
  readonly behind: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

/**
 * Reads the region, and what is asked for behind it. A copy that cannot be read is missing from it: what may be done then is not decided here.
 * Rejections: those of `Device.read` for what is behind the last whole slot, and behind the region; ABORT_ERR, ERR_TIMEOUT, ERR_DEVICE_CLOSED.
 */
export async function readRegion(
  device: Device,
  limits: () => CancelOptions,
  ranges: readonly ByteRange[] = [],
): Promise<Region> {
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
  const behind: Region['behind'][number][] = [];
  for (const { offset, length } of ranges) {
    behind.push({ offset, bytes: await device.read(BigInt(offset), length, limits()) });
  }
  return { bytes, missing, behind };
}

/** The same bytes again. */
export const readAgain = (device: Device, limits: () => CancelOptions, { behind }: Region): Promise<Region> =>
  readRegion(
    device,
    limits,
    behind.map(({ offset, bytes }) => ({ offset, length: bytes.length })),
  );

/** The same where somebody else may be writing: until two readings hold the same structures. Rejections as above. */
export async function readRegionSteadily(
  device: Device,
  limits: () => CancelOptions,
): Promise<{ readonly region: Region; readonly reading: Reading }> {
  const { value, reading } = await readSteadily(
    device,
    limits().signal,
    () => readRegion(device, limits),
    (a, b) =>
      missingIn(a) === missingIn(b) && geometries.driver.slots.every((at) => sameSlotOf(a, b, Number(at))),
  );
  return { region: value, reading };
}

const missingIn = ({ missing }: Region): string => missing.map(({ copy }) => copy).join();
const sameSlotOf = (a: Region, b: Region, at: number): boolean =>
  sameStructure(a.bytes.subarray(at, at + slotBytes), b.bytes.subarray(at, at + slotBytes));

/** The region as a device of its own, for what is to be tried out on it. */
export const rehearsalOf = (
  device: Pick<Device, 'info'>,
  { bytes, missing, behind }: Region,
): RehearsalDevice =>
  new RehearsalDevice(
    bytes,
    device.info,
    missing.map(({ copy, errno }) => ({ offset: copy * slotBytes, length: slotBytes, errno })),
    behind,
  );

/** @throws DmremapError ERR_PLAN_CHANGED where the two are not the same. */
export function refuseOtherRegion(path: string, planned: Region, found: Region): void {
  const same =
    Buffer.compare(planned.bytes, found.bytes) === 0 &&
    missingIn(planned) === missingIn(found) &&
    planned.behind.every(
      ({ bytes }, at) => Buffer.compare(bytes, found.behind[at]?.bytes ?? bytes.subarray(1)) === 0,
    );
  if (same) return;
  throw new DmremapError(
    'ERR_PLAN_CHANGED',
    `${path}: it has changed since the plan was made, so nothing is written`,
  );
}
