// One after the other: what is held is the same after the last as after the first tenth. CI runs some thousands,
// `npm run soak` a million.

import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { OperationError } from '../../lib/base/errors.js';
import { openDevice } from '../../lib/device/native-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { staysFlat } from '../support/flat.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { tiered } from '../support/tier.js';

const folder = scratchFolder();
const commits = Number(process.env.DMREMAP_COMMITS ?? tiered(1000, 200));
const opens = Number(process.env.DMREMAP_OPENS ?? 1000);
/** Only a hang is to end them: a slow machine takes its time. */
const timeout = 120_000 + 50 * commits + 20 * opens;

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
