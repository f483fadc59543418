// One store after the other: what is held is the same after the last as after the first tenth. CI runs ten thousand.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nativeUsage } from '../../lib/device/native.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const cycles = Number(process.env.DMREMAP_CYCLES ?? 1000);

it(`${cycles} times open, commit, close: descriptors, rings and memory stay flat`, {
  timeout: 280_000,
}, async () => {
  const path = zeroFile(join(folder, 'spare'), 1024 * 1024);
  await (await MetadataStore.create(path, { mainSectors: 1000n })).close();
  const cycle = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const store = await MetadataStore.open(path, { mode: 'write' });
      await store.commit();
      expect(await store.close()).toEqual({ leftInFlight: 0, released: true });
    }
  };
  const descriptors = () => readdirSync('/proc/self/fd').length;
  await cycle(cycles / 10);
  const before = { descriptors: descriptors(), rss: process.memoryUsage.rss() };
  await cycle(cycles - cycles / 10);
  expect(descriptors()).toBe(before.descriptors);
  // The heap breathes by some tens of MiB; one slot leaked a cycle would be more than a GiB.
  expect(process.memoryUsage.rss() - before.rss).toBeLessThan(128 * 1024 * 1024);
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
});
