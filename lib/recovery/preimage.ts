// Room: recovery, pure part. What is saved before a write command overwrites anything, and all that `undo` has to know:
// the region as it was, which spare it is of, and, sector by sector, what the command was going to make of it. So it shows
// later whether somebody else has written since.

import { sha256Of } from '../base/crypto.js';
import { DmremapError } from '../base/errors.js';
import { type DeviceInfo, maxTransferBytes, type WriteStep } from '../device/device.js';
import { type SavedDevice, savedDevice } from '../device/saved-identity.js';
import { geometries } from '../format/geometry.js';
import { sealImage, unsealImage } from '../format/sealed-image.js';
import { slotBytes } from '../format/structure.js';
import { textOf } from '../format/text.js';
import type { Findings } from '../store/examine/examine.js';
import type { Plan } from './rehearse.js';

const preimageSchema = 'dmremap.preimage/1';

const sectorBytes = 512;
/** Hexadecimal digits that are kept of a sector's SHA-256: 64 bits tell one sector from what it was or was to become. */
const sectorDigits = 16;

/** One write of the command, in the order of writing. */
interface PlannedRange {
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
  /** The first 16 digits of each sector's SHA-256, one after the other: a torn write shows as what it is. */
  readonly sectors: string;
}

/** What the command was going to write behind the region: to free places, so what was there is not saved. */
interface OutsideRange {
  /** In bytes, in decimal. */
  readonly offset: string;
  readonly length: number;
  /** As in PlannedRange. */
  readonly sectors: string;
  /** The same, of what was there before. */
  readonly before: string;
}

/** The document of a pre-image (docs/preimage.schema.json). */
export interface Preimage {
  readonly schema: typeof preimageSchema;
  /** Seconds since the epoch. */
  readonly time: string;
  readonly command: string;
  /** The identity of the plan that was carried out. */
  readonly plan: string;
  readonly region: {
    readonly bytes: number;
    readonly sha256: string;
    /** Copies that could not be read: zero here, and no part of what is put back. */
    readonly missing: readonly number[];
  };
  readonly device: SavedDevice;
  /** The main device that the elected copy belongs to. */
  readonly main: { readonly sectors: string; readonly uuid: string } | null;
  /** What we elect, before and after. */
  readonly sequence: { readonly before: string | null; readonly after: string | null };
  readonly writes: readonly PlannedRange[];
  /** Not there where nothing was to be written behind the region. */
  readonly outside?: readonly OutsideRange[];
}

/** What the pre-image of a plan says. */
export function preimageOf(
  plan: Plan<unknown>,
  command: string,
  info: DeviceInfo,
  before: Findings,
  after: Findings,
): Preimage {
  const { bytes, missing } = plan.region;
  const sequence = ({ elections: { ours } }: Findings) => (ours === null ? null : `${ours.sequence}`);
  return {
    schema: preimageSchema,
    time: `${plan.now}`,
    command,
    plan: plan.id,
    region: { bytes: bytes.length, sha256: sha256Of(bytes), missing: missing.map(({ copy }) => copy) },
    device: savedDevice(info),
    main: mainOf(before),
    sequence: { before: sequence(before), after: sequence(after) },
    writes: plan.writes.filter(({ offset }) => offset < bytes.length).map(rangeOf),
    ...outsideOf(plan),
  };
}

function outsideOf({ region, writes }: Plan<unknown>): Pick<Preimage, 'outside'> {
  const outside = writes.filter(({ offset }) => offset >= region.bytes.length);
  if (outside.length === 0) return {};
  return {
    outside: outside.map(({ offset, bytes }) => {
      const found = region.behind.find((piece) => piece.offset === Number(offset));
      if (found?.bytes.length !== bytes.length) throw new Error('a write to what was not read');
      return {
        offset: `${offset}`,
        length: bytes.length,
        sectors: digestsOf(bytes),
        before: digestsOf(found.bytes),
      };
    }),
  };
}

export function mainOf({ shown }: Pick<Findings, 'shown'>): Preimage['main'] {
  if (shown === null) return null;
  const { mainDeviceSectors, mainDeviceUuid } = shown.slot.header;
  return { sectors: `${mainDeviceSectors}`, uuid: textOf(mainDeviceUuid) };
}

function rangeOf({ offset, bytes }: WriteStep): PlannedRange {
  return {
    offset: Number(offset),
    length: bytes.length,
    sha256: sha256Of(bytes),
    sectors: digestsOf(bytes),
  };
}

function digestsOf(bytes: Uint8Array): string {
  let sectors = '';
  for (let at = 0; at < bytes.length; at += sectorBytes) sectors += digestAt(bytes, at);
  return sectors;
}

const digestAt = (bytes: Uint8Array, at: number): string =>
  sha256Of(bytes.subarray(at, at + sectorBytes)).slice(0, sectorDigits);

export const encodePreimage = (region: Uint8Array, preimage: Preimage): Uint8Array =>
  sealImage(region, preimage);

/**
 * A pre-image out of a file.
 * @throws DmremapError ERR_IMAGE_INVALID where it is none, or a byte of it is not what was saved.
 */
export function decodePreimage(file: Uint8Array): {
  readonly region: Uint8Array;
  readonly preimage: Preimage;
} {
  const { region, document } = unsealImage(file);
  if (document.schema !== preimageSchema) {
    const what = typeof document.schema === 'string' ? document.schema : 'something else';
    throw new DmremapError('ERR_IMAGE_INVALID', `it is no pre-image but ${what}`);
  }
  const preimage = document as unknown as Preimage;
  const place = misshapen(preimage, region.length);
  if (place === undefined) return { region, preimage };
  throw new DmremapError('ERR_IMAGE_INVALID', `its document is wrong at ${place}`);
}

/** The seal proves that nobody has damaged it, not that we have written it. */
function misshapen(
  { device, writes, outside = [], region, sequence }: Preimage,
  bytes: number,
): string | undefined {
  const isText = (value: unknown) => typeof value === 'string';
  if (!isText(device?.path) || !isText(device.kind) || !/^\d{1,20}$/.test(String(device.sizeBytes)))
    return 'device';
  const block = device.logicalBlockSize;
  if (!Number.isInteger(block) || block < sectorBytes || block > 65_536) return 'device';
  const copies: unknown = region.missing;
  if (!Array.isArray(copies) || copies.some((copy) => geometries.driver.slots[copy] === undefined))
    return 'region';
  if (typeof sequence !== 'object' || sequence === null) return 'sequence';
  const isRange = ({ offset, length, sectors }: PlannedRange) =>
    [offset, length].every((value) => Number.isInteger(value) && value >= 0 && value % sectorBytes === 0) &&
    offset + length <= bytes &&
    isText(sectors) &&
    sectors.length === (length / sectorBytes) * sectorDigits;
  const isAll = <T>(list: unknown, is: (one: T) => boolean) =>
    Array.isArray(list) && list.every((one) => typeof one === 'object' && one !== null && is(one));
  const isOutside = ({ offset, length, sectors, before }: OutsideRange) =>
    /^\d{1,20}$/.test(offset) &&
    BigInt(offset) % BigInt(sectorBytes) === 0n &&
    Number.isInteger(length) &&
    length > 0 &&
    length <= maxTransferBytes &&
    length % sectorBytes === 0 &&
    [sectors, before].every(
      (digests) => isText(digests) && digests.length === (length / sectorBytes) * sectorDigits,
    );
  if (!isAll(writes, isRange)) return 'writes';
  return isAll(outside, isOutside) ? undefined : 'outside';
}

/** How many of the sectors of a range behind the region hold neither what was there nor what the command was to write. */
export function writtenOutsideSince({ sectors, before }: OutsideRange, found: Uint8Array): number {
  let strange = 0;
  for (let at = 0; at < found.length; at += sectorBytes) {
    const digest = digestAt(found, at);
    const place = (at / sectorBytes) * sectorDigits;
    if (!sectors.startsWith(digest, place) && !before.startsWith(digest, place)) strange += 1;
  }
  return strange;
}

/**
 * The sectors, by copy number, that hold neither what was saved nor what the command was going to write there, nor the
 * zeros by which a slot is disarmed while it is written or put back.
 * @param blockBytes the logical block of the device at hand: so much of a slot is disarmed.
 */
export function writtenSince(
  { region, preimage }: { readonly region: Uint8Array; readonly preimage: Preimage },
  found: Uint8Array,
  blockBytes: number,
): ReadonlyMap<number, number> {
  const { writes, device } = preimage;
  const missing = preimage.region.missing;
  const disarmed = Math.max(device.logicalBlockSize, blockBytes);
  const strange = new Map<number, number>();
  for (let at = 0; at < region.length; at += sectorBytes) {
    const copy = Math.floor(at / slotBytes);
    const sector = found.subarray(at, at + sectorBytes);
    if (missing.includes(copy) || Buffer.compare(sector, region.subarray(at, at + sectorBytes)) === 0)
      continue;
    if (at % slotBytes < disarmed && sector.every((byte) => byte === 0)) continue;
    const digest = digestAt(found, at);
    const planned = writes.some(
      ({ offset, length, sectors }) =>
        offset <= at &&
        at < offset + length &&
        sectors.startsWith(digest, ((at - offset) / sectorBytes) * sectorDigits),
    );
    if (!planned) strange.set(copy, (strange.get(copy) ?? 0) + 1);
  }
  return strange;
}
