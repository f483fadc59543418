// Whatever adds remaps: no data that an entry of a valid copy, or a ghost that looks like one, names is written over, and what
// `repair --ghosts` would have taken back it takes back still. Judged by the medium.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DmremapError } from '../../lib/base/errors.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { judgeGhosts } from '../../lib/recovery/ghosts.js';
import { repair } from '../../lib/recovery/repair.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { drawnNow } from '../support/disk.js';
import { drawnSpare, imageOf, mainSectors, namedSectors, overwritten, spareBytes } from '../support/held.js';
import { now } from '../support/spare.js';

const copy = fc.integer({ min: 0, max: 4 });

function spareOf(image: Uint8Array): LyingDevice {
  const spare = new LyingDevice(spareBytes);
  spare.bytes.set(image);
  return spare;
}

/** What a repair would take back into the table of a copy: original and place. */
async function recoverable(device: LyingDevice, named: number): Promise<string[]> {
  const { shown } = await examineDevice(device, { now: drawnNow, copy: named });
  if (shown === null) throw new Error('no table');
  return judgeGhosts(shown)
    .filter(({ verdict }) => verdict === 'taken')
    .map(({ entry }) => `${entry.originalSector} ${entry.spareSector}`);
}

async function expectRecoverable(device: LyingDevice, named: number, wanted: readonly string[]) {
  if (wanted.length === 0) return;
  await repair(device, { now, apply: true, commit: true, copy: named, ghosts: 'all' });
  await using store = await MetadataStore.open(device, { now });
  const there = Array.from(store.table, (entry) => `${entry.originalSector} ${entry.spareSector}`);
  expect(there).toEqual(expect.arrayContaining([...wanted]));
}

const isRefusal = (error: unknown) => error instanceof DmremapError && error.code.startsWith('ERR_');

it('a store gives out nothing that is named', { timeout: 120_000 }, async () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: mainSectors - 1 }) }),
    fc.record({
      add: fc.integer({ min: 0, max: mainSectors - 1 }),
      spare: fc.bigInt({ min: 1280n, max: 1400n }),
    }),
    fc.constant('remove' as const),
    fc.constant('commit' as const),
  );
  let added = 0;
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(
      drawnSpare,
      copy,
      fc.constantFrom(8 as const, 1 as const),
      fc.array(step, { maxLength: 12 }),
      async (copies, named, spacing, steps) => {
        const image = imageOf(copies);
        const device = spareOf(image);
        const taken = namedSectors(image);
        const wanted = await recoverable(device, named);
        {
          await using store = await MetadataStore.open(device, { mode: 'write', now, copy: named, spacing });
          const blocked = store.table.ghosts.length > 0;
          for (const one of steps) {
            if (one === 'commit') await store.commit();
            else if (one === 'remove') {
              const [first] = store.table;
              if (first !== undefined) store.table.remove(first.originalSector);
            } else {
              try {
                const entry = store.table.add(one.add, 'spare' in one ? { spare: one.spare } : {});
                expect(blocked).toBe(false);
                //  A request that is redirected whole reaches seven sectors further.
                const near = taken.filter((at) => at - entry.spareSector < 8n && entry.spareSector - at < 8n);
                const own = copies[named]?.entries.slice(0, copies[named]?.count) ?? [];
                const back = own.some(
                  ({ original, spare }) => original === BigInt(one.add) && spare === entry.spareSector,
                );
                //  So near to what the table itself has they may be: side by side with a spacing of 1, a lint where it was named.
                const mayBeNear = (at: bigint) =>
                  at !== entry.spareSector &&
                  (spacing === 1 || 'spare' in one) &&
                  own.some(({ spare }) => spare === at);
                if (!back) expect(near.filter((at) => !mayBeNear(at))).toEqual([]);
                added++;
              } catch (error) {
                if (!isRefusal(error)) throw error;
              }
            }
          }
          if (blocked) kept++;
        }
        expect(overwritten(image, device.bytes)).toEqual([]);
        await expectRecoverable(device, named, wanted);
      },
    ),
    { numRuns: 100 },
  );
  expect(Math.min(added, kept)).toBeGreaterThan(10);
});

it('a target writes over nothing that is named', { timeout: 120_000 }, async () => {
  let opened = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      drawnSpare,
      copy,
      fc.uniqueArray(fc.integer({ min: 0, max: mainSectors - 1 }), { minLength: 1, maxLength: 20 }),
      async (copies, named, originals) => {
        const image = imageOf(copies);
        const spare = spareOf(image);
        const main = new LyingDevice(mainSectors * 512);
        main.lay({ fault: 'error', errno: 'EIO' }, { on: 'write' });
        const wanted = await recoverable(spare, named);
        try {
          await using target = await RemapTarget.open({ main, spare, now, copy: named });
          opened++;
          const mapped = new Set(target.entries().map(({ originalSector }) => Number(originalSector)));
          //  What is mapped is written where it is.
          for (const original of originals.filter((one) => !mapped.has(one))) {
            await target.write(original, new Uint8Array(512).fill(0xff)).catch((error) => {
              if (!isRefusal(error)) throw error;
            });
          }
        } catch (error) {
          if (!(error instanceof DmremapError && error.code === 'ERR_GHOST_ENTRIES')) throw error;
          refused++;
        }
        expect(overwritten(image, spare.bytes)).toEqual([]);
        await expectRecoverable(spare, named, wanted);
      },
    ),
    { numRuns: 60 },
  );
  expect(Math.min(opened, refused)).toBeGreaterThan(5);
});
