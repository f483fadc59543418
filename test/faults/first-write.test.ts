// What is made once, at the first write of a process, fails as clearly as what is made for each. The other tests warm their
// process up first, and so never see it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { faultyOptions, whyNoFaults } from './process.js';

const folder = scratchFolder();
const no = whyNoFaults();
describe.skipIf(no !== undefined)(no ?? 'the first write of a process', () => {
  it('is refused for each allocation that fails, and the next one succeeds', async () => {
    const path = zeroFile(join(folder, 'image'), 65_536);
    const library = join(import.meta.dirname, '../../dist');
    const child = fork(join(import.meta.dirname, 'first-write.mjs'), [library, path], faultyOptions);
    const ended = once(child, 'exit');
    const [told] = await Promise.race([once(child, 'message'), ended.then(() => [])]);
    await ended;
    const { codes, usage } = told ?? { codes: [], usage: undefined };
    expect(codes.length).toBeGreaterThan(1);
    expect(codes).toEqual([...codes.slice(1).map(() => 'ERR_OUT_OF_MEMORY'), 'success']);
    expect(usage).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
  });
});
