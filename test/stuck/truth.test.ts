// `npm run truth`: what the contract takes for granted of the kernel, asked of the one that the tests run on.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { whyNo } from './reasons.js';

const script = join(import.meta.dirname, '../../scripts/truth.mjs');
const folder = scratchFolder();

const run = (...words: string[]) =>
  promisify(execFile)(process.execPath, [script, ...words], { env: { ...process.env, TMPDIR: folder } });

const no = whyNo('stuckLoop') ?? whyNo('throttledLoop') ?? whyNo('frozenFile') ?? whyNo('unresolvedPage');
describe.skipIf(no !== undefined)(no ?? 'this kernel', () => {
  it('cancels writes, and lets processes leave, as the tables say; and nothing is left of the measuring', async () => {
    const { stdout } = await run('--json', '--strict').catch((error) => error);
    const { rows, counts, verdict } = JSON.parse(stdout);
    expect(rows.filter((row: { verdict: string }) => row.verdict !== 'same')).toEqual([]);
    expect(counts).toEqual({ same: 17, differs: 0, unmeasured: 0, failed: 0 });
    expect(verdict).toBe('truth: 17 rows as on Linux 6.18, 0 differ');
    expect(readdirSync(folder)).toEqual([]);
  });
});

it('truth takes no words that it does not know', async () => {
  await expect(run('--strct')).rejects.toMatchObject({ code: 2, stdout: '' });
});
