// Each call of the native part, and each allocation, fails once with each errno that its man page lists. What is said then is
// clear, and true of the medium; nothing is lost; and what comes after works.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../lib/base/errors.js';
import { engineNames } from '../../lib/device/engines.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { isFull, share } from '../support/tier.js';
import { calls, errnoOf } from './calls.js';
import { type Case, FaultyProcess, type Report, whyNoFaults } from './process.js';

const imageBytes = 256 * 1024;
// In memory: it is not the disk that is tried here.
const folder = scratchFolder('/dev/shm');

interface Pattern extends Pick<Case, 'pattern' | 'leave'> {
  /** The calls to fail; all where there is no list. */
  readonly calls?: readonly string[];
  /** Their first occurrences. */
  readonly upTo: number;
}

const starts = [
  ...['uv_async_init', 'uv_poll_init', 'mmap', 'eventfd', 'pthread_create', 'new'],
  ...['io_uring_queue_init_params', 'io_uring_ring_dontfork'],
  ...[
    'io_uring_register_buffers',
    'io_uring_register_iowq_max_workers',
    'io_uring_register_probe',
    'io_uring_register_restrictions',
  ],
  ...['io_uring_enable_rings', 'io_uring_enter'],
  ...['io_setup', 'io_submit', 'io_getevents'],
];
const patterns: readonly Pattern[] = [
  { pattern: 'inProcess', upTo: Number.POSITIVE_INFINITY },
  // The work is the same as in the process: it is the start that counts, 26 allocations for one,
  { pattern: 'inWorker', calls: starts, upTo: 32 },
  // and the end.
  { pattern: 'inWorker', calls: ['munmap', 'io_destroy'], upTo: 4 },
  { pattern: 'inWorker', leave: true, calls: ['close', 'madvise', 'pthread_create'], upTo: 4 },
];

/** Up to this occurrence of a call each one fails with each errno; those beyond it with one, in turn. */
const everyErrnoUpTo = 3;

function faultsOf(call: string, occurrences: number): { nth: number; errno: string }[] {
  const errnos = calls[call]?.errnos ?? [];
  return Array.from({ length: occurrences }, (_, before) => before + 1).flatMap((nth) =>
    errnos
      .filter((_, at) => nth <= everyErrnoUpTo || at === nth % errnos.length)
      .map((errno) => ({ nth, errno })),
  );
}

/** What each call has led to, on any engine. */
const ledTo = new Map<string, Set<string>>();

/** What is wrong with how a failure was told, or with what it has left behind. */
function judged(call: string, errno: string, { said, wrong, failed }: Report): readonly string[] {
  if (!failed) return wrong;
  const aborted = { what: 'aborted write', code: 'ABORT_ERR' };
  const errors = said.filter(({ what, code }) => {
    return code !== 'success' && !(what === aborted.what && code === aborted.code);
  });
  const codes = errors.length === 0 ? ['success'] : errors.map(({ code }) => code);
  ledTo.set(call, new Set([...(ledTo.get(call) ?? []), ...codes]));
  const unclear = errors.filter(
    (error) =>
      !Object.hasOwn(errorCodes, error.code) ||
      (error.errno !== errno && error.code !== 'ERR_OUT_OF_MEMORY') ||
      !error.message,
  );
  return [...wrong, ...unclear.map((error) => `is told as ${JSON.stringify(error)}`)];
}

const no = whyNoFaults();
describe.skipIf(no !== undefined)(no ?? 'where a call fails', () => {
  describe.concurrent.each(engineNames)('%s', (engine) => {
    it('tells it clearly and truly, loses nothing, and works afterwards', { timeout: 900_000 }, async () => {
      const file = zeroFile(join(folder, `${engine}-file`), imageBytes);
      const other = zeroFile(join(folder, `${engine}-other`), imageBytes);
      const loop = whyNoLoop() === undefined ? loopDevice(other) : { path: other, detach: () => {} };
      const found: string[] = [];
      const started = performance.now();
      let tried = 0;
      try {
        await using faulty = new FaultyProcess();
        for (const { pattern, leave = false, calls: only, upTo } of patterns) {
          const base: Case = { engine, paths: [file, loop.path], pattern, leave };
          const clean = await faulty.run(base);
          expect(clean).toMatchObject({ failed: false, wrong: [] });
          for (const [call, made] of Object.entries(clean.counts)) {
            if (only !== undefined && !only.includes(call)) continue;
            let failures = 0;
            for (const { nth, errno } of share(faultsOf(call, Math.min(made, upTo)), 11)) {
              const name = `${pattern}: ${call} #${nth}: ${errno}`;
              const report = await faulty
                .run({ ...base, call, nth, errno: errnoOf(errno) })
                .catch((error) => {
                  throw new Error(name, { cause: error });
                });
              found.push(...judged(call, errno, report).map((text) => `${name}: ${text}`));
              // An occurrence that another run has had may not come, as threads go their own ways; the first does.
              if (report.failed) failures++;
              tried++;
            }
            if (failures === 0) found.push(`${pattern}: ${call} did not fail once`);
          }
        }
        expect(await faulty.threadsLeft()).toBe(0);
      } finally {
        loop.detach();
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${engine}: ${tried} failures in ${seconds} s`);
      expect(found).toEqual([]);
    });
  });

  const noLoop = whyNoLoop();
  //  Which takes all of them.
  if (!isFull) return;
  it.skipIf(noLoop !== undefined)(noLoop ?? 'has led to what the table says, and to nothing else', () => {
    const told = Object.fromEntries(Array.from(ledTo, ([call, codes]) => [call, [...codes].sort()]));
    const table = Object.entries(calls).map(([call, { leadsTo }]) => {
      //  Only where a write was in flight when its worker ended, and on a busy machine all of them may have landed by then.
      const isRace = call === 'madvise' && !told[call]?.includes('success');
      return [call, leadsTo.filter((code) => !(isRace && code === 'success')).toSorted()] as const;
    });
    expect(told).toEqual(Object.fromEntries(table));
  });
});
