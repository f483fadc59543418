// What a review found that histories could not show: tables that a target must not work through, a copy that was named once, a
// main with a part of a block at its end, and callers that act while they are told.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { sector, unixNanoseconds } from '../../lib/base/units.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { encodeCopy, metadataOf, remapEntry, withEntries } from '../../lib/format/metadata.js';
import { slotBytes } from '../../lib/format/structure.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { listTargets, RemapTarget } from '../../lib/target/remap-target.js';

const mainBytes = 512 * 1024;
const spareBytes = 1024 * 1024;

async function made(main = new LyingDevice(mainBytes), spare = new LyingDevice(spareBytes)) {
  return { main, spare, target: await RemapTarget.create({ main, spare }) };
}

/** A spare whose copies all have these remaps, as the module makes them. */
async function spareWith(...remaps: readonly (readonly [number, number])[]) {
  const spare = new LyingDevice(spareBytes);
  await using store = await MetadataStore.create(spare, { mainSectors: BigInt(mainBytes / 512) });
  const [copy] = store.report.copies;
  await store.close();
  const report = await MetadataStore.open(spare);
  const shown = report.report.shown;
  if (copy === undefined || shown === null) throw new Error('no copy');
  const entries = remaps.map(([original, place]) =>
    remapEntry({
      originalSector: sector(original),
      spareSector: sector(place),
      remapTimestampNs: unixNanoseconds(1),
    }),
  );
  const { header } = metadataOf(shown.slot);
  const metadata = withEntries(metadataOf(shown.slot), entries, {
    sequenceNumber: header.sequenceNumber,
    timestampSeconds: header.timestampSeconds,
    nextSpareSector: header.nextSpareSector,
  });
  for (let at = 0; at < 5; at++) spare.bytes.set(encodeCopy(metadata, at), at * slotBytes);
  return spare;
}

describe('a table through which data would be lost', () => {
  it.each([
    ['data inside the metadata', [[5, 1]], 'ERR_DATA_IN_METADATA'],
    [
      'two originals on one place',
      [
        [5, 1280],
        [6, 1280],
      ],
      'ERR_SPARE_IN_USE',
    ],
    ['a place beyond the spare', [[5, 5000]], 'ERR_SPARE_OUT_OF_RANGE'],
  ] as const)('is refused before a byte is written: %s', async (_, remaps, code) => {
    const spare = await spareWith(...remaps);
    const before = Uint8Array.from(spare.bytes);
    await expect(RemapTarget.open({ main: new LyingDevice(mainBytes), spare })).rejects.toMatchObject({
      code,
    });
    expect(spare.bytes).toEqual(before);
    expect(listTargets()).toEqual([]);
  });

  it('is taken where an earlier duplicate is the only trouble', async () => {
    const spare = await spareWith([5, 1], [5, 1280]);
    await using target = await RemapTarget.open({ main: new LyingDevice(mainBytes), spare });
    expect(target.entries().length).toBe(2);
  });
});

describe('coming back', () => {
  it('takes the newest table, and not the copy that was named to begin with', async () => {
    const { main, spare, target } = await made();
    await target.destroy();
    const old = spare.bytes.slice(2 * slotBytes, 3 * slotBytes);
    await using again = await RemapTarget.open({ main, spare, copy: 2 });
    await again.remap(17);
    await again.presuspend();
    spare.bytes.set(old, 2 * slotBytes);
    await again.resume();
    expect(again.entries().map(({ originalSector }) => originalSector)).toEqual([17n]);
  });

  it('refuses a table that is older than the one that was made durable', async () => {
    const { spare, target } = await made();
    const old = spare.bytes.slice(0, 5 * slotBytes);
    await target.remap(17);
    const young = spare.bytes.slice(0, 5 * slotBytes);
    await target.presuspend();
    spare.bytes.set(old);
    await expect(target.resume()).rejects.toMatchObject({ code: 'ERR_METADATA_AMBIGUOUS' });
    expect(target.state).toBe('suspended');
    spare.bytes.set(young);
    await target.resume();
    await target.destroy();
  });
});

it('a part of a block at the end of main is not there, and a scan comes to its end', async () => {
  const main = new LyingDevice((1024 + 3) * 512);
  const { target } = await made(main, new LyingDevice(spareBytes, { logicalBlockSize: 4096 }));
  main.lay({ fault: 'error', errno: 'EIO' }, { on: 'read', range: { offset: 1018n * 512n, length: 512 } });
  expect(await target.scan()).toMatchObject({ failedSectors: 8 });
  await expect(target.read(1024, 3)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  await expect(target.remap(1025)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  await target.destroy();
});

describe('who acts while being told of a state', () => {
  it.each(['active', 'suspending', 'suspended', 'destroyed'])('may destroy in %s', async (when) => {
    const { target } = await made();
    await target.presuspend();
    const reports: unknown[] = [];
    const listen = (message: unknown) => {
      if ((message as { to: string }).to === when) reports.push(target.destroy());
    };
    subscribe('dmremap.state', listen);
    await target.resume();
    const last = await target.destroy();
    unsubscribe('dmremap.state', listen);
    for (const report of reports) expect(await report).toEqual(last);
    expect(reports.length).toBe(1);
    expect(target.state).toBe('destroyed');
    expect(listTargets()).toEqual([]);
  });

  it('leaves at once where a resume of an active target was called in the same turn', async () => {
    const { target } = await made();
    const resumed = target.resume();
    const leaving = target.presuspend();
    expect(target.state).toBe('suspending');
    await Promise.allSettled([resumed, leaving]);
    await target.destroy(null as never); // No options are no options.
  });
});
