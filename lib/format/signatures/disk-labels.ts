// Room: format, pure part. The marks of partition tables: of PCs, and of Sun, SGI, Apple, BSD and Amiga. Sources as in
// file-systems.ts. Where a label has a checksum, it has to hold.
import { type Check, end, mark, marksAt, placesFrom, type Signature, start } from './mark.js';

/** A partition entry has a status of 0 or 0x80 and a type, and where it has, a first sector and a length. */
const mbr: Check = {
  span: 512,
  holds: (sector) => {
    const entries = [446, 462, 478, 494];
    return (
      entries.every((at) => (sector.getUint8(at) & 0x7f) === 0) &&
      entries.some(
        (at) =>
          sector.getUint8(at + 4) !== 0 &&
          sector.getUint32(at + 8, true) > 0 &&
          sector.getUint32(at + 12, true) > 0,
      )
    );
  },
};

/** All 256 words of the label, its checksum included, are zero when XORed. */
const sun: Check = {
  span: 512,
  holds: (label) => {
    let sum = 0;
    for (let at = 0; at < 512; at += 2) sum ^= label.getUint16(at);
    return sum === 0;
  },
};

/** struct disklabel has its magic twice. */
const bsd: Check = { span: 136, holds: (label) => label.getUint32(132, true) === 0x8256_4557 };

/** The map of an Apple disk says in each entry how many there are. */
const appleMap: Check = {
  span: 8,
  holds: (entry) => entry.getUint32(4) > 0 && entry.getUint32(4) < 65_536,
};

/** As many longs as the block says, at most a block of them, add up to zero. */
const amiga: Check = {
  span: 512,
  holds: (block) => {
    const longs = block.getUint32(4);
    if (longs < 8 || longs > 128) return false;
    let sum = 0;
    for (let at = 0; at < longs; at++) sum = (sum + block.getUint32(4 * at)) | 0;
    return sum === 0;
  },
};

export const diskLabels: readonly Signature[] = [
  {
    name: 'a GPT partition table',
    marks: marksAt([start(512), start(4096), end(512), end(4096, 4096)], 0, 'EFI PART'),
  },
  { name: 'an MBR partition table', marks: [mark(start(0), 510, [0x55, 0xaa], mbr)] },
  { name: 'a Sun disk label', marks: [mark(start(0), 508, [0xda, 0xbe], sun)] },
  { name: 'an SGI disk label', marks: [mark(start(0), 0, [0x0b, 0xe5, 0xa9, 0x41])] },
  {
    name: 'an Apple partition map',
    marks: marksAt([start(512), start(2048), start(4096)], 0, 'PM\0\0', appleMap),
  },
  {
    name: 'a BSD disk label',
    marks: marksAt([0, 64, 128, 512].map(start), 0, [0x57, 0x45, 0x56, 0x82], bsd),
  },
  { name: 'an Amiga partition table', marks: marksAt(placesFrom(0, 512, 16), 0, 'RDSK', amiga) },
  { name: 'a Windows dynamic disk (LDM)', marks: [mark(start(3072), 0, 'PRIVHEAD')] },
];
