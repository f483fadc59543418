// Room: store. From a device to a report: reads the slots of both geometries and examines what they hold. Never writes.
import type { CancelOptions } from '../../base/cancellable.js';
import { OperationError } from '../../base/errors.js';
import { type ByteOffset, sectorsIn, type UnixSeconds } from '../../base/units.js';
import { type Device, type DeviceInfo, maxTransferBytes } from '../../device/device.js';
import type { SlotRead } from '../../format/damage.js';
import { fits, type GeometryName, geometries, metadataRegionBytes } from '../../format/geometry.js';
import { maxSealedBytes, type Seal, sealBlockBytes, sealOf } from '../../format/sealed-image.js';
import { slotBytes } from '../../format/structure.js';
import { validCopies } from '../table/copies.js';
import { examine, type Report } from './examine.js';
import { errnoOfRead, readElsewhere } from './read-elsewhere.js';
import type { Elsewhere } from './strangers.js';

if (slotBytes > maxTransferBytes) throw new Error('a slot does not fit one read');

export interface InspectOptions {
  readonly geometry?: 'auto' | GeometryName | undefined;
  readonly now: UnixSeconds;
  readonly copy?: number | undefined;
  readonly signal: AbortSignal;
}

/** What was read of a device, not looked into yet. */
export interface PlacesRead {
  readonly seal: Seal | null;
  /** By where it lies: the places of both geometries. */
  readonly slots: ReadonlyMap<ByteOffset, SlotRead>;
  readonly elsewhere?: Elsewhere | undefined;
}

/** Sector 0 is copy 0 in both geometries, and sector 1024 is a copy in both: each place is read once. */
export async function readPlaces(device: Device, limits: CancelOptions): Promise<PlacesRead> {
  const seal = await readSeal(device, limits);
  const places = new Set([...geometries.driver.slots, ...geometries.documented.slots]);
  const slots = await Promise.all(
    Array.from(places, async (offset) => [offset, await readSlot(device, offset, limits)] as const),
  );
  return { seal, slots: new Map(slots) };
}

export const readsOf = ({ slots }: PlacesRead, geometry: GeometryName): SlotRead[] =>
  geometries[geometry].slots.map((offset) => slots.get(offset) ?? { kind: 'absent' });

export function reportOf(device: Device, read: PlacesRead, options: Omit<InspectOptions, 'signal'>): Report {
  const { now, copy, geometry = 'auto' } = options;
  const { seal } = read;
  const sizeBytes = seal === null ? device.info.sizeBytes : BigInt(seal.regionBytes);
  return examine({
    reads: { driver: readsOf(read, 'driver'), documented: readsOf(read, 'documented') },
    sizeBytes,
    now,
    geometry,
    copy,
    elsewhere: read.elsewhere,
    deviceSectors: seal === null && isWholeSpare(device) ? sectorsIn(sizeBytes) : undefined,
    blockBytes: blockBytesOf(device.info),
  });
}

export async function inspect(device: Device, options: InspectOptions): Promise<Report> {
  return reportWithStrangers(device, await readPlaces(device, options), options);
}

/** Where there is no valid copy, it may be the device of somebody else: then all that may show whose is looked at. */
export async function reportWithStrangers(
  device: Device,
  read: PlacesRead,
  options: InspectOptions,
): Promise<Report> {
  const report = reportOf(device, read, options);
  if (read.seal !== null || validCopies([...report.copies, ...report.otherCopies]).length > 0) return report;
  const elsewhere = await readElsewhere(device, read.slots.keys(), options);
  return reportOf(device, { ...read, elsewhere }, options);
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

/** Bytes of a logical block of the device itself: a file is an image of another one, whose blocks are not known. */
export const blockBytesOf = ({ kind, logicalBlockSize }: DeviceInfo): number | undefined =>
  kind === 'file' ? undefined : logicalBlockSize;

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

/** What a slot holds. A read error is the slot's damage; an abort, or a device that is closed or gone, ends the whole. */
export async function readSlot(device: Device, offset: ByteOffset, limits: CancelOptions): Promise<SlotRead> {
  if (!fits(offset, device.info.sizeBytes)) return { kind: 'absent' };
  try {
    return { kind: 'bytes', bytes: await device.read(offset, slotBytes, limits) };
  } catch (error) {
    return { kind: 'unreadable', errno: errnoOfRead(error) };
  }
}
