// Room: format, pure part. The marks of what lies between a device and a file system: encryption, volume managers, caches,
// RAID, swap; and of images of disks. Sources as in file-systems.ts.
import { type Check, end, mark, marksAt, type Signature, start } from './mark.js';

const u64 = (value: number): number[] =>
  Array.from({ length: 8 }, (_, at) => Math.floor(value / 2 ** (8 * at)) & 0xff);

/** struct mdp_superblock_1: major version 1. */
const md1: Check = { span: 8, holds: (sb) => sb.getUint32(4, true) === 1 };
/** struct mdp_superblock_s: major version 0, minor 90 or 91, in the byte order of the host that made it. */
const md0: Check = {
  span: 12,
  holds: (sb) => {
    const little = sb.getUint8(0) === 0xfc;
    const minor = sb.getUint32(8, little);
    return sb.getUint32(4, little) === 0 && (minor === 90 || minor === 91);
  },
};
const mdMagic = [0xfc, 0x4e, 0x2b, 0xa9];

/** struct disk_header of a persistent snapshot: valid or not, version 1. */
const snapshot: Check = {
  span: 12,
  holds: (head) => head.getUint32(4, true) <= 1 && head.getUint32(8, true) === 1,
};

/** The signature of swap stands at the end of the first page, whatever a page has on that machine. */
const pages = [4096, 8192, 16_384, 32_768, 65_536].map((page) => start(page - 10));

export const containers: readonly Signature[] = [
  { name: 'a LUKS container', marks: [mark(start(0), 0, 'LUKS\xba\xbe')] },
  {
    //  Where the first header was overwritten, cryptsetup finds this one, and the data with it.
    name: 'the second header of a LUKS2 container',
    marks: marksAt(
      [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000].map(start),
      0,
      'SKUL\xba\xbe',
    ),
  },
  {
    name: 'a BitLocker volume',
    marks: [
      mark(start(0), 3, '-FVE-FS-'),
      mark(
        start(0),
        424,
        [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01],
      ),
    ],
  },
  { name: 'an LVM physical volume', marks: marksAt([0, 512, 1024, 1536].map(start), 0, 'LABELONE') },
  { name: 'an LVM1 physical volume', marks: ['HM\x01\0', 'HM\x02\0'].map((word) => mark(start(0), 0, word)) },
  {
    name: 'a bcache device',
    marks: [
      mark(
        start(4096),
        24,
        [0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81],
      ),
    ],
  },
  { name: 'the metadata of a thin pool', marks: [mark(start(0), 32, u64(27_022_010))] },
  { name: 'the metadata of a dm-cache', marks: [mark(start(0), 32, u64(0o6142003))] },
  { name: 'the metadata of dm-era', marks: [mark(start(0), 32, u64(2_126_579_579))] },
  { name: 'a dm-writecache', marks: [mark(start(0), 0, [0x21, 0x93, 0x48, 0x23, 1, 0, 0, 0])] },
  { name: 'a dm-integrity device', marks: [mark(start(0), 0, 'integrt\0')] },
  { name: 'the hash tree of dm-verity', marks: [mark(start(0), 0, 'verity\0\0')] },
  { name: 'a store of dm-snapshot', marks: [mark(start(0), 0, 'SnAp', snapshot)] },
  { name: 'a VDO volume', marks: [mark(start(0), 0, 'dmvdo001')] },
  { name: 'a Stratis pool', marks: marksAt([start(512), start(4608)], 4, '!Stra0tis\x86\xff\x02^\x41rh') },
  { name: 'a BlueStore OSD of Ceph', marks: [mark(start(0), 0, 'bluestore block device')] },
  { name: 'an Oracle ASM disk', marks: [mark(start(0), 32, 'ORCLDISK')] },
  {
    name: 'a member of a Linux RAID',
    marks: [
      ...marksAt([start(0), start(4096), end(8192, 4096)], 0, mdMagic, md1),
      mark(end(65_536, 65_536), 0, mdMagic, md0),
      mark(end(65_536, 65_536), 0, mdMagic.toReversed(), md0),
    ],
  },
  {
    name: 'a member of an Intel (IMSM) RAID',
    marks: marksAt([end(1024), end(8192, 4096)], 0, 'Intel Raid ISM Cfg Sig. '),
  },
  {
    name: 'a member of a DDF RAID',
    marks: [
      ...marksAt([end(512), end(257 * 512)], 0, [0xde, 0x11, 0xde, 0x11]),
      ...marksAt([end(512), end(257 * 512)], 0, [0x11, 0xde, 0x11, 0xde]),
    ],
  },
  { name: 'a member of an NVIDIA RAID', marks: [mark(end(1024), 0, 'NVIDIA')] },
  { name: 'a member of an LSI RAID', marks: [mark(end(512), 0, '$XIDE$')] },
  {
    name: 'the metadata of DRBD',
    marks: [0x6b, 0x6c, 0x6d].map((last) => mark(end(4096, 4096), 60, [0x83, 0x74, 0x02, last])),
  },
  {
    name: 'swap space',
    marks: ['SWAPSPACE2', 'SWAP-SPACE'].flatMap((word) => marksAt(pages, 0, word)),
  },
  {
    name: 'a suspended system, in its swap space',
    marks: ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'].flatMap((word) => marksAt(pages, 0, word)),
  },
  { name: 'a UBI volume', marks: [mark(start(0), 0, 'UBI#')] },
  { name: 'a qcow2 disk image', marks: [mark(start(0), 0, 'QFI\xfb')] },
  { name: 'a VMDK disk image', marks: [mark(start(0), 0, 'KDMV')] },
  { name: 'a VHDX disk image', marks: [mark(start(0), 0, 'vhdxfile')] },
  { name: 'a VHD disk image', marks: marksAt([start(0), end(512)], 0, 'conectix') },
  { name: 'a VDI disk image', marks: [mark(start(64), 0, [0x7f, 0x10, 0xda, 0xbe])] },
];
