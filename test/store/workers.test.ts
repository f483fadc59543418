// Eight workers with a store each, ended in the middle of their commits: the process lives on, every spare has one table
// for both elections, and can be written again.
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { examineDevice } from '../../lib/store/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
const committer = join(import.meta.dirname, '../fixtures/committer.mjs');

async function openWhenFree(path: string): Promise<MetadataStore> {
  for (;;) {
    try {
      return await MetadataStore.open(path, { mode: 'write' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    }
  }
}

it('eight workers are ended with commits under way, and every spare is whole', async () => {
  for (let round = 0; round < 3; round++) {
    const paths = Array.from({ length: 8 }, (_, index) =>
      zeroFile(join(folder, `spare-${round}-${index}`), 4 * 1024 * 1024),
    );
    const workers = paths.map((path) => new Worker(committer, { workerData: { library, path } }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
    for (const path of paths) {
      const store = await openWhenFree(path);
      const { elections, ambiguities } = await examineDevice(path);
      expect(elections.agree).toBe(true);
      expect(elections.driver?.sequence).toBe(elections.ours?.sequence);
      expect(ambiguities).toEqual([]);
      expect(await store.commit()).toMatchObject({ degraded: [] });
      await store.close();
    }
  }
});
