// Devices of the caller's under a target, which reject in every way that there is: what was acknowledged is what is read, whatever
// lands later, and no request is reported as untouched that may have changed something.
import { describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { type Answer, type Landed, RejectingDevice, ways } from '../support/rejecting-device.js';

const filled = (byte: number) => new Uint8Array(8 * 512).fill(byte);
const sync = { retryMs: 1, timeoutMs: 200 } as never;

async function made(answer: Answer) {
  const main = new RejectingDevice(new MemoryDevice(256 * 1024), answer);
  const spare = new RejectingDevice(new MemoryDevice(1024 * 1024), answer);
  const target = await RemapTarget.create({ main, spare, sync });
  return { main, spare, target };
}

async function outcomeOf<T>(work: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

const landings: readonly Landed[] = ['nothing', 'half', 'all'];
const rows = ways.flatMap((way) =>
  landings.map((landed) => ({ way, landed, name: `${way.name}; landed: ${landed}` })),
);

describe.each(['truth', 'missing'] as const)('devices whose isUnsettled is: %s', (answer) => {
  it.each(rows)('a write that main rejects with $name is no loss', async ({ way, landed }) => {
    const { main, target } = await made(answer);
    await target.write(16, filled(1));
    main.reject({ call: 'write', at: 0, landed, way });
    const first = await outcomeOf(target.write(16, filled(2)));
    if (first.error !== undefined) {
      expect(first.error).toBeInstanceOf(OperationError);
      expect((first.error as OperationError).outcome).not.toBe('untouched');
    }
    // Another write of the same sectors, while the first one may still land.
    const second = await outcomeOf(target.write(16, filled(3)));
    if (second.error !== undefined) expect(second.error).toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    main.land();
    const read = await target.read(16, 8);
    if (second.error === undefined) expect(read).toEqual(filled(3));
    else if (first.error === undefined) expect(read).toEqual(filled(2));
    await target.destroy();
  });

  it.each(ways)('a read that main rejects with $name fails, and its sectors are read again', async (way) => {
    const { main, target } = await made(answer);
    await target.write(16, filled(1));
    main.reject({ call: 'read', at: 0, landed: 'nothing', way });
    const { value, error } = await outcomeOf(target.read(16, 8));
    // An error of the medium is looked at block by block, and each of them can be read.
    if (value !== undefined) expect(value).toEqual(filled(1));
    else expect(error).toBeInstanceOf(OperationError);
    expect(await target.read(16, 8)).toEqual(filled(1));
    expect(target.entries()).toEqual([]);
    await target.destroy();
  });

  it.each(ways)('a flush that a device rejects with $name fails', async (way) => {
    for (const which of ['main', 'spare'] as const) {
      const devices = await made(answer);
      devices[which].reject({ call: 'flush', at: 0, landed: 'nothing', way });
      const { error } = await outcomeOf(devices.target.flush());
      expect(error).toBeInstanceOf(OperationError);
      expect((error as OperationError).outcome).not.toBe('untouched');
      await devices.target.destroy();
    }
  });

  it.each(rows)('a remap whose data the spare rejects with $name loses nothing', async ({ way, landed }) => {
    const { main, spare, target } = await made(answer);
    await target.write(16, filled(1));
    const eio = ways.find(({ name }) => name === 'an errno of Node.js') as (typeof ways)[number];
    for (const at of [0, 1, 2, 3]) {
      main.reject(
        ...Array.from(
          { length: 16 },
          (_, call) => ({ call: 'write', at: call, landed: 'all', way: eio }) as const,
        ),
      );
      spare.reject({ call: 'write', at, landed, way });
      const { error } = await outcomeOf(target.write(16, filled(2 + at)));
      main.reject();
      spare.reject();
      spare.land();
      if (error === undefined) expect(await target.read(16, 8)).toEqual(filled(2 + at));
      //  What is in doubt keeps later writes away.
      else if ((error as OperationError).code !== 'ERR_RANGE_UNSETTLED')
        expect((error as OperationError).outcome).not.toBe('untouched');
    }
    // What was acknowledged is on the disk, for a target that knows nothing of this one.
    await outcomeOf(target.sync({ timeoutMs: 1000 }));
    const { value } = await outcomeOf(target.read(16, 8));
    await target.destroy();
    const again = await RemapTarget.open({ main: main.inner, spare: spare.inner });
    if (value !== undefined) expect(await again.read(16, 8)).toEqual(value);
    await again.destroy();
  });
});

it('remaps a bad sector of a device that rejects with an errno of Node.js, and counts it', async () => {
  const { main, target } = await made('truth');
  const eio = ways.find(({ name }) => name === 'an errno of Node.js') as (typeof ways)[number];
  main.reject(
    ...Array.from({ length: 4 }, (_, at) => ({ call: 'write', at, landed: 'nothing', way: eio }) as const),
  );
  const writing = target.write(16, new Uint8Array(512).fill(5));
  await writing;
  expect(target.entries().map(({ originalSector }) => originalSector)).toEqual([16n]);
  expect(target.status().counters.writeErrors).toBe(1);
  main.land();
  expect(await target.read(16, 1)).toEqual(new Uint8Array(512).fill(5));
  await target.destroy();
});

it('remaps nothing for an error that names no errno', async () => {
  const { main, target } = await made('truth');
  const plain = ways.find(({ name }) => name === 'an Error') as (typeof ways)[number];
  main.reject({ call: 'write', at: 0, landed: 'nothing', way: plain });
  await expect(target.write(16, filled(5))).rejects.toMatchObject({ code: 'ERR_IO', outcome: 'unknown' });
  expect(target.entries()).toEqual([]);
  await target.destroy();
});
