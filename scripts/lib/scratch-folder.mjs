// A folder for the files of one run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const stops = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

/** Makes a folder that goes with the process, also where a signal ends it. Returns its path. */
export function scratchFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `dmremap-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [signal, number] of Object.entries(stops)) process.on(signal, () => process.exit(128 + number));
  return folder;
}
