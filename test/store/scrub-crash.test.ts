// Whatever a scrub has found, and wherever the power goes in the commit that mends it: old or new (format.md rule 8).
import { describe, expect, it } from 'vitest';
import { type InFlight, LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { drawWord } from '../support/draw.js';
import { drawnDevice, now, offsetOf } from '../support/spare.js';

const added = 15_000n;

const [ruin, zeros] = ['x', '-'].map((word) => drawWord(word) as Uint8Array) as [Uint8Array, Uint8Array];
const start = drawnDevice('6 6 6 6 6').bytes.slice(0, 5 * slotBytes);

/** What can become of a copy behind the store's back. */
const ills: Record<string, (device: LyingDevice, copy: number, before: Uint8Array) => Promise<unknown>> = {
  //  Sequence 9 on the disk, damaged: it must not come back to life by a torn write.
  damaged: (device, copy) => device.write(offsetOf(copy), ruin),
  blank: (device, copy) => device.write(offsetOf(copy), zeros),
  //  An acknowledged write is undone.
  stale: (device, copy, before) => device.write(offsetOf(copy), before),
  unreadable: async (device, copy) =>
    device.lay(
      { fault: 'error', errno: 'EIO' },
      { on: 'read', range: { offset: offsetOf(copy), length: 512 } },
    ),
};

/** A spare with a commit behind it, of which some copies have fallen ill, scrubbed, with a change that waits for a commit. */
async function scrubbedStore(ill: string, which: readonly number[]) {
  const device = new LyingDevice(start);
  const before = device.bytes.slice(0, slotBytes);
  const store = await MetadataStore.open(device, { mode: 'write', now });
  await store.commit();
  for (const copy of which) await ills[ill]?.(device, copy, before);
  await store.scrub();
  store.table.add(added);
  return { device, store };
}

/** What each election finds on an image: by sequence. */
function found(image: Uint8Array): readonly (bigint | undefined)[] {
  const { elections } = examineImage(image, { now: drawnNow });
  return [elections.ours?.sequence, elections.driver?.sequence];
}

// None, some, and all but one: the last one left lies first, in the middle and at the end.
const subsets = ['', '0', '1', '4', '01', '34', '024', '123', '0123', '1234'].map((word) =>
  [...word].map(Number),
);

/** Only a hang is to end them: a slow machine takes its time. */
const timeout = 600_000;

describe.each(Object.keys(ills))('after a scrub that found copies %s', { timeout }, (ill) => {
  it('a power cut at each write of the next commit leaves the old table or the new one', async () => {
    let cuts = 0;
    for (const which of subsets) {
      const { device, store } = await scrubbedStore(ill, which);
      const first = device.count.write;
      expect(await store.commit()).toMatchObject({ sequence: 8n, degraded: [] });
      const writes = device.count.write - first;
      for (let write = 1; write <= writes; write++) {
        for (const fate of ['old', 'new', 'torn'] satisfies InFlight[]) {
          const cut = await scrubbedStore(ill, which);
          cut.device.cutPowerAt(first + write, [fate, fate]);
          const acknowledged = await cut.store.commit().then(
            () => true,
            () => false,
          );
          const name = `copies ${which}, ${fate} at write ${write} of ${writes}`;
          for (const sequence of found(cut.device.afterPowerCut())) {
            const legal = acknowledged ? [8n] : [7n, 8n];
            expect([name, legal, sequence !== undefined && legal.includes(sequence)]).toEqual([
              name,
              legal,
              true,
            ]);
          }
          cuts++;
        }
      }
    }
    expect(cuts).toBeGreaterThanOrEqual(subsets.length * 5 * 3);
  });

  it('a commit whose writes all fail touches no last copy', async () => {
    for (const which of subsets) {
      const { device, store } = await scrubbedStore(ill, which);
      device.lay({ fault: 'torn', atomicity: 512 }, { on: 'write' });
      await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_COMMIT_PARTIAL' });
      const { copies: left } = examineImage(device.bytes, { now: drawnNow });
      const old = left.filter(({ slot }) => slot.state === 'valid' && slot.header.sequenceNumber === 7n);
      expect([which, old.length > 0]).toEqual([which, true]);
    }
  });
});
