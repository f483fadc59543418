// Where a process cannot leave, and what becomes of it: with a write on a frozen file system, with a flush in flight, and
// with any write where the engine promises no more, the kernel keeps it in the middle of its death, by whatever it ends,
// and lets it go when the device comes back. Shown here so that nobody promises more. A worker leaves all the same where
// the engine says so.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { enginesToTry, guaranteesOf } from '../../lib/device/engines.js';
import { share } from '../support/tier.js';
import { asItShould, type End, EndingProcess, ends, type Step } from './ending.js';
import { type Hanging, hangingKinds, openWhenFree } from './hanging.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { stuckFile } from './stuck-file.js';
import { whenKept, whenWaitsIn } from './threads.js';

let fill = 0;
const nextFill = () => {
  fill = (fill % 255) + 1;
  return fill;
};

const each = (steps: readonly Step[], by: readonly End[]) =>
  steps.flatMap((step) => by.map((end) => [end, step] as const));

const rows = [
  ...each(['flight'], ends),
  ...each(['queued', 'canceling', 'givenUp', 'closing', 'left'], ['terminate', 'exit', 'natural', 'SIGKILL']),
].filter(([end, step]) => !(end === 'natural' && (step === 'flight' || step === 'queued')));

for (const engine of enginesToTry()) {
  for (const { title, fixture, make, leaves, lands, holdsAtOnce } of hangingKinds) {
    if (leaves(engine)) continue;
    const no = whyNo(fixture);
    describe.skipIf(no !== undefined)(no ?? `${engine} on ${title}`, () => {
      let disk: Hanging;
      beforeAll(async () => {
        disk = await make();
      });
      afterEach(() => disk.release());
      afterAll(() => disk?.[Symbol.asyncDispose]());

      /** One that is queued, in our own memory, has one in front of it. */
      const writesOf = (step: Step) => (step === 'queued' ? 2 : Math.min(2, holdsAtOnce(engine)));
      const heldOf = (step: Step) => (step === 'queued' ? 1 : writesOf(step));

      it.each(share(rows, 9))(
        'keeps what ends by `%s` with its writes in the step `%s` until it answers, and not longer',
        async (end, step) => {
          const { path, tells } = disk;
          const value = nextFill();
          const writes = writesOf(step);
          await using child = await EndingProcess.start({
            path,
            step,
            end,
            writes,
            fill: value,
            engine,
            tells,
          });
          await disk.stall();
          await child.go(() => disk.held(heldOf(step), { pid: child.pid, engine }));
          child.end();
          await expectKept(child, end, engine, fixture === 'frozenFile');
          await disk.release();
          const { tookMs, stdout, ...how } = await child.ended();
          expect(how).toEqual(asItShould(end));
          await (await openWhenFree(path)).close();
          for (let index = 0; index < writes; index++) {
            const there = disk.medium().subarray(index * 8192, index * 8192 + 4096);
            const bytes = there.filter((byte) => byte === value).length;
            if (lands(engine) || index >= heldOf(step)) expect(bytes).toBe(index < heldOf(step) ? 4096 : 0);
            else expect([0, 4096]).toContain(bytes);
          }
        },
      );
    });
  }

  const noLoop = whyNo('stuckLoop');
  describe.skipIf(noLoop !== undefined)(noLoop ?? `${engine} with a flush that hangs`, () => {
    const kinds = [
      ['a loop device', stuckLoop],
      ['a file on FUSE', stuckFile],
    ] as const;
    const by = ['terminate', 'exit', 'natural', 'SIGKILL'] as const;
    it.each(
      share(
        kinds.flatMap(([name, make]) => by.map((end) => [name, end, make] as const)),
        3,
      ),
    )('on %s keeps what ends by `%s` until the device answers', async (_, end, make) => {
      await using disk = await make();
      const { path } = disk;
      await using child = await EndingProcess.start({
        path,
        step: 'flush',
        end,
        writes: 1,
        fill: 1,
        engine,
      });
      await disk.stall('fsync');
      await child.go(() => disk.held(1, 'fsync'));
      child.end();
      await expectKept(child, end, engine, true);
      await disk.pass();
      await disk.release();
      const { tookMs, stdout, ...how } = await child.ended();
      expect(how).toEqual(asItShould(end));
      await (await openWhenFree(path)).close();
    });
  });
}

/** `everywhere`: no engine's process can leave such a device. */
async function expectKept(child: EndingProcess, end: End, engine: string, everywhere: boolean) {
  const { workersAlwaysLeave } = guaranteesOf(engine as never);
  if (end === 'terminate' && everywhere && !workersAlwaysLeave) {
    // The thread of its event loop, which is in epoll_wait(2) otherwise: Node waits for the worker's.
    expect(await whenWaitsIn('do_exit', child.pid)).toBe(true);
    expect(await whenWaitsIn('futex', child.pid, child.pid)).toBe(true);
  } else {
    if (end === 'terminate') await child.terminated();
    expect(await whenKept(child.pid)).toBe(true);
  }
  expect(child.hasEnded).toBe(false);
}

const noFuse = whyNo('stuckFile');
describe.skipIf(noFuse !== undefined)(noFuse ?? 'a file system that answers nothing', () => {
  it.each(ends.filter((end) => end !== 'natural'))(
    'does not keep what ends by `%s` while open(2) hangs there, and nothing stays open',
    async (end) => {
      await using file = await stuckFile();
      const { path } = file;
      await using child = await EndingProcess.start({ path, step: 'openingStuck', end, writes: 1, fill: 1 });
      process.kill(file.pid, 'SIGSTOP');
      try {
        await child.go(() => whenWaitsIn('fuse_', child.pid));
        child.end();
        const { tookMs, stdout, ...how } = await child.ended();
        expect(how).toEqual(asItShould(end));
      } finally {
        process.kill(file.pid, 'SIGCONT');
      }
      await (await openWhenFree(path)).close();
    },
  );

  it('keeps a process that waits for openDevice() until that is there', async () => {
    await using file = await stuckFile();
    const { path } = file;
    const options = { path, step: 'openingStuck', end: 'natural', writes: 1, fill: 1 } as const;
    await using child = await EndingProcess.start(options);
    process.kill(file.pid, 'SIGSTOP');
    try {
      await child.go(() => whenWaitsIn('fuse_', child.pid));
      await child.endedTalking();
      expect(child.hasEnded).toBe(false);
    } finally {
      process.kill(file.pid, 'SIGCONT');
    }
    expect(await child.ended()).toMatchObject({ ...asItShould('natural'), stdout: 'opened\n' });
    await (await openWhenFree(path)).close();
  });
});
