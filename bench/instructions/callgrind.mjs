// Room: bench. How many instructions an operation takes, once V8 has compiled it: callgrind writes down what was done so far each
// time that the process comes to a mark (work.mjs), and begins again at zero.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { instructionsIn } from './profile.mjs';

const run = promisify(execFile);

const mark = 'uv_os_getppid';

/** Everything that differs from run to run is turned off: threads that compile or collect meanwhile, seeds, the times of a collection. */
const repeatable = [
  '--single-threaded',
  '--predictable',
  '--predictable-gc-schedule',
  '--hash-seed=1',
  '--random-seed=1',
];

/**
 * Instructions of one operation of a row (rows.mjs).
 * @param folder for what is in between.
 * @throws Error where the process or valgrind fails, or the marks are not seen: in a Node.js without symbols.
 */
export async function instructionsOf({ module, side, parameters, passes, of }, folder) {
  const own = mkdtempSync(join(folder, 'profile-'));
  const profile = join(own, 'profile');
  const words = [
    ...['--tool=callgrind', `--callgrind-out-file=${profile}`, `--dump-before=${mark}`],
    ...[process.execPath, ...repeatable, join(import.meta.dirname, 'work.mjs')],
    ...[module, side, JSON.stringify(parameters), String(passes)],
  ];
  // No settings of whoever runs us: each of them can change what Node.js does.
  const env = { PATH: process.env.PATH, DMREMAP_ENGINE: 'io_uring' };
  const running = run('valgrind', words, { env });
  const stop = () => running.child.kill('SIGKILL');
  process.once('exit', stop);
  try {
    const operations = Number((await running).stdout);
    // The first is the start and the warming up, and what comes behind the second is the end.
    const seen = [1, 2, 3].map((part) => existsSync(`${profile}.${part}`));
    if (String(seen) !== 'true,true,false') throw new Error(`callgrind has not seen ${mark} called twice`);
    return instructionsIn(readFileSync(`${profile}.2`, 'utf8'), of) / (passes * operations);
  } finally {
    process.off('exit', stop);
    rmSync(own, { recursive: true, force: true });
  }
}
