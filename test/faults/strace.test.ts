// What our own seam says is what the kernel would have said: the same calls fail by strace on the product, and by order in the
// addon that is built for it.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { calls, errnoOf } from './calls.js';
import { faultyOptions, whyNoFaults } from './process.js';

const folder = scratchFolder('/dev/shm');
const library = join(import.meta.dirname, '../../dist');

/** The call as the seam has it, and as strace has it: a system call, and which of them in its thread. */
const rows = [
  ['threads', 'open', 1, 'openat', 1, 'EMFILE'],
  ['threads', 'open', 2, 'openat', 2, 'EACCES'],
  ['threads', 'flock', 1, 'flock', 1, 'ENOLCK'],
  ['io_uring', 'flock', 1, 'flock', 1, 'EAGAIN'],
  ['threads', 'fstatfs', 1, 'fstatfs', 1, 'ENOSYS'],
  ['threads', 'lseek', 1, 'lseek', 1, 'EINVAL'],
  ['io_uring', 'fallocate', 1, 'fallocate', 1, 'ENOSPC'],
  ['threads', 'fallocate', 1, 'fallocate', 1, 'EIO'],
  ['threads', 'eventfd', 1, 'eventfd2', 1, 'EMFILE'],
  ['threads', 'pwritev2', 1, 'pwritev2', 1, 'EIO'],
  ['threads', 'preadv2', 1, 'preadv2', 1, 'EIO'],
  ['threads', 'fdatasync', 1, 'fdatasync', 1, 'ENOSPC'],
  ['io_uring', 'pthread_create', 1, 'clone3', 1, 'EAGAIN'],
  ['io_uring', 'io_uring_queue_init_params', 1, 'io_uring_setup', 1, 'EPERM'],
  ['io_uring', 'io_uring_queue_init_params', 1, 'io_uring_setup', 1, 'ENOMEM'],
  ['io_uring', 'io_uring_register_iowq_max_workers', 1, 'io_uring_register', 2, 'EINVAL'],
  ['io_uring', 'io_uring_register_restrictions', 1, 'io_uring_register', 4, 'EINVAL'],
  ['io_uring', 'io_uring_register_files', 1, 'io_uring_register', 6, 'ENOMEM'],
  ['libaio', 'io_setup', 1, 'io_setup', 1, 'EAGAIN'],
  ['libaio', 'io_submit', 1, 'io_submit', 1, 'EBADF'],
  ['libaio', 'io_getevents', 1, 'io_getevents', 1, 'ENOSYS'],
] as const;

type Options = Parameters<typeof fork>[2];

async function inChild(
  path: string,
  engine: string,
  options: Options,
  prepare: (child: ChildProcess) => Promise<object>,
) {
  truncateSync(path, 0);
  truncateSync(path, 65_536);
  const child = fork(join(import.meta.dirname, 'straced.mjs'), [library, path, engine], options);
  const gone = once(child, 'exit');
  try {
    await once(child, 'message');
    child.send(await prepare(child));
    const [{ said, failed }] = await once(child, 'message');
    return { said, failed };
  } finally {
    child.disconnect();
    await gone;
  }
}

/** Why strace cannot be used here; undefined where it can. CI must not skip, so there it throws. */
function whyNoStrace(): string | undefined {
  const scope = '/proc/sys/kernel/yama/ptrace_scope';
  const there = (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, 'strace')));
  const free = process.getuid?.() === 0 || !existsSync(scope) || readFileSync(scope, 'utf8').startsWith('0');
  const reason = there ? (free ? undefined : 'tracing needs root here') : 'strace is not installed';
  if (reason !== undefined && process.env.CI) throw new Error(reason);
  return reason;
}

/** Resolves when it has the process. */
async function attachStrace(pid: number, system: string, what: string) {
  const words = ['-f', '-e', `trace=${system}`, '-e', `inject=${system}:${what}`, '-p', String(pid)];
  const strace = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(strace, 'close');
  let said = '';
  await new Promise<void>((resolve, reject) => {
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('attached')) resolve();
    });
    strace.once('close', () => reject(new Error(said)));
  });
  return {
    /** What it has seen, once the process has gone. */
    output: async () => {
      await exit;
      return said;
    },
  };
}

const no = whyNoFaults() ?? whyNoStrace();
describe.skipIf(no !== undefined)(no ?? 'a failing call', () => {
  it.concurrent.each(rows)('on %s: %s #%i is %s #%i: %s', async (engine, call, nth, system, when, errno) => {
    const path = zeroFile(join(folder, `${engine}-${call}-${nth}-${errno}`), 65_536);
    const nothing = { call: 'nothing', nth: 0, errno: 0 };
    const order = { call, nth, errno: errnoOf(errno) };
    const clean = await inChild(path, engine, faultyOptions, async () => nothing);
    const ordered = await inChild(path, engine, faultyOptions, async () => order);
    let strace: Awaited<ReturnType<typeof attachStrace>> | undefined;
    const traced = await inChild(path, engine, {}, async (child) => {
      strace = await attachStrace(child.pid as number, system, `error=${errno}:when=${when}`);
      return nothing;
    });
    expect(await strace?.output()).toMatch(new RegExp(`${errno} .*\\(INJECTED\\)`));
    expect([clean.failed, ordered.failed]).toEqual([false, true]);
    expect(traced.said).toEqual(ordered.said);
    if (calls[call]?.leadsTo.join() === 'success') expect(ordered.said).toEqual(clean.said);
    else expect(ordered.said).not.toEqual(clean.said);
  });
});
