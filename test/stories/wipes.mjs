// What the kernel module does to a spare on which it accepts no copy (format.md section 4), for the stories of docs/recovery.md: it
// has loaded nothing, so it writes an empty table without ghosts, with the sequence of its first write and the time of its clock.
// argv: the image, the clock in seconds, and the copies that this has reached on the disk.
import { readFileSync, writeFileSync } from 'node:fs';
import { structureChecksum } from '../../dist/format/checksum.js';
import { entriesOffset, slotBytes, trailerOffset } from '../../dist/format/structure.js';

const [file, clock, ...copies] = process.argv.slice(2);
const image = readFileSync(file);
for (const copy of copies) {
  const slot = image.subarray(copy * slotBytes, (Number(copy) + 1) * slotBytes);
  slot.writeBigUInt64LE(2n, 8);
  slot.writeBigUInt64LE(BigInt(clock), 16);
  slot.writeUInt32LE(0, 28);
  slot.writeUInt32LE(0, 296);
  slot.fill(0, entriesOffset, trailerOffset);
  slot.writeUInt32LE(structureChecksum(slot), 24);
}
writeFileSync(file, image);
