import { expect, test } from 'vitest';
import { decodeCopy } from '../../lib/format/codec.js';
import { driverVerdictOfBytes } from '../../lib/format/driver.js';
import { encodeCopy, metadataOf } from '../../lib/format/metadata.js';
import { drawnNow, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';
import { random } from '../support/random.js';

const nastyWords = [0, 1, 2047, 2048, 2049, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** What holds for every slot whatever its bytes are. Throws where it does not. */
function judge(slot: Uint8Array): string {
  const decoded = decodeCopy(slot);
  const rejects = driverVerdictOfBytes(slot, drawnNow);
  if (decoded.state === 'valid') {
    if (rejects !== null && rejects !== 'future') throw new Error(`valid, but the module says ${rejects}`);
    if (decoded.entries.length !== decoded.header.activeRemaps) throw new Error('entries are missing');
    const again = encodeCopy(metadataOf(decoded), decoded.header.copyIndex);
    if (Buffer.compare(again, slot) !== 0) throw new Error('encoding changes bytes');
    return 'valid';
  }
  if (rejects === null && decoded.damage.fault !== 'foreign') {
    throw new Error(`damaged by ${decoded.damage.fault}, but the module accepts`);
  }
  return decoded.damage.fault;
}

test.each([false, true])(
  'thousands of mutated headers never throw and are judged alike by us and the module (sealed: %s)',
  { timeout: 60_000 },
  (seal) => {
    const { int } = random(seal ? 11 : 12);
    const slot = drawSlot({
      remaps: [
        [1n, 2000n],
        [2n, 2008n],
      ],
    });
    const seen = new Map<string, number>();
    for (let round = 0; round < 3000; round += 1) {
      let mutated = slot;
      for (let change = 0; change <= int(3); change += 1) {
        const word = nastyWords[int(nastyWords.length)] ?? 0;
        const bytes = int(2) === 0 ? u32Bytes(word) : [int(256)];
        mutated = patchSlot(mutated, int(78) * 4, bytes, seal);
      }
      const fault = judge(mutated);
      seen.set(fault, (seen.get(fault) ?? 0) + 1);
    }
    const faults = seal ? ['valid', 'version', 'count', 'health', 'magic'] : ['checksum', 'version', 'magic'];
    expect(faults.filter((fault) => !seen.has(fault))).toEqual([]);
  },
);

test('a count of 0xffffffff inside a valid checksum is damage, and nothing is allocated for it', () => {
  const decoded = decodeCopy(patchSlot(drawSlot(), 296, u32Bytes(0xffff_ffff)));
  expect(decoded).toMatchObject({ state: 'damaged', damage: { fault: 'count', found: 0xffff_ffff } });
  expect(decoded).not.toHaveProperty('entries');
});

test('slots of random bytes never throw and are never valid', () => {
  const source = random(13);
  const slot = new Uint8Array(131_072);
  const faults = new Set<string>();
  for (let round = 0; round < 40; round += 1) {
    source.fill(slot);
    if (round % 4 > 0) slot.set([0x34, 0x52, 0x4d, 0x44]);
    if (round % 4 > 1) slot.set([4, 0, 0, 0], 4);
    faults.add(judge(slot));
  }
  expect([...faults].sort()).toEqual(['checksum', 'magic', 'version']);
});
