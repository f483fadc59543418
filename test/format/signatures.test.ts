import { describe, expect, it } from 'vitest';
import { signatureOf } from '../../lib/format/signatures.js';
import { drawSlot } from '../support/disk.js';
import { random } from '../support/random.js';

const start = (...marks: readonly (readonly [number, string | readonly number[]])[]) => {
  const bytes = new Uint8Array(131_072);
  for (const [at, mark] of marks)
    bytes.set(typeof mark === 'string' ? Buffer.from(mark, 'latin1') : mark, at);
  return bytes;
};

describe('the start of a device', () => {
  it.each([
    ['XFS', start([0, 'XFSB'])],
    ['LUKS', start([0, 'LUKS\xba\xbe'])],
    ['NTFS', start([3, 'NTFS    '])],
    ['FAT', start([82, 'FAT32'])],
    ['LVM', start([512, 'LABELONE'])],
    ['GPT', start([512, 'EFI PART'])],
    ['MBR', start([450, [0x83]], [510, [0x55, 0xaa]])],
    ['ext', start([1080, [0x53, 0xef]])],
    ['F2FS', start([1024, [0x10, 0x20, 0xf5, 0xf2]])],
    ['RAID', start([4096, [0xfc, 0x4e, 0x2b, 0xa9]])],
    ['swap', start([4086, 'SWAPSPACE2'])],
    ['ISO', start([32_769, 'CD001'])],
    ['Btrfs', start([65_600, '_BHRfS_M'])],
  ])('shows %s', (word, bytes) => {
    expect(signatureOf(bytes)).toContain(word);
  });

  it('shows nobody where it is blank, ours, random, or shorter than the marks', () => {
    expect(signatureOf(start())).toBeNull();
    expect(signatureOf(drawSlot())).toBeNull();
    for (let seed = 1; seed <= 50; seed++) expect(signatureOf(random(seed).fill(start()))).toBeNull();
    expect(signatureOf(new Uint8Array(4096))).toBeNull();
  });

  it('takes a short mark only where the rest fits', () => {
    expect(signatureOf(start([510, [0x55, 0xaa]]))).toBeNull();
    expect(signatureOf(start([446, [0x13]], [450, [0x83]], [510, [0x55, 0xaa]]))).toBeNull();
    expect(signatureOf(start([1080, [0x53, 0xef]], [1048, [9]]))).toBeNull();
  });
});
