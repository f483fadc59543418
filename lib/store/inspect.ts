// Room: store. From a device to a report: reads the slots of both geometries and examines what they hold. Never writes.
import type { CancelOptions } from '../base/cancellable.js';
import { OperationError } from '../base/errors.js';
import { type ByteOffset, sectorsIn, type UnixSeconds } from '../base/units.js';
import { type Device, maxTransferBytes } from '../device/device.js';
import type { SlotRead } from '../format/damage.js';
import { fits, type GeometryName, geometries, metadataRegionBytes } from '../format/geometry.js';
import { maxSealedBytes, type Seal, sealBlockBytes, sealOf } from '../format/sealed-image.js';
import { slotBytes } from '../format/structure.js';
import { examine, type Report } from './examine.js';

if (slotBytes > maxTransferBytes) throw new Error('a slot does not fit one read');

export interface InspectOptions {
  readonly geometry?: 'auto' | GeometryName | undefined;
  readonly now: UnixSeconds;
  readonly copy?: number | undefined;
  readonly signal: AbortSignal;
}

export async function inspect(device: Device, options: InspectOptions): Promise<Report> {
  const { signal, now, copy, geometry = 'auto' } = options;
  const seal = await readSeal(device, { signal });
  const sizeBytes = seal === null ? device.info.sizeBytes : BigInt(seal.regionBytes);
  // Sector 0 is copy 0 in both geometries, and sector 1024 is a copy in both: each place is read once.
  const places = new Set([...geometries.driver.slots, ...geometries.documented.slots]);
  const pairs = await Promise.all(
    Array.from(places, async (offset) => [offset, await readSlot(device, offset, { signal })] as const),
  );
  const reads = new Map(pairs);
  const readsOf = (name: GeometryName) =>
    geometries[name].slots.map((offset): SlotRead => reads.get(offset) ?? { kind: 'absent' });
  return examine({
    reads: { driver: readsOf('driver'), documented: readsOf('documented') },
    sizeBytes,
    now,
    geometry,
    copy,
    deviceSectors: seal === null && isWholeSpare(device) ? sectorsIn(sizeBytes) : undefined,
  });
}

/**
 * The same before something is written: what is read is made durable first. The kernel module flushes nothing, and a
 * write that failed can stand in the drive's cache alone: such a copy must not count as one that outlives a power cut.
 */
export async function inspectForWriting(device: Device, options: InspectOptions): Promise<Report> {
  await device.flush({ signal: options.signal });
  return inspect(device, options);
}

/** A file no larger than the metadata region is an image of it: its size says nothing about the spare. */
const isWholeSpare = ({ info }: Device): boolean =>
  info.kind === 'block' || info.sizeBytes > BigInt(metadataRegionBytes);

/** The seal of a saved image: what lies behind its region is ours, and no part of the spare. Null for anything else. */
export async function readSeal(device: Device, limits: CancelOptions): Promise<Seal | null> {
  const { kind, sizeBytes, logicalBlockSize } = device.info;
  if (kind !== 'file' || logicalBlockSize > sealBlockBytes) return null;
  if (sizeBytes < sealBlockBytes || sizeBytes > maxSealedBytes) return null;
  if (sizeBytes % BigInt(sealBlockBytes) !== 0n) return null;
  try {
    const end = await device.read(sizeBytes - BigInt(sealBlockBytes), sealBlockBytes, limits);
    return sealOf(end, sizeBytes);
  } catch (error) {
    if (error instanceof OperationError && error.code === 'ERR_IO') return null;
    throw error;
  }
}

/** What a slot holds. A read error is the slot's damage; an abort or a closed device ends the whole. */
export async function readSlot(device: Device, offset: ByteOffset, limits: CancelOptions): Promise<SlotRead> {
  if (!fits(offset, device.info.sizeBytes)) return { kind: 'absent' };
  try {
    return { kind: 'bytes', bytes: await device.read(offset, slotBytes, limits) };
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    switch (error.code) {
      case 'ERR_IO':
      case 'ERR_SHORT_TRANSFER':
      case 'ERR_DEVICE_VANISHED':
        // A short read has no errno of its own: the file shrank under us.
        return { kind: 'unreadable', errno: error.errno ?? 'ENODATA' };
      default:
        throw error;
    }
  }
}
