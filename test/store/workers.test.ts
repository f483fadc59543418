// Eight workers with a store each, ended in the middle of their commits: the process lives on, every spare has one table
// for both elections, and can be written again.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
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

/** Opens for writing in another thread or process, and says what came of it. */
const opener = `
  const say = (word) => (parentPort === null ? console.log(word) : parentPort.postMessage(word));
  import(library).then(({ MetadataStore }) => MetadataStore.open(path, { mode: 'write' })).then(
    async (store) => { await store.close(); say('opened'); },
    (error) => say(error.code));`;

async function openInWorker(path: string): Promise<string> {
  const source = `const { parentPort, workerData: { library, path } } = require('node:worker_threads');${opener}`;
  const worker = new Worker(source, { eval: true, workerData: { library, path } });
  const [said] = await once(worker, 'message');
  await worker.terminate();
  return said;
}

async function openInProcess(path: string): Promise<string> {
  const source = `const parentPort = null; const [library, path] = process.argv.slice(1);${opener}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', source, library, path]);
  return stdout.trim();
}

it.each([
  ['thread', openInWorker],
  ['process', openInProcess],
] as const)('the kernel decides between a store and one of another %s', async (_, open) => {
  const path = zeroFile(join(folder, `shared-with-a-${_}`), 4 * 1024 * 1024);
  const store = await MetadataStore.create(path, { mainSectors: 10_000n });
  expect(await open(path)).toBe('ERR_DEVICE_BUSY');
  await store.close();
  expect(await open(path)).toBe('opened');
});
