// Two copies of the package in one program, of one version and of two: one writer for a device, one list of targets, and an error
// of either is an error of the other.

import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import * as first from '../../lib/index.js';
import { scratchFolder } from '../support/scratch.js';
import { secondCopy } from '../support/second-copy.js';
import { share } from '../support/tier.js';

const folder = scratchFolder();
const key = Symbol.for('dmremap.shared');
const holder = globalThis as { [key]?: Record<string, unknown> };
const now = () => first.unixSeconds(1_760_000_000n);
let copies = 0;

afterEach(() => {
  delete holder[key];
});

describe.each(
  share(
    [
      { name: 'of the same version' },
      { name: 'of a newer version', sharedVersion: 3 },
      { name: 'of a version before it', sharedVersion: 1 },
    ],
    2,
  ),
)('a second copy $name', (options) => {
  const load = () => secondCopy(join(folder, `copy-${copies++}`), options);

  it.each(['first', 'second'] as const)(
    'is refused a device that the other writes to; the %s comes first',
    async (order) => {
      const second = await load();
      const [one, other] = order === 'first' ? [first, second] : [second, first];
      const device = new one.MemoryDevice(4 * 2 ** 20);
      const store = await one.MetadataStore.create(device, { mainSectors: 10_000n, now });
      await expect(other.MetadataStore.open(device, { mode: 'write', now })).rejects.toMatchObject({
        code: 'ERR_DEVICE_BUSY',
      });
      await store.close();
      const next = await other.MetadataStore.open(device, { mode: 'write', now });
      // Above all that were given out, by whichever copy.
      expect((await next.commit()).sequence).toBe(2n);
      await next.close();
      const last = await one.MetadataStore.open(device, { mode: 'write', now });
      expect((await last.commit()).sequence).toBe(3n);
      await last.close();
      expect(holder[key]).toMatchObject({ version: Math.max(2, options.sharedVersion ?? 2) });
    },
  );

  it('has the targets of both in its list', async () => {
    const second = await load();
    const target = await second.RemapTarget.create({
      main: new second.MemoryDevice(256 * 1024),
      spare: new first.MemoryDevice(1024 * 1024),
    });
    expect(first.listTargets()).toEqual([target]);
    expect(second.listTargets()).toEqual([target]);
    await target.destroy();
    expect(first.listTargets()).toEqual([]);
  });

  it('rejects with errors that are errors of the first', async () => {
    const second = await load();
    const device = new second.LyingDevice(4 * 2 ** 20);
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write' });
    const error = await device
      .writeOrdered([[{ offset: first.byteOffset(0n), bytes: new Uint8Array(512) }]])
      .catch((caught: unknown) => caught);
    for (const kind of [first.DmremapError, first.OperationError, first.BatchError]) {
      expect(error).toBeInstanceOf(kind);
    }
    expect(error).not.toBeInstanceOf(first.CommitError);
    expect(error).not.toBeInstanceOf(first.TargetError);
    expect(new first.DmremapError('ERR_IO')).toBeInstanceOf(second.DmremapError);
    expect(new first.DmremapError('ERR_IO')).not.toBeInstanceOf(second.OperationError);
  });

  it('has devices whose bad sectors are remapped and counted by a target of the first', async () => {
    const second = await load();
    const main = new second.LyingDevice(256 * 1024);
    const target = await first.RemapTarget.create({ main, spare: new second.LyingDevice(1024 * 1024) });
    main.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range: { offset: 17n * 512n, length: 512 } });
    await target.write(16, new Uint8Array(8 * 512).fill(5));
    expect(target.entries().map(({ originalSector }) => originalSector)).toEqual([17n]);
    expect(target.status().counters.writeErrors).toBe(1);
    expect(await target.read(16, 8)).toEqual(new Uint8Array(8 * 512).fill(5));
    await target.destroy();
  });

  it('has devices that hear why the first has aborted', async () => {
    const second = await load();
    const device = new second.MemoryDevice(4 * 2 ** 20);
    const store = await first.MetadataStore.create(device, { mainSectors: 10_000n, now });
    device.stall();
    const late = await store.commit({ timeoutMs: 1 }).catch((caught: unknown) => caught);
    expect(late).toMatchObject({ code: 'ERR_TIMEOUT', finds: 'either' });
    device.resume();
    expect(await (late as first.CommitError).drained).toMatchObject({ finds: 'new' });
    expect((await store.commit()).degraded).toEqual([]);
    await store.close();
  });
});
