// The README's first command, and what it leaves behind: nothing outside of its own folder.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratchFolder } from './support/scratch.js';

const folder = scratchFolder();

it('the quickstart does the main job, and each step ends as it should', () => {
  const script = join(import.meta.dirname, '../scripts/quickstart.mjs');
  const environment = { ...process.env, TMPDIR: folder, HOME: folder };
  const { status, stdout } = spawnSync(process.execPath, [script], { env: environment, encoding: 'utf8' });
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^quickstart: all \d+ steps ended as they should$/);
  expect(status).toBe(0);
  expect(stdout).toContain('DAMAGED');
  expect(stdout).toContain('[exit status 4]');
  expect(stdout).toContain('nothing was written: --apply does it\n[exit status 4]');
  expect(stdout).toContain('repaired: every copy that fits holds the table\n[exit status 1]');
  expect(stdout).toContain(", byte for byte: as it was before 'repair'");
  expect(stdout).toContain('as it was said');
  expect(stdout.slice(stdout.lastIndexOf('$ dmremap check'))).toMatch(
    /^\$ dmremap check spare\.img\nspare\.img: CLEAN: .*sequence 1\)\n {2}if activated now: {2}the module KEEPS it: .*\n\[exit status 0\]\n/,
  );
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^dmremap-quickstart-/)]);
});
