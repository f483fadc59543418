// Devices of the caller's that stand in front of another one, or keep only a part of the promises of a device.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cancellableAsync } from '../../lib/base/cancellable.js';
import type { Device } from '../../lib/device/device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { decodeCopy } from '../../lib/format/codec.js';
import { slotBytes } from '../../lib/format/structure.js';
import type { CommitError } from '../../lib/store/commit/commit-report.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { now, offsetOf } from '../support/spare.js';

const folder = scratchFolder();
const sectors = 8192n;

async function outcomeOf<T>(work: Promise<T>): Promise<{ value?: T; error?: unknown }> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** Writes one after the other, as a device that knows no batches does: its error is that of the last of them. */
class OneByOne implements Device {
  left = Number.POSITIVE_INFINITY;
  stop = () => {};
  constructor(readonly inner: Device) {}
  get info() {
    return this.inner.info;
  }
  get closed() {
    return this.inner.closed;
  }
  read: Device['read'] = (...call) => this.inner.read(...call);
  write: Device['write'] = (...call) => this.inner.write(...call);
  flush: Device['flush'] = (...call) => this.inner.flush(...call);
  allocate: Device['allocate'] = (...call) => this.inner.allocate(...call);
  isUnsettled: Device['isUnsettled'] = (...call) => this.inner.isUnsettled(...call);
  close: Device['close'] = (...call) => this.inner.close(...call);
  [Symbol.asyncDispose] = async () => void (await this.close());
  writeOrdered: Device['writeOrdered'] = (groups, options) =>
    cancellableAsync(options ?? {}, async () => {
      for (const { offset, bytes } of groups.flat()) {
        if (this.left-- === 0) this.stop();
        await new Promise(setImmediate);
        await this.inner.write(offset, bytes, options);
      }
    });
}

it('what a device writes one by one is not believed to be untouched for its last write', async () => {
  const inner = new MemoryDevice(Number(sectors) * 512);
  const device = new OneByOne(inner);
  const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
  for (let at = 0n; at < 150n; at++) store.table.add(at * 8n);
  await store.commit();
  for (let at = 150n; at < 200n; at++) store.table.add(at * 8n);
  const controller = new AbortController();
  device.left = 3;
  device.stop = () => controller.abort();
  const { error } = await outcomeOf(store.commit({ signal: controller.signal }));
  expect(error).toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
  for (let at = 150n; at < 200n; at++) store.table.remove(at * 8n);
  await (error as CommitError).drained;
  const { value, error: refused } = await outcomeOf(store.commit());
  if (value === undefined) expect(refused).toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
  for (const { copy, outcome } of value?.copies ?? []) {
    if (outcome !== 'written') continue;
    const at = Number(offsetOf(copy));
    expect(decodeCopy(inner.bytes.subarray(at, at + slotBytes)), `copy ${copy}`).toMatchObject({
      state: 'valid',
      header: { activeRemaps: 150 },
    });
  }
});

it('nothing is told as written where every write was refused', async () => {
  const device = new OneByOne(new MemoryDevice(Number(sectors) * 512));
  const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
  store.table.add(8n);
  device.writeOrdered = () => {
    throw new Error('the controller refuses');
  };
  expect((await outcomeOf(store.commit())).error).toMatchObject({
    code: 'ERR_COMMIT_PARTIAL',
    outcome: 'unknown',
  });
});

it.each([
  ['no closed', { closed: undefined }],
  ['a closed that is none', { closed: null }],
])('a device with %s is taken as one that never closes', async (_, part) => {
  const device = new OneByOne(new MemoryDevice(Number(sectors) * 512));
  for (const [name, value] of Object.entries(part)) Object.defineProperty(device, name, { value });
  const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
  expect((await store.commit()).degraded).toEqual([]);
  await store.close();
});

it.each([undefined, 512n, -512, 0, Number.NaN, 520, 2 ** 30])(
  'a device with logical blocks of %s is refused',
  async (logicalBlockSize) => {
    const inner = new MemoryDevice(Number(sectors) * 512);
    const device = new OneByOne(inner);
    Object.defineProperty(device, 'info', { value: { ...inner.info, logicalBlockSize } });
    await expect(MetadataStore.create(device, { mainSectors: 10_000n, now })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  },
);

it('a proxy in front of a device of ours is no device of ours', async () => {
  const store = await MetadataStore.create(new Proxy(new MemoryDevice(Number(sectors) * 512), {}), {
    mainSectors: 10_000n,
    now,
  }).catch((error: unknown) => error);
  expect(store).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
});

it('whatever stands in front of a device, it has one writer', async () => {
  const path = zeroFile(join(folder, 'one-writer'), Number(sectors) * 512);
  await using device = await openDevice(path, { mode: 'write' });
  const first = await MetadataStore.create(device, { mainSectors: 10_000n });
  const other = new OneByOne(device);
  await expect(MetadataStore.open(other, { mode: 'write' })).rejects.toMatchObject({
    code: 'ERR_DEVICE_BUSY',
  });
  await first.close();
  await (await MetadataStore.open(other, { mode: 'write' })).close();
});
