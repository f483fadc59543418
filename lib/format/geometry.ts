// Room: format. Where the copies lie on a spare (format.md section 1). The module uses the driver geometry and no
// other; the documented one is what upstream's papers and shell tools name. Sector 0 is copy 0 in both; sector
// 1024 is copy 4 in one and copy 1 in the other.
import { type ByteOffset, byteOffset, type Sector } from '../base/units.js';
import { slotBytes } from './structure.js';

export type GeometryName = 'driver' | 'documented';

/** The byte offsets of the five slots, by copy number. */
export interface Geometry {
  readonly name: GeometryName;
  readonly slots: readonly ByteOffset[];
}

/** Both geometries of format.md section 1. */
export const geometries: Readonly<Record<GeometryName, Geometry>> = {
  driver: { name: 'driver', slots: [0, 131_072, 262_144, 393_216, 524_288].map(byteOffset) },
  documented: { name: 'documented', slots: [0, 524_288, 1_048_576, 2_097_152, 4_194_304].map(byteOffset) },
};

/** Bytes of the driver geometry's metadata region; the first sector behind it is 1280. */
export const metadataRegionBytes = 655_360;

/** Whether the slot at `slot` lies wholly on a device of `sizeBytes`. Where it does not, its copy is absent. */
export const fits = (slot: ByteOffset, sizeBytes: bigint): boolean => slot + BigInt(slotBytes) <= sizeBytes;

const sectorsPerSlot = BigInt(slotBytes / 512);

/**
 * Whether any of the `count` sectors from `first` lies inside the metadata: in the region from sector 0 to 1279, where the
 * module writes whatever the geometry, or in a slot of this geometry, its unused tail included.
 */
export function touchesMetadata(geometry: Geometry, first: Sector, count = 1n): boolean {
  return [...geometries.driver.slots, ...geometry.slots].some((slot) => {
    const slotSector = slot / 512n;
    return first < slotSector + sectorsPerSlot && slotSector < first + count;
  });
}
