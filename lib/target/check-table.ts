// Room: target, pure part. Which tables a target can work through: on others a write could land in a copy of the metadata, in
// another sector's data, or nowhere.
import { DmremapError } from '../base/errors.js';
import { sectorsIn } from '../base/units.js';
import type { Device } from '../device/device.js';
import { type Geometry, touchesMetadata } from '../format/geometry.js';
import type { RemapTable } from '../store/table/remap-table.js';
import { isWholeBlock } from '../store/table/whole-blocks.js';

interface TableSurroundings {
  readonly main: Device;
  readonly spare: Device;
  readonly blockSectors: number;
  readonly geometry: Geometry;
}

/**
 * Only the entries in force count.
 * @throws DmremapError ERR_MAIN_MISMATCH where main has not the size that the metadata was made for, ERR_DEVICE_TOO_SMALL where
 *   the spare is smaller, ERR_SPARE_OUT_OF_RANGE, ERR_DATA_IN_METADATA (format.md rule 14), ERR_SPARE_IN_USE where two
 *   originals have one place, ERR_TABLE_UNALIGNED where parts of logical blocks are mapped.
 */
export function checkTable(
  table: RemapTable,
  { main, spare, blockSectors, geometry }: TableSurroundings,
): void {
  const { path: mainPath, sizeBytes: mainBytes } = main.info;
  if (table.mainSectors !== sectorsIn(mainBytes)) {
    const message = `the metadata was made for a main device of ${table.mainSectors} sectors, and ${mainPath} has ${sectorsIn(mainBytes)}`;
    throw new DmremapError('ERR_MAIN_MISMATCH', message);
  }
  const spareSectors = sectorsIn(spare.info.sizeBytes);
  if (table.spareSectors > spareSectors) {
    const message = `the metadata was made for a spare of ${table.spareSectors} sectors, and ${spare.info.path} has ${spareSectors}`;
    throw new DmremapError('ERR_DEVICE_TOO_SMALL', message);
  }
  const places = new Map<bigint, bigint>();
  for (const { originalSector, spareSector } of table) {
    if (table.lookup(originalSector) !== spareSector) continue;
    const remap = `sector ${originalSector} -> ${spareSector}`;
    if (spareSector >= spareSectors)
      throw new DmremapError('ERR_SPARE_OUT_OF_RANGE', `${remap} lies beyond the spare`);
    if (touchesMetadata(geometry, spareSector)) {
      throw new DmremapError('ERR_DATA_IN_METADATA', `${remap}: its data lies inside the metadata region`);
    }
    const other = places.get(spareSector) ?? originalSector;
    if (other !== originalSector) {
      throw new DmremapError('ERR_SPARE_IN_USE', `${remap}, and sector ${other} has its data there too`);
    }
    places.set(spareSector, originalSector);
    if (!isWholeBlock((original) => table.lookup(original), originalSector, BigInt(blockSectors))) {
      const message = `sector ${originalSector} is remapped without the other sectors of its ${blockSectors * 512}-byte block`;
      throw new DmremapError('ERR_TABLE_UNALIGNED', message);
    }
  }
}
