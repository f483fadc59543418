// Room: store, pure part. The table that a report shows, to be asked or changed in memory: with what is held back from it.
import { geometries } from '../../format/geometry.js';
import { heldBy } from '../table/held-places.js';
import { RemapTable } from '../table/remap-table.js';
import type { Report } from './examine.js';

/** The table shown, as a store that goes on from it has it; null where there is none. */
export function tableShown({ copies, shown, geometry }: Report): RemapTable | null {
  if (shown === null) return null;
  const { mainDeviceSectors: mainSectors, spareDeviceSectors: spareSectors } = shown.slot.header;
  const held = heldBy({ copies, shown });
  return new RemapTable(
    { mainSectors, spareSectors, geometry: geometries[geometry], held },
    shown.slot.entries,
  );
}
