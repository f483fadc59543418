import { describe, expect, it } from 'vitest';
import { findMarks, rangesToRead, SparseBytes } from '../../lib/format/signatures.js';
import { drawSlot } from '../support/disk.js';
import { random } from '../support/random.js';
import { bytesOf, type RecordedImage, recordedImages } from './signatures/images.js';

const namesIn = (bytes: SparseBytes, sizeBytes: bigint) => [
  ...new Set(findMarks(bytes, sizeBytes).map(({ name }) => name)),
];

/** What is seen of an image by reading what is asked for, in blocks of a size. */
function seen(image: RecordedImage, blockBytes = 512) {
  const sizeBytes = BigInt(image.sizeBytes);
  const read = rangesToRead(sizeBytes, blockBytes, []).map(({ offset, length }) => ({
    offset,
    bytes: bytesOf(image, Number(offset), length),
  }));
  return namesIn(new SparseBytes(read), sizeBytes);
}

const ext = 'an ext2, ext3 or ext4 file system';
const raid = 'a member of a Linux RAID';
const second = 'the second header of a LUKS2 container';
const gpt = 'a GPT partition table';
const mbr = 'an MBR partition table';

//  What each image shows, and what blkid of util-linux 2.38 says of it.
const shown: Readonly<Record<string, readonly [blkid: string | null, ...names: string[]]>> = {
  ext2: ['ext2', ext],
  ext4: ['ext4', ext],
  'ext-journal': ['jbd', ext],
  xfs: ['xfs', 'an XFS file system'],
  btrfs: ['btrfs', 'a Btrfs file system'],
  'btrfs-mirror': [null, 'a Btrfs file system'],
  f2fs: ['f2fs', 'an F2FS file system'],
  jfs: ['jfs', 'a JFS file system'],
  reiserfs: ['reiserfs', 'a ReiserFS file system'],
  reiser4: ['reiser4', 'a Reiser4 file system'],
  udf: ['udf', 'a UDF file system'],
  'udf-dvd': ['udf', 'a UDF file system'],
  nilfs2: ['nilfs2', 'a NILFS2 file system'],
  'nilfs2-second': ['nilfs2', 'a NILFS2 file system'],
  bcachefs: [null, 'a bcachefs file system'],
  zfs: ['zfs_member', 'a member of a ZFS pool'],
  'zfs-end': ['zfs_member', 'a member of a ZFS pool'],
  apfs: ['apfs', 'an APFS container'],
  hfs: ['hfs', 'an HFS file system'],
  hfsplus: ['hfsplus', 'an HFS+ file system'],
  hfsx: ['hfsplus', 'an HFS+ file system'],
  ntfs: ['ntfs', 'an NTFS file system'],
  'ntfs-last': [null, 'an NTFS file system'],
  refs: ['ReFS', 'a ReFS file system'],
  exfat: ['exfat', 'an exFAT file system'],
  fat12: ['vfat', 'a FAT file system'],
  fat16: ['vfat', 'a FAT file system'],
  fat32: ['vfat', 'a FAT file system'],
  'ocfs2-1k': ['ocfs2', 'an OCFS2 file system'],
  'ocfs2-4k': ['ocfs2', 'an OCFS2 file system'],
  gfs2: ['gfs2', 'a GFS2 file system'],
  minix: ['minix', 'a Minix file system'],
  vxfs: ['vxfs', 'a VxFS file system'],
  ufs: ['ufs', 'a UFS file system'],
  vmfs: ['VMFS_volume_member', 'a VMFS datastore'],
  squashfs: ['squashfs', 'a SquashFS file system'],
  erofs: ['erofs', 'an EROFS file system'],
  iso9660: ['iso9660', 'an ISO 9660 file system'],
  cramfs: ['cramfs', 'a CramFS file system'],
  luks1: ['crypto_LUKS', 'a LUKS container'],
  luks2: ['crypto_LUKS', 'a LUKS container', second],
  'luks2-second': ['crypto_LUKS', second],
  bitlocker: ['BitLocker', 'a BitLocker volume'],
  lvm2: ['LVM2_member', 'an LVM physical volume'],
  'bcache-backing': ['bcache', 'a bcache device'],
  'bcache-cache': ['bcache', 'a bcache device'],
  thin: [null, 'the metadata of a thin pool'],
  'dm-cache': [null, 'the metadata of a dm-cache'],
  'dm-era': [null, 'the metadata of dm-era'],
  'dm-integrity': ['DM_integrity', 'a dm-integrity device'],
  'dm-writecache': [null, 'a dm-writecache'],
  'dm-snapshot': ['DM_snapshot_cow', 'a store of dm-snapshot'],
  'dm-verity': ['DM_verity_hash', 'the hash tree of dm-verity'],
  vdo: ['vdo', 'a VDO volume'],
  stratis: ['stratis', 'a Stratis pool'],
  bluestore: ['ceph_bluestore', 'a BlueStore OSD of Ceph'],
  oracleasm: ['oracleasm', 'an Oracle ASM disk'],
  'md-0.90': ['linux_raid_member', raid],
  'md-1.0': ['linux_raid_member', raid],
  'md-1.1': ['linux_raid_member', raid],
  'md-1.2': ['linux_raid_member', raid],
  imsm: ['isw_raid_member', 'a member of an Intel (IMSM) RAID'],
  ddf: ['ddf_raid_member', 'a member of a DDF RAID'],
  drbd: ['drbd', 'the metadata of DRBD'],
  swap: ['swap', 'swap space'],
  'swap-8k': ['swap', 'swap space'],
  'swap-16k': ['swap', 'swap space'],
  'swap-64k': ['swap', 'swap space'],
  qcow2: [null, 'a qcow2 disk image'],
  vmdk: [null, 'a VMDK disk image'],
  vhdx: [null, 'a VHDX disk image'],
  vdi: [null, 'a VDI disk image'],
  vhd: [null, 'a VHD disk image'],
  gpt: ['gpt', gpt, mbr],
  'gpt-second': [null, gpt],
  mbr: ['dos', mbr],
  sun: ['sun', 'a Sun disk label'],
  sgi: ['sgi', 'an SGI disk label'],
  mac: ['mac', 'an Apple partition map'],
  bsd: [null, 'a BSD disk label'],
  amiga: [null, 'an Amiga partition table'],
  'dynamic-disk': [null, 'a Windows dynamic disk (LDM)'],
};

describe('of what others have written', () => {
  it('every image that was recorded is here', () => {
    expect(recordedImages.map(({ name }) => name).sort()).toEqual(Object.keys(shown).sort());
  });

  it.each(recordedImages)('$name is known by name, and by nothing else', (image) => {
    const [blkid, ...names] = shown[image.name] ?? [];
    expect(image.blkid).toBe(blkid);
    expect(seen(image).sort()).toEqual(names.sort());
    expect(seen(image, 4096).sort()).toEqual(names.sort());
  });

  it('the start of each is enough, where it is not the end that shows it', () => {
    const atEnd = [
      'btrfs-mirror',
      'nilfs2-second',
      'zfs-end',
      'ntfs-last',
      'md-0.90',
      'md-1.0',
      'imsm',
      'ddf',
      'drbd',
      'vhd',
      'gpt-second',
      'vmfs',
    ];
    for (const image of recordedImages.filter(({ name }) => !atEnd.includes(name))) {
      const bytes = bytesOf(image, 0, 655_360);
      expect(
        namesIn(new SparseBytes([{ offset: 0n, bytes }]), BigInt(image.sizeBytes)),
        image.name,
      ).not.toEqual([]);
    }
  });
});

const over = (...marks: readonly (readonly [number, string | readonly number[]])[]) => {
  const bytes = new Uint8Array(655_360);
  for (const [at, mark] of marks)
    bytes.set(typeof mark === 'string' ? Buffer.from(mark, 'latin1') : mark, at);
  return namesIn(new SparseBytes([{ offset: 0n, bytes }]), 2n ** 40n);
};

describe('nothing is seen', () => {
  it('in zeros, in our own metadata, or in random bytes', () => {
    const size = 655_360;
    const region = (slot: Uint8Array) => Buffer.concat(Array.from({ length: 5 }, () => slot));
    const remaps = Array.from(
      { length: 2048 },
      (_, index) => [1000n + 61_267n * BigInt(index), 61_267n + 8n * BigInt(index)] as const,
    );
    for (const bytes of [
      new Uint8Array(size),
      region(drawSlot()),
      region(drawSlot({ remaps })),
      ...Array.from({ length: 50 }, (_, seed) => random(seed + 1).fill(new Uint8Array(size))),
    ]) {
      expect(findMarks(new SparseBytes([{ offset: 0n, bytes }]), BigInt(size))).toEqual([]);
    }
  });

  it('where a short mark stands alone', () => {
    expect(over([510, [0x55, 0xaa]])).toEqual([]);
    expect(over([446, [0x13]], [450, [0x83]], [454, [1]], [458, [1]], [510, [0x55, 0xaa]])).toEqual([]);
    expect(over([446, [0x80]], [450, [0x83]], [454, [1]], [458, [1]], [510, [0x55, 0xaa]])).toEqual([mbr]);
    expect(over([1080, [0x53, 0xef]])).toEqual([]);
    expect(over([1030, [0x34, 0x34]])).toEqual([]);
    expect(over([1024, 'BD'])).toEqual([]);
    expect(over([1040, [0x7f, 0x13]])).toEqual([]);
    expect(over([508, [0xda, 0xbe]])).toEqual([]);
    expect(over([0, 'RDSK'])).toEqual([]);
    expect(over([0, [0xfc, 0x4e, 0x2b, 0xa9]])).toEqual([]);
    expect(over([64, [0x57, 0x45, 0x56, 0x82]])).toEqual([]);
  });

  it('of what was not read', () => {
    expect(findMarks(new SparseBytes([]), 2n ** 40n)).toEqual([]);
    const half = { offset: 0n, bytes: new Uint8Array([...Buffer.from('XFS')]) };
    expect(findMarks(new SparseBytes([half]), 2n ** 40n)).toEqual([]);
  });
});

describe('what is read', () => {
  it.each([0n, 511n, 512n, 1000n, 4096n, 655_360n, 8n * 2n ** 20n, 2n ** 62n + 512n])(
    'of %i bytes: whole blocks that lie on the device, each once, in order',
    (sizeBytes) => {
      for (const block of [512, 4096]) {
        let end = -1n;
        for (const { offset, length } of rangesToRead(sizeBytes, block, [])) {
          expect([offset % BigInt(block), length % block]).toEqual([0n, 0]);
          expect(offset).toBeGreaterThan(end);
          end = offset + BigInt(length);
          expect(end).toBeLessThanOrEqual(sizeBytes);
        }
      }
    },
  );

  it('is little, and nothing that was tried before', () => {
    const region = { offset: 0n, length: 655_360 };
    const ranges = rangesToRead(2n ** 40n, 512, [region]);
    expect(ranges.length).toBeLessThan(16);
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(65_536);
    expect(ranges.every(({ offset }) => offset >= 655_360n)).toBe(true);
  });
});

describe('the backup of a bcachefs superblock', () => {
  const magic = [
    0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9, 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef,
  ];
  //  As bcachefs format lays it out: a MiB before the end, and at the start of a bucket.
  it.each([128, 256, 512, 1024])('is seen at the end, with buckets of %i KiB', (bucket) => {
    const size = 6 * 2 ** 20 + 700 * 1024;
    const place = Math.floor((size - 2 ** 20) / (bucket * 1024)) * bucket * 1024;
    const device = new Uint8Array(size);
    device.set(magic, place + 24);
    const read = rangesToRead(BigInt(size), 512, []).map(({ offset, length }) => ({
      offset,
      bytes: device.subarray(Number(offset), Number(offset) + length),
    }));
    expect(namesIn(new SparseBytes(read), BigInt(size))).toEqual(['a bcachefs file system']);
  });
});
