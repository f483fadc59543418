// A folder of its own for each test of the file that imports this, and the path of a spare in it, which nobody has made yet.
// The bindings are live: they name the folder of the test that runs.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { scratchFolder } from './scratch.js';

const scratch = scratchFolder();
let count = 0;

export let folder = '';
export let spare = '';

beforeEach(() => {
  count += 1;
  folder = join(scratch, `${count}`);
  mkdirSync(folder);
  spare = join(folder, 'spare.img');
});
