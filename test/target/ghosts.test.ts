// A target on a spare whose table was emptied: it writes nothing over what can be taken back, and nothing unasked.
import { describe, expect, it } from 'vitest';
import { sector } from '../../lib/base/units.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { repair } from '../../lib/recovery/repair.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { expectBytes } from '../support/bytes.js';
import { drawSlot } from '../support/disk.js';
import { cutSlot } from '../support/ghosts.js';
import { now } from '../support/spare.js';

const mainBytes = 16_384 * 512;
const spareBytes = 8192 * 512;
const lost = [1280n, 1288n, 1296n].map((spare, at) => ({ original: BigInt(8 * (at + 1)), spare }));

/** Five copies of an emptied table, with what is lost still in its places; the block at sector 800 of main cannot be written. */
function devices(slots = Array.from({ length: 5 }, () => cutSlot(0, lost))) {
  const main = new LyingDevice(mainBytes);
  const spare = new LyingDevice(spareBytes);
  slots.forEach((slot, copy) => void spare.bytes.set(slot, copy * slotBytes));
  for (const { spare: place } of lost)
    spare.bytes.fill(0xa5, Number(place) * 512, Number(place) * 512 + 4096);
  const range = { offset: 800n * 512n, length: 512 };
  main.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range });
  return { main, spare };
}

const dataOf = ({ bytes }: LyingDevice) => bytes.slice(1280 * 512, 1304 * 512);

describe('ghosts', () => {
  it('keep the target shut, and the data can be taken back afterwards', async () => {
    const { main, spare } = devices();
    const before = Uint8Array.from(spare.bytes);
    await expect(RemapTarget.open({ main, spare, now })).rejects.toMatchObject({
      code: 'ERR_GHOST_ENTRIES',
      message: expect.stringMatching(/repair --ghosts.*remap forget.*ghosts: 'forget'/),
    });
    expectBytes(spare.bytes, before);
    await repair(spare, { now, apply: true, ghosts: 'all' });
    await using target = await RemapTarget.open({ main, spare, now });
    expect((await target.read(16, 1))[0]).toBe(0xa5);
    await target.write(800, new Uint8Array(512).fill(1));
    expectBytes(dataOf(spare), dataOf({ bytes: before } as LyingDevice));
  });

  it('are given up where that is said, before anything is written to their places', async () => {
    const { main, spare } = devices();
    await using target = await RemapTarget.open({ main, spare, now, ghosts: 'forget' });
    expect(target.status()).toMatchObject({
      remaps: 0,
      remapsLeft: (8192 - 1280) / 8,
      held: { places: 0, entries: 0, ghosts: 0 },
    });
    await target.write(800, new Uint8Array(512).fill(1));
    expect(target.entries()).toMatchObject([{ originalSector: sector(800), spareSector: sector(1280) }]);
    await target.presuspend();
    await target.resume();
  });

  it('other words about them are refused', async () => {
    const options = { ...devices(), now, ghosts: 'keep' as never };
    await expect(RemapTarget.open(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

it('what a stale copy names is neither written nor given out, and the status says so', async () => {
  const stale = drawSlot({ remaps: lost.map(({ original, spare }) => [original, spare] as const) });
  const slots = Array.from({ length: 4 }, () => drawSlot({ sequence: 7n, remaps: [] }));
  const { main, spare } = devices([...slots, stale]);
  const before = dataOf(spare);
  await using target = await RemapTarget.open({ main, spare, now });
  expect(target.status()).toMatchObject({
    remapsLeft: (8192 - 1280) / 8 - 3,
    held: { places: 3, entries: 3, ghosts: 0 },
  });
  await target.write(800, new Uint8Array(512).fill(1));
  expect(target.entries()).toMatchObject([{ spareSector: sector(1304) }]);
  expectBytes(dataOf(spare), before);
  await target.presuspend();
  expect(target.status()).toMatchObject({ remapsLeft: undefined, held: undefined });
});
