// A device of the caller's rejects, in every way that there is, before, while and after its writes land: what does not prove that
// nothing was written leaves the copies in doubt, and no commit is acknowledged that the medium does not hold.

import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { decodeCopy } from '../../lib/format/codec.js';
import { slotBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { relocate } from '../../lib/recovery/relocate.js';
import { type RepairReport, repair } from '../../lib/recovery/repair.js';
import { CommitError, type CommitReport } from '../../lib/store/commit/commit-report.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { spareWithData } from '../support/inside.js';
import { type Answer, type Call, type Landed, RejectingDevice, ways } from '../support/rejecting-device.js';
import { drawnDevice, now, offsetOf } from '../support/spare.js';
import { share } from '../support/tier.js';

const sectors = 8192n;
const landings: readonly Landed[] = ['nothing', 'first group', 'half', 'all'];
const answers: readonly Answer[] = ['truth', 'throws', 'missing', 'nonsense'];

const copyAt = (device: RejectingDevice, copy: number) => {
  const at = Number(offsetOf(copy));
  return decodeCopy(device.inner.bytes.subarray(at, at + slotBytes));
};

/** The medium holds every copy that a report calls written, and one at least that is good. */
function expectTrue(device: RejectingDevice, report: Pick<CommitReport, 'copies' | 'sequence'>): void {
  const written = report.copies.filter(({ outcome }) => outcome === 'written');
  for (const { copy } of written) {
    const slot = copyAt(device, copy);
    expect(slot.state, `copy ${copy}`).toBe('valid');
    if (slot.state === 'valid') expect(slot.header.sequenceNumber).toBe(report.sequence);
  }
}

const regionOf = (bytes: Uint8Array) => bytes.subarray(0, 5 * slotBytes);

const anyValid = (device: RejectingDevice) =>
  [0, 1, 2, 3, 4].some((copy) => copyAt(device, copy).state === 'valid');

async function outcomeOf<T>(work: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** 180 remaps, of which the last is taken back after the failed commit: the next commit differs in few blocks from either. */
async function storeOn(device: RejectingDevice): Promise<MetadataStore> {
  const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
  for (let at = 0n; at < 180n; at++) store.table.add(at * 8n);
  await store.commit();
  return store;
}

const rows = ways.flatMap((way) =>
  landings.map((landed) => ({ way, landed, name: `${way.name}; landed: ${landed}` })),
);

it.each(share(rows, 9))(
  'a commit after one that was rejected with $name is whole, or is refused',
  async ({ way, landed }) => {
    for (const answer of answers) {
      const device = new RejectingDevice(new MemoryDevice(Number(sectors) * 512), answer);
      const store = await storeOn(device);
      const { spareSector } = store.table.add(5001n);
      device.reject({ call: 'write', at: 0, landed, way });
      const { error } = await outcomeOf(store.commit());
      expect(error).toBeInstanceOf(CommitError);
      expect((error as CommitError).finds).not.toBe('old');
      expect((error as CommitError).outcome).not.toBe('untouched');
      expect(anyValid(device)).toBe(true);
      store.table.remove(5001n);
      const early = await outcomeOf(store.commit());
      if (early.value !== undefined) expectTrue(device, early.value);
      else expect(early.error).toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
      device.land();
      await new Promise(setImmediate); //  What waits for it hears of it.
      if (early.value !== undefined) expectTrue(device, early.value);
      const late = await outcomeOf(store.commit());
      if (late.value !== undefined) {
        expectTrue(device, late.value);
        // What can be read back is: then all five are known again.
        if (answer === 'truth')
          expect(late.value.copies.every(({ outcome }) => outcome === 'written')).toBe(true);
      } else {
        expect(late.error).toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
        expect(answer).not.toBe('truth');
      }
      expect(anyValid(device)).toBe(true);
      expect(spareSector).toBeGreaterThan(1279n);
      await store.close();
    }
  },
);

const remaps = [
  [100n, 2000n],
  [208n, 2008n],
] as const;
const inside = [[100n, 40n]] as const;

/** The work that writes, and the spare that it starts from. */
const works: readonly {
  readonly name: string;
  start(): MemoryDevice;
  run(device: RejectingDevice): Promise<unknown>;
}[] = [
  {
    name: 'create',
    start: () => new MemoryDevice(Number(sectors) * 512),
    run: async (device) => (await MetadataStore.create(device, { mainSectors: 10_000n, now })).close(),
  },
  {
    name: 'repair',
    start: () => drawnDevice('x 7 5 7 .'),
    run: (device) => repair(device, { apply: true, now }),
  },
  {
    name: 'repair that commits a named copy',
    start: () => drawnDevice('7 7 7 7f 7f'),
    run: (device) => repair(device, { apply: true, copy: 3, now }),
  },
  {
    name: 'handover',
    start: () => new MemoryDevice(spareWithData('7 7 7 7 7', remaps)),
    run: (device) => handover(device, { now }),
  },
  {
    name: 'relocate',
    start: () => new MemoryDevice(spareWithData('7 . 7 7 7', inside)),
    run: (device) => relocate(device, { apply: true, now }),
  },
];

const refusals = ['ERR_METADATA_EXISTS', 'ERR_METADATA_AMBIGUOUS', 'ERR_COPY_NOT_VALID'];

/** Runs on a device that rejects one of its calls, whichever; then again on what that has left. */
describe.each(share(works, 3))(
  '$name on a device that rejects a call',
  { timeout: 300_000 },
  ({ name, start, run }) => {
    async function each(
      call: Call,
      check: (device: RejectingDevice, words: string, error: unknown, value: unknown) => Promise<void>,
    ) {
      const honest = new RejectingDevice(start());
      await run(honest);
      for (let at = 0; at < honest.counts[call]; at++) {
        for (const way of ways) {
          for (const landed of call === 'write' ? landings : (['nothing'] as const)) {
            const device = new RejectingDevice(start());
            device.reject({ call, at, landed, way });
            const { value, error } = await outcomeOf(run(device));
            device.reject();
            await check(device, `${call} ${at}, ${way.name}, landed: ${landed}`, error, value);
          }
        }
      }
    }

    it('says no more than is true, and keeps a table, after every write', async () => {
      const before = start().bytes;
      const hadTable = anyValid(new RejectingDevice(start()));
      await each('write', async (device, words, error, value) => {
        //  A repair may end with copies that it could not write: it has read them again, and reports them.
        if (error === undefined) expect((value as RepairReport).commit?.degraded, words).not.toEqual([]);
        const { finds, sameTable } = (error ?? { finds: 'either' }) as CommitError;
        // The places of data that is moved are no copies.
        if (finds === 'old' && !sameTable) {
          expect(Buffer.compare(regionOf(device.inner.bytes), regionOf(before)), words).toBe(0);
        }
        if (hadTable) expect(anyValid(device), words).toBe(true);
        device.land();
        if (hadTable) expect(anyValid(device), words).toBe(true);
        const { error: second } = await outcomeOf(run(new RejectingDevice(device.inner)));
        if (second === undefined) {
          const { lints, elections } = await examineDevice(device.inner, { now: now() });
          expect(elections.agree, words).toBe(true);
          expect(
            lints.filter(({ id }) => id === 'damaged-copies'),
            words,
          ).toEqual([]);
        } else expect(refusals, `${words}, then ${second}`).toContain((second as CommitError).code);
        if (name !== 'create' && name !== 'repair that commits a named copy')
          expect(second, words).toBeUndefined();
      });
    });

    it.each(['read', 'flush'] as const)('has lost no table after every %s', async (call) => {
      const hadTable = anyValid(new RejectingDevice(start()));
      await each(call, async (device, words) => {
        if (hadTable) expect(anyValid(device), words).toBe(true);
        const { error } = await outcomeOf(run(new RejectingDevice(device.inner)));
        if (error !== undefined)
          expect(refusals, `${words}, then ${error}`).toContain((error as CommitError).code);
      });
    });
  },
);
