// Room: format. Layouts that are not ours but known (format.md rule 4). They are named and never converted
// unasked. Recognised from raw bytes before any checksum: none of them has one that means anything to us.
import { viewOf } from './layout.js';
import { metadataMagic, structureBytes386 } from './structure.js';

/**
 * `shell-stub`: the 512 bytes of upstream's shell tool; `dmrm` and `setup-reassembly`: structures that upstream
 * declares and nothing writes; `i386`: our structure with a 32-bit module's offsets.
 */
export type ForeignLayout = 'shell-stub' | 'dmrm' | 'setup-reassembly' | 'i386';

const asciiMagic = 0x34524d44; //  "DMR4" in the order of its letters, as a shell's printf writes it.
const dmrmMagic = 0x444d524d;
const reassemblyMagic = 0xab5eab1e;
const stubStructureSize = 2048;

/** The foreign layout that `slot` (at least 36 bytes) holds, or null. */
export function foreignLayout(slot: Uint8Array): ForeignLayout | null {
  const view = viewOf(slot);
  const magic = view.getUint32(0, true);
  const checksum = view.getUint32(24, true);
  const structureSize = view.getUint32(32, true);
  switch (magic) {
    case dmrmMagic:
      return 'dmrm';
    case reassemblyMagic:
      return 'setup-reassembly';
    case asciiMagic:
      return structureSize === stubStructureSize && checksum === 0 ? 'shell-stub' : null;
    case metadataMagic:
      if (structureSize === stubStructureSize && checksum === 0) return 'shell-stub';
      //  The size alone decides: a 32-bit module's checksum is over other bytes and would read as plain damage.
      return structureSize === structureBytes386 ? 'i386' : null;
    default:
      return null;
  }
}
