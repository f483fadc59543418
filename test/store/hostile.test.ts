import { expect, test } from 'vitest';
import { toExamineJson } from '../../lib/store/json/examine-json.js';
import { drawSlot, examineSlots, patchSlot, u32Bytes } from '../support/disk.js';
import { random } from '../support/random.js';

const nastyWords = [0, 1, 2048, 0xffff_ffff];

test('a spare of hostile slots is examined and told in JSON', { timeout: 60_000 }, () => {
  const { int, fill } = random(14);
  const verdicts = new Set<string>();
  for (let round = 0; round < 150; round += 1) {
    const slots = [0, 1, 2, 3, 4].map(() => {
      const slot = drawSlot({ sequence: BigInt(int(4)), remaps: [[BigInt(int(9)), BigInt(int(9000))]] });
      //  A table of noise, as long as the noise says.
      if (int(4) === 0) fill(slot.subarray(312, 312 + 40 * 60));
      const changed = patchSlot(slot, 296, u32Bytes(nastyWords[int(nastyWords.length)] ?? 0), int(4) > 0);
      return patchSlot(changed, int(78) * 4, [int(256)], int(3) > 0);
    });
    const report = examineSlots(slots);
    verdicts.add(report.activation.verdict);
    expect(JSON.parse(JSON.stringify(toExamineJson(report, 'x')))).toMatchObject({ path: 'x' });
  }
  expect(verdicts.size).toBeGreaterThan(1);
});
