// Room: format. Whose data it may be that a spare still holds: file systems, containers and partition tables that leave
// their mark in the first 128 KiB, where copy 0 goes. A new table would destroy them.

interface Signature {
  readonly name: string;
  /** Byte offsets where `bytes` may stand. */
  readonly at: readonly number[];
  readonly bytes: readonly number[];
  /** For short marks, which random bytes may carry too: what else must hold. */
  readonly plausible?: (start: DataView) => boolean;
}

const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

/** A partition entry has a status of 0 or 0x80, and a type. */
const isPartitionTable = (start: DataView): boolean => {
  const entries = [446, 462, 478, 494];
  return (
    entries.every((at) => (start.getUint8(at) & 0x7f) === 0) &&
    entries.some((at) => start.getUint8(at + 4) !== 0)
  );
};

const signatures: readonly Signature[] = [
  { name: 'an XFS file system', at: [0], bytes: ascii('XFSB') },
  { name: 'a LUKS container', at: [0], bytes: [...ascii('LUKS'), 0xba, 0xbe] },
  { name: 'a SquashFS file system', at: [0], bytes: ascii('hsqs') },
  { name: 'an NTFS file system', at: [3], bytes: ascii('NTFS    ') },
  { name: 'an exFAT file system', at: [3], bytes: ascii('EXFAT   ') },
  { name: 'a FAT file system', at: [54, 82], bytes: ascii('FAT') },
  { name: 'an LVM physical volume', at: [0, 512, 1024, 1536], bytes: ascii('LABELONE') },
  { name: 'a GPT partition table', at: [512, 4096], bytes: ascii('EFI PART') },
  { name: 'an MBR partition table', at: [510], bytes: [0x55, 0xaa], plausible: isPartitionTable },
  {
    name: 'an ext2, ext3 or ext4 file system',
    at: [1080],
    bytes: [0x53, 0xef],
    plausible: (start) => start.getUint32(1048, true) <= 6 && start.getUint32(1100, true) <= 1,
  },
  { name: 'an F2FS file system', at: [1024], bytes: [0x10, 0x20, 0xf5, 0xf2] },
  { name: 'a member of a Linux RAID', at: [0, 4096], bytes: [0xfc, 0x4e, 0x2b, 0xa9] },
  { name: 'swap space', at: [4086, 65_526], bytes: ascii('SWAPSPACE2') },
  { name: 'an ISO 9660 file system', at: [32_769], bytes: ascii('CD001') },
  { name: 'a Btrfs file system', at: [65_600], bytes: ascii('_BHRfS_M') },
];

/**
 * Names what the start of a device shows to be somebody else's, or null.
 * @param start the first bytes of the device, at least 4,096. What lies beyond them is not looked at.
 */
export function signatureOf(start: Uint8Array): string | null {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const found = signatures.find(
    ({ at, bytes, plausible }) =>
      at.some((offset) => bytes.every((byte, index) => start[offset + index] === byte)) &&
      (plausible === undefined || plausible(view)),
  );
  return found?.name ?? null;
}
