// One after the other: what is held is the same after the last as after the first tenth. CI runs some thousands,
// `npm run soak` a million.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { OperationError } from '../../lib/base/errors.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const commits = Number(process.env.DMREMAP_COMMITS ?? 1000);
const opens = Number(process.env.DMREMAP_OPENS ?? 1000);
/** Only a hang is to end them: a slow machine takes its time. */
const timeout = 120_000 + 50 * commits + 20 * opens;

/** What a leak would raise: descriptors and rings, mappings, memory. */
const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  rss: process.memoryUsage.rss(),
});

/** Runs the cycles, and holds what is held after the last against what was after the first tenth. */
async function staysFlat(cycles: number, cycle: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < cycles / 10; round++) await cycle();
  const before = held();
  for (let round = cycles / 10; round < cycles; round++) await cycle();
  const after = held();
  expect(after.descriptors).toBe(before.descriptors);
  // The heap breathes, by some tens of MiB and as many mappings; one of either leaked a cycle would be far more.
  expect(after.mappings - before.mappings).toBeLessThan(100);
  expect(after.rss - before.rss).toBeLessThan(128 * 1024 * 1024);
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
}

it(`${commits} times open, commit, close: descriptors, rings, mappings and memory stay flat`, {
  timeout,
}, async () => {
  const path = zeroFile(join(folder, 'spare'), 1024 * 1024);
  await (await MetadataStore.create(path, { mainSectors: 1000n })).close();
  await staysFlat(commits, async () => {
    const store = await MetadataStore.open(path, { mode: 'write' });
    await store.commit();
    expect(await store.close()).toEqual({ leftInFlight: 0, released: true });
  });
});

it(`${opens} times open, write, abort, close: they do too`, { timeout }, async () => {
  const path = zeroFile(join(folder, 'image'), 1024 * 1024);
  const bytes = new Uint8Array(4096);
  await staysFlat(opens, async () => {
    const device = await openDevice(path, { mode: 'write' });
    const writing = device.write(0n, bytes);
    writing.cancel();
    const outcome = await writing.then(
      () => undefined,
      (error: OperationError) => error.drained,
    );
    expect(outcome).not.toBe('unknown');
    expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
  });
});
