// Room: format, pure part. The marks of file systems. Sources: the headers of the kernel (include/uapi/linux/magic.h and fs/),
// of libblkid (util-linux), and of the projects; test/format/signatures.test.ts holds them against what the tools write.
import { type Check, end, mark, marksAt, placesFrom, type Signature, start } from './mark.js';

/** struct ext2_super_block: two bytes of a mark, so the counts must make sense. A journal device has no inodes. */
const ext: Check = {
  span: 100,
  holds: (sb) => {
    const isJournal = (sb.getUint32(96, true) & 0x8) !== 0;
    const hasInodes = sb.getUint32(0, true) > 0 && sb.getUint32(40, true) > 0;
    const [blocks, logBlock, revision] = [4, 24, 76].map((at) => sb.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    return blocks > 0 && logBlock <= 6 && revision <= 1 && (isJournal || hasInodes);
  },
};

/** struct nilfs_super_block: revision 2, at most 1,024 bytes long, blocks of at most 64 KiB. */
const nilfs: Check = {
  span: 24,
  holds: (sb) => {
    const length = sb.getUint16(8, true);
    return sb.getUint32(0, true) <= 2 && length > 24 && length <= 1024 && sb.getUint32(20, true) <= 6;
  },
};

/** struct minix_super_block: the maps are large enough for what they count. */
const minix: Check = {
  span: 20,
  holds: (sb) => {
    const [inodes, , inodeMap, zoneMap, firstZone, logZone] = [0, 2, 4, 6, 8, 10].map((at) =>
      sb.getUint16(at, true),
    ) as [number, number, number, number, number, number];
    return (
      inodes > 0 &&
      inodeMap * 8192 >= inodes &&
      zoneMap > 0 &&
      firstZone >= inodeMap + zoneMap + 2 &&
      logZone <= 10
    );
  },
};

/** The master directory block of HFS: allocation blocks are whole sectors, and the volume has a name. */
const hfs: Check = {
  span: 37,
  holds: (mdb) => {
    const size = mdb.getUint32(20);
    return (
      mdb.getUint16(18) > 0 && size > 0 && size % 512 === 0 && mdb.getUint8(36) > 0 && mdb.getUint8(36) < 28
    );
  },
};

/** struct xlog_rec_header: version 1 or 2. */
const xfsLog: Check = { span: 12, holds: (head) => head.getUint32(8) === 1 || head.getUint32(8) === 2 };

/** Where UFS looks for its superblock, and the magic in both byte orders at 1372: UFS1 and UFS2. */
const ufsPlaces = [0, 8192, 65_536, 262_144].map(start);

/** The volume recognition sequence of ECMA-167: descriptors of 2,048 bytes, or of one block of 4,096. */
const udfPlaces = placesFrom(32_768, 2048, 16);

//  A label of ZFS has 256 KiB: two lie at the start of a device, two at its end. The list of pairs begins at 16 KiB with the
//  pair "version", in XDR; a ring of uberblocks fills the second half.
const zfsLabel = 262_144;
const zfsPairs = [0, 0, 0, 7, ...Array.from('version', (letter) => letter.charCodeAt(0))];
const zfsRings = [0, zfsLabel].flatMap((label) => placesFrom(label + 131_072, 1024, 128));

const bcachefs = [
  0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9, 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef,
];
/** A MiB before the end, at the start of a bucket of 128 KiB to 1 MiB. */
const bcachefsBackups = [128, 256, 512, 1024].map((bucket) => end(2 ** 20, bucket * 1024));

export const fileSystems: readonly Signature[] = [
  { name: 'an XFS file system', marks: [mark(start(0), 0, 'XFSB')] },
  { name: 'the log of an XFS file system', marks: [mark(start(0), 0, [0xfe, 0xed, 0xba, 0xbe], xfsLog)] },
  { name: 'an ext2, ext3 or ext4 file system', marks: [mark(start(1024), 56, [0x53, 0xef], ext)] },
  { name: 'a Btrfs file system', marks: marksAt([start(65_536), start(67_108_864)], 64, '_BHRfS_M') },
  { name: 'an F2FS file system', marks: marksAt([start(1024), start(5120)], 0, [0x10, 0x20, 0xf5, 0xf2]) },
  { name: 'a JFS file system', marks: marksAt([start(32_768), start(61_440)], 0, 'JFS1') },
  { name: 'a ReiserFS file system', marks: marksAt([start(8192), start(65_536)], 52, 'ReIsEr') },
  { name: 'a Reiser4 file system', marks: [mark(start(65_536), 0, 'ReIsEr4')] },
  { name: 'a NILFS2 file system', marks: marksAt([start(1024), end(4096, 4096)], 6, [0x34, 0x34], nilfs) },
  {
    name: 'a bcachefs file system',
    marks: [...marksAt([start(3584), start(4120)], 0, bcachefs), ...marksAt(bcachefsBackups, 24, bcachefs)],
  },
  {
    name: 'a member of a ZFS pool',
    marks: [
      ...marksAt(
        [start(0), start(zfsLabel), end(2 * zfsLabel, zfsLabel), end(zfsLabel, zfsLabel)],
        16_404,
        zfsPairs,
      ),
      ...marksAt(zfsRings, 0, [0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0]),
      ...marksAt(zfsRings, 0, [0, 0, 0, 0, 0, 0xba, 0xb1, 0x0c]),
    ],
  },
  { name: 'an APFS container', marks: [mark(start(0), 32, 'NXSB')] },
  {
    name: 'an HFS+ file system',
    marks: [
      ...marksAt([start(1024), end(1024)], 0, 'H+\0\x04'),
      ...marksAt([start(1024), end(1024)], 0, 'HX\0\x05'),
    ],
  },
  { name: 'an HFS file system', marks: marksAt([start(1024), end(1024)], 0, 'BD', hfs) },
  { name: 'an NTFS file system', marks: marksAt([start(0), end(512)], 3, 'NTFS    ') },
  { name: 'a ReFS file system', marks: [mark(start(0), 3, 'ReFS\0\0\0\0')] },
  { name: 'an exFAT file system', marks: marksAt([start(0), start(6144)], 3, 'EXFAT   ') },
  {
    name: 'a FAT file system',
    marks: [
      mark(start(0), 54, 'FAT12   '),
      mark(start(0), 54, 'FAT16   '),
      mark(start(0), 54, 'FAT     '),
      ...marksAt([start(0), start(3072)], 82, 'FAT32   '),
    ],
  },
  { name: 'an OCFS2 file system', marks: marksAt([1024, 2048, 4096, 8192].map(start), 0, 'OCFSV2') },
  { name: 'a GFS2 file system', marks: [mark(start(65_536), 0, [0x01, 0x16, 0x19, 0x70, 0, 0, 0, 1])] },
  {
    name: 'a UDF file system',
    marks: ['BEA01', 'NSR02', 'NSR03'].flatMap((word) => marksAt(udfPlaces, 1, word)),
  },
  { name: 'an ISO 9660 file system', marks: [mark(start(32_768), 1, 'CD001')] },
  {
    name: 'a UFS file system',
    marks: [
      [0x54, 0x19, 0x01, 0x00],
      [0x00, 0x01, 0x19, 0x54],
      [0x19, 0x01, 0x54, 0x19],
      [0x19, 0x54, 0x01, 0x19],
    ].flatMap((magic) => marksAt(ufsPlaces, 1372, magic)),
  },
  {
    name: 'a Minix file system',
    marks: [
      [0x7f, 0x13],
      [0x8f, 0x13],
      [0x68, 0x24],
      [0x78, 0x24],
    ].map((magic) => mark(start(1024), 16, magic, minix)),
  },
  { name: 'a VxFS file system', marks: [mark(start(1024), 0, [0xf5, 0xfc, 0x01, 0xa5])] },
  { name: 'a VMFS datastore', marks: [mark(start(1_048_576), 0, [0x0d, 0xd0, 0x01, 0xc0])] },
  { name: 'a SquashFS file system', marks: [mark(start(0), 0, 'hsqs'), mark(start(0), 0, 'sqsh')] },
  { name: 'an EROFS file system', marks: [mark(start(1024), 0, [0xe2, 0xe1, 0xf5, 0xe0])] },
  {
    name: 'a CramFS file system',
    marks: [
      [0x45, 0x3d, 0xcd, 0x28],
      [0x28, 0xcd, 0x3d, 0x45],
    ].flatMap((magic) => marksAt([start(0), start(512)], 0, magic)),
  },
];
