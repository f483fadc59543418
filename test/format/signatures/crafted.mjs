// Images that no tool of Debian makes without the device mapper, the md driver or another system: after the published
// structures, cited at each. Writes them to the current folder, and a line of the recipes for each. blkid and `mdadm --examine`
// are the other readers: what they say is in images.json.gz.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

const MiB = 2 ** 20;
const ascii = (text) => Buffer.from(text, 'latin1');
const be32 = (value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
const le32 = (value) => be32(value).reverse();
const le64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

function image(name, source, size, ...pieces) {
  const descriptor = openSync(name, 'w');
  ftruncateSync(descriptor, size);
  for (const [at, bytes] of pieces) writeSync(descriptor, bytes, 0, bytes.length, at < 0 ? size + at : at);
  closeSync(descriptor);
  console.log(`${name}\tcrafted: ${source}`);
}

function crc32c(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

//  Apple TN1150, "Volume Header": signature, version, attributes; block size at 40, total and free blocks behind it.
const hfsPlus = Buffer.alloc(512);
hfsPlus.set(ascii('H+\0\x04'));
hfsPlus.set(be32(4096), 40);
hfsPlus.set(be32(2048), 44);
image('hfsplus', 'TN1150', 8 * MiB, [1024, hfsPlus]);
const hfsX = Buffer.from(hfsPlus);
hfsX.set(ascii('HX\0\x05'));
image('hfsx', 'TN1150', 8 * MiB, [1024, hfsX]);

//  libbde's "BitLocker Drive Encryption (BDE) format": jump, "-FVE-FS-", at 176 the offsets of three metadata blocks.
const fve = Buffer.alloc(512);
fve.set([0xeb, 0x58, 0x90]);
fve.set(ascii('-FVE-FS-'), 3);
fve.set([0x00, 0x02], 11);
fve.set(
  [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01],
  160,
);
fve.set(le64(2 * MiB), 176);
const fveBlock = Buffer.alloc(112);
fveBlock.set(ascii('-FVE-FS-'));
fveBlock.set([64, 0, 2, 0], 8);
image('bitlocker', 'libbde', 8 * MiB, [0, fve], [2 * MiB, fveBlock]);

image('refs', 'libfsrefs', 8 * MiB, [
  0,
  Buffer.from([0, 0, 0, ...ascii('ReFS'), 0, 0, 0, 0, ...ascii('FSRS')]),
]);

//  Ceph, src/os/bluestore/bluestore_types.h: the label is text that begins so.
image('bluestore', 'Ceph', 8 * MiB, [
  0,
  ascii('bluestore block device\n00000000-0000-0000-0000-000000000001\n'),
]);

//  drivers/md/dm-integrity.c: struct superblock.
image('dm-integrity', 'drivers/md/dm-integrity.c', 8 * MiB, [
  0,
  Buffer.concat([ascii('integrt\0'), Buffer.from([4, 15, 4, 0])]),
]);
//  drivers/md/dm-vdo/encodings.h: VDO_GEOMETRY_MAGIC_NUMBER.
image('vdo', 'drivers/md/dm-vdo', 8 * MiB, [0, ascii('dmvdo001')]);
//  drivers/md/dm-writecache.c: MEMORY_SUPERBLOCK_MAGIC, version 1.
image('dm-writecache', 'drivers/md/dm-writecache.c', 8 * MiB, [
  0,
  Buffer.concat([le32(0x23489321), le32(1), le32(4096)]),
]);
//  drivers/md/dm-snap-persistent.c: struct disk_header.
image('dm-snapshot', 'drivers/md/dm-snap-persistent.c', 8 * MiB, [
  0,
  Buffer.concat([ascii('SnAp'), le32(1), le32(1), le32(16)]),
]);
//  cryptsetup, lib/verity/verity.c: struct verity_sb.
image('dm-verity', 'cryptsetup', 8 * MiB, [0, Buffer.concat([ascii('verity\0\0'), le32(1), le32(1)])]);

//  Stratis, "Stratis software design", static header: CRC-32C, magic, sectors, pool and device UUID.
const stratis = Buffer.alloc(512);
stratis.set(ascii('!Stra0tis\x86\xff\x02^\x41rh'), 4);
stratis.set(le64((8 * MiB) / 512), 20);
stratis[28] = 1;
stratis.set(ascii('0123456789abcdef0123456789abcdef'), 32);
stratis.set(ascii('fedcba9876543210fedcba9876543210'), 64);
stratis.set(le32(crc32c(stratis.subarray(4))), 0);
image('stratis', 'Stratis design', 8 * MiB, [512, stratis], [4608, stratis]);

//  OpenZFS, "ZFS on-disk specification": a label of 256 KiB, the pairs at 16 KiB in XDR, uberblocks from 128 KiB on.
const pairs = Buffer.concat([
  Buffer.from([1, 1, 0, 0]),
  be32(0),
  be32(1),
  be32(0x24),
  be32(0x20),
  be32(7),
  ascii('version\0'),
  be32(8),
  be32(1),
  be32(0),
  be32(5000),
]);
const uberblock = (txg) =>
  Buffer.concat([le64(0x00bab10c), le64(5000), le64(txg), le64(1), le64(1_700_000_000)]);
const label = (at) => [
  [at + 16_384, pairs],
  ...Array.from({ length: 8 }, (_, index) => [at + 131_072 + index * 1024, uberblock(index + 1)]),
];
image('zfs', 'OpenZFS', 64 * MiB, ...[0, 0.25, 63.5, 63.75].flatMap((at) => label(at * MiB)));

//  fs/bcachefs/bcachefs_format.h: struct bch_sb at sector 8, BCHFS_MAGIC at 24 in it; the layout, in sector 7, has it too.
const bchfs = Buffer.from('c68573f666ce90a9d96a60cf803df7ef', 'hex');
const bchSb = Buffer.alloc(752);
bchSb.set(bchfs, 24);
bchSb.set(ascii('0123456789abcdef'), 56);
bchSb.set(le64(8), 104);
bchSb.set([1, 0, 0, 1], 120);
image('bcachefs', 'fs/bcachefs/bcachefs_format.h', 8 * MiB, [3584, bchfs], [4096, bchSb]);

//  include/uapi/linux/raid/md_p.h: struct mdp_superblock_1, with its checksum (drivers/md/md.c, calc_sb_1_csum).
function md1(sectors, superSector) {
  const sb = Buffer.alloc(256 + 4);
  sb.set(le32(0xa92b4efc));
  sb.set(le32(1), 4);
  sb.set(ascii('0123456789abcdef'), 16);
  sb.set(ascii('host:0'), 32);
  sb.set(le64(1_700_000_000), 64);
  sb.set(le32(1), 72); //  RAID 1.
  sb.set(le64(sectors - 32), 80);
  sb.set(le32(2), 92);
  sb.set(le64(superSector === 0 ? 2048 : superSector === 8 ? 2048 : 0), 128);
  sb.set(le64(superSector === 0 || superSector === 8 ? sectors - 2048 : superSector), 136);
  sb.set(le64(superSector), 144);
  sb.set(ascii('fedcba9876543210'), 168);
  sb.set(le64(1_700_000_000), 192);
  sb.set(le64(10), 200);
  sb.set(le64(2 ** 53), 208);
  sb.set(le32(2), 220); //  max_dev.
  sb.set([0, 0, 0xfe, 0xff], 256);
  let sum = 0n;
  for (let at = 0; at < 256; at += 4) sum += BigInt(sb.readUInt32LE(at));
  sum += BigInt(sb.readUInt32LE(256));
  sb.set(le32(Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn)), 216);
  return sb;
}
const sectors = (16 * MiB + 12_288) / 512;
const last = sectors - 16 - ((sectors - 16) % 8);
image('md-1.0', 'md_p.h', sectors * 512, [last * 512, md1(sectors, last)]);
image('md-1.1', 'md_p.h', sectors * 512, [0, md1(sectors, 0)]);
image('md-1.2', 'md_p.h', sectors * 512, [4096, md1(sectors, 8)]);

//  The same header: struct mdp_superblock_s, 4 KiB at the last whole 64 KiB but one.
function md0() {
  const words = new Uint32Array(1024);
  words.set([
    0xa92b4efc,
    0,
    90,
    0,
    0,
    0x30313233,
    1_700_000_000,
    1,
    8 * 1024,
    2,
    2,
    0,
    0,
    0x34353637,
    0x38393a3b,
    0x3c3d3e3f,
  ]);
  words.set([1_700_000_000, 1, 2, 2, 0, 0], 32);
  words[39] = 10;
  let sum = 0n;
  for (const word of words) sum += BigInt(word);
  words[38] = Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn);
  return Buffer.from(words.buffer);
}
const size0 = 16 * MiB + 12_288;
image('md-0.90', 'md_p.h', size0, [size0 - (size0 % 65_536) - 65_536, md0()]);

//  mdadm: super-intel.c and super-ddf.c.
image('imsm', 'mdadm super-intel.c', 8 * MiB, [-1024, ascii('Intel Raid ISM Cfg Sig. 1.1.00')]);
const ddf = Buffer.alloc(512, 0xff);
ddf.set(be32(0xde11de11));
ddf.set(ascii('LSI     0123456789abcdef'), 8);
ddf.set(ascii('01.02.00'), 32);
ddf.set([0, 0, 0, 0, 0, 0, 0x3f, 0xfe], 96);
image('ddf', 'SNIA DDF 1.2', 8 * MiB, [-512, ddf], [0x3ffe * 512, ddf]);
//  DRBD 8.4, drbd_int.h: struct meta_data_on_disk.
const drbd = Buffer.alloc(4096);
drbd.set(be32(0x8374026b), 60);
image('drbd', 'DRBD', 8 * MiB, [-4096, drbd]);
image('oracleasm', 'Oracle ASM', 8 * MiB, [32, ascii('ORCLDISKDATA1')]);
image('vmfs', 'vmfs-tools', 8 * MiB, [MiB, Buffer.from([0x0d, 0xd0, 0x01, 0xc0])]);
image('vxfs', 'fs/freevxfs/vxfs.h', 8 * MiB, [
  1024,
  Buffer.concat([Buffer.from([0xf5, 0xfc, 0x01, 0xa5]), le32(7)]),
]);
image('ufs', 'fs/ufs/ufs_fs.h', 8 * MiB, [65_536 + 1372, le32(0x19540119)]);
image('reiser4', 'reiser4progs', 8 * MiB, [65_536, ascii('ReIsEr4')]);
image('dynamic-disk', 'linux-ntfs, LDM documentation', 8 * MiB, [3072, ascii('PRIVHEAD')]);
