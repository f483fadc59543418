// The holes of an image file are filled before the first commit (fallocate(2)), which no kernel lets anybody withdraw.
import { expect, it } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { failure } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

class SparseFile extends SpyDevice {
  allocating = Promise.resolve();
  override get info() {
    return { ...super.info, kind: 'file' as const };
  }
  override allocate = () => this.allocating;
}

it.each(['cancel', 'close'] as const)(
  'a commit that is filling holes is ended by %s at once',
  async (how) => {
    const memory = new MemoryDevice(4 * 1024 * 1024);
    await (await MetadataStore.create(memory, { mainSectors: 1000n })).close();
    const before = Uint8Array.from(memory.bytes);
    const device = new SparseFile(memory);
    let filled = () => {};
    device.allocating = new Promise((resolve) => {
      filled = resolve;
    });
    const store = await MetadataStore.open(device, { mode: 'write' });
    const commit = store.commit();
    const failed = failure(commit);
    if (how === 'cancel') commit.cancel();
    else await store.close();
    const code = how === 'cancel' ? 'ABORT_ERR' : 'ERR_STORE_CLOSED';
    expect(await failed).toMatchObject({ code, outcome: 'untouched', finds: 'old' });
    filled();
    await store.close();
    expect(Buffer.from(memory.bytes).equals(before)).toBe(true);
  },
);
