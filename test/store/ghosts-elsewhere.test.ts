// Ghosts in a valid copy that is not the selected one: the commit of a new entry would be written over them, and later ones over their
// data (format.md rule 12).
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { repair } from '../../lib/recovery/repair.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { drawSlot } from '../support/disk.js';
import { cutSlot } from '../support/ghosts.js';
import { now } from '../support/spare.js';

const left = [
  { original: 300n, spare: 1280n },
  { original: 308n, spare: 1288n },
];
/** Copies 0 to 3 hold a table with sequence 5, copy 4 an emptied one with sequence 3, and what was in it. */
function spare(table: readonly (readonly [bigint, bigint])[] = [[100n, 2000n]]): MemoryDevice {
  const newer = drawSlot({ sequence: 5n, remaps: table });
  const older = cutSlot(0, left);
  return new MemoryDevice(Buffer.concat([newer, newer, newer, newer, older, new Uint8Array(4 * 2 ** 20)]));
}
const open = (device: MemoryDevice, more = {}) => MetadataStore.open(device, { mode: 'write', now, ...more });

describe('ghosts of another valid copy', () => {
  test('keep new entries out, and are named', async () => {
    const device = spare();
    const before = device.bytes.slice();
    const store = await open(device);
    expect(store.table.ghosts).toEqual([]);
    expect(store.table.ghostsElsewhere).toMatchObject([
      { copy: 4, index: 0, entry: { originalSector: 300n, spareSector: 1280n } },
      { copy: 4, index: 1, entry: { originalSector: 308n, spareSector: 1288n } },
    ]);
    for (const add of [() => store.table.add(400n), () => store.table.add(400n, { spare: 3000n })])
      expect(add).toThrow(expect.objectContaining({ code: 'ERR_GHOST_ENTRIES' }));
    await store.close();
    expect(Buffer.compare(device.bytes, before)).toBe(0);
  });

  test('can be taken back from their copy until then', async () => {
    const device = spare();
    const { commit } = await repair(device, { copy: 4, ghosts: 'all', apply: true, now });
    expect(commit?.finds).toBe('new');
    const store = await open(device);
    expect(store.table.lookup(300n)).toBe(1280n);
    expect(store.table.ghostsElsewhere).toEqual([]);
    store.table.add(400n);
    await store.close();
  });

  test('are given up by name, and by nothing else', async () => {
    const device = spare();
    const store = await open(device);
    expect(store.table.forgetGhosts()).toEqual([]);
    const { spareSector } = store.table.add(400n);
    //  Their places stay held until the next opening.
    expect([1280n, 1288n]).not.toContain(spareSector);
    await store.commit();
    await store.close();
    const again = await open(device);
    expect(again.table.ghostsElsewhere).toEqual([]);
    await again.close();
  });

  test('are no reason where the table says the same', async () => {
    const store = await open(
      spare([
        [300n, 1280n],
        [308n, 1288n],
      ]),
    );
    expect(store.table.ghostsElsewhere).toEqual([]);
    store.table.add(400n);
    await store.close();
  });

  test('keep a target from opening, unless it is told to forget them', async () => {
    const main = new MemoryDevice(16_384 * 512);
    const device = spare();
    const before = device.bytes.slice();
    await expect(RemapTarget.open({ main, spare: device, now })).rejects.toMatchObject({
      code: 'ERR_GHOST_ENTRIES',
    });
    expect(Buffer.compare(device.bytes, before)).toBe(0);
    const target = await RemapTarget.open({ main, spare: device, now, ghosts: 'forget' });
    await target.destroy();
    const store = await open(device);
    //  It was committed before the target was active.
    expect(store.sequence).toBe(6n);
    expect(store.table.ghostsElsewhere).toEqual([]);
    await store.close();
  });
});
