// Aborts at random moments of commits on a real file and a real block device. Whatever an abort said is held against
// what is on the disk afterwards, read by another descriptor.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommitError, type CommitFinal } from '../../lib/store/commit/commit-report.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { random } from '../support/random.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const now = () => drawnNow;
const seed = 20_260_101;
const commits = 400;

async function run(path: string): Promise<Record<CommitFinal['finds'] | 'done', number>> {
  const { int } = random(seed);
  const tally = { old: 0, new: 0, either: 0, other: 0, done: 0 };
  const store = await MetadataStore.create(path, { mainSectors: 1_000_000n, now });
  let newest = store.sequence;
  for (let index = 0; index < commits; index++) {
    if (index % 4 === 0) store.table.add(index);
    let settlements = 0;
    const commit = store.commit({ unsettled: 'wait' });
    const settled = commit.then(
      (report) => report,
      (error: unknown) => error,
    );
    void settled.then(() => {
      settlements++;
    });
    for (let turns = int(60); turns > 0; turns--) await new Promise(setImmediate);
    commit.cancel();
    const result = await settled;
    const isError = result instanceof CommitError;
    if (!isError) expect(result).toMatchObject({ finds: 'new', degraded: [] });
    const said = isError ? await result.drained : (result as CommitFinal);
    tally[isError ? said.finds : 'done']++;

    const { copies, elections } = examineImage(readFileSync(path).subarray(0, 655_360), { now: drawnNow });
    const sequence = (isError ? result.sequence : (result as { sequence: bigint }).sequence) as bigint;
    for (const { copy, outcome } of said.copies) {
      const slot = copies[copy]?.slot;
      const holdsNew = slot?.state === 'valid' && slot.header.sequenceNumber === sequence;
      if (outcome === 'written') expect(holdsNew).toBe(true);
      if (outcome === 'untouched' && sequence > newest) expect(holdsNew).toBe(false);
    }
    // Nothing that was durable is ever lost, and both elections find one table.
    const elected = elections.ours?.sequence ?? 0n;
    expect(elected).toBeGreaterThanOrEqual(newest);
    expect(elections.agree).toBe(true);
    expect(elections.driver?.sequence).toBe(elected);
    if (said.finds === 'new') expect(elected).toBe(sequence);
    if (said.finds === 'old') expect(elected).toBe(newest);
    expect(settlements).toBe(1);
    newest = elected;
  }
  await store.close();
  return tally;
}

// Where the moments fall depends on the disk; an abort on the turn of its commit is always one.
const aborted = (tally: Awaited<ReturnType<typeof run>>) =>
  tally.old + tally.new + tally.either + tally.other;

const noLoop = whyNoLoop();

describe(`aborts at random moments (seed ${seed})`, () => {
  it('are told as they are on a file', async () => {
    const tally = await run(zeroFile(join(folder, 'spare'), 4 * 1024 * 1024));
    expect(aborted(tally)).toBeGreaterThan(0);
  });

  it.skipIf(noLoop !== undefined)('are told as they are on a loop device', async () => {
    const loop = loopDevice(zeroFile(join(folder, 'backing'), 4 * 1024 * 1024));
    const tally = await run(loop.path);
    loop.detach();
    expect(aborted(tally)).toBeGreaterThan(0);
  });
});
