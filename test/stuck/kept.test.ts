// Where a process cannot leave, and what becomes of it: with a write on a frozen file system, or with a flush in flight,
// the kernel keeps it in the middle of its death, by whatever it ends, and lets it go when the device comes back. Shown
// here so that nobody promises more; and that nothing else on such a device keeps it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asItShould, type End, EndingProcess, ends, type Step } from './ending.js';
import { type FrozenFile, frozenFile } from './frozen-file.js';
import { openWhenFree } from './hanging.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { stuckFile } from './stuck-file.js';
import { whenWaitsIn } from './threads.js';

const writes = 2;
let fill = 0;
const nextFill = () => {
  fill = (fill % 255) + 1;
  return fill;
};

const each = (steps: readonly Step[], by: readonly End[]) =>
  steps.flatMap((step) => by.map((end) => [end, step] as const));

const noFreeze = whyNo('frozenFile');
describe.skipIf(noFreeze !== undefined)(noFreeze ?? 'a frozen file system', () => {
  // Longer than any row needs. The guardian thaws it whatever becomes of us.
  const freezeMs = 10_000;
  let file: FrozenFile;
  beforeAll(async () => {
    file = await frozenFile();
  });
  afterEach(() => file.thaw());
  afterAll(() => file?.[Symbol.asyncDispose]());

  /** Which of the writes of a row are in the file. */
  async function landed(value: number): Promise<readonly number[]> {
    await using device = await openWhenFree(file.path);
    const found: number[] = [];
    for (let index = 0; index < writes; index++) {
      const bytes = await device.read(BigInt(index * 8192), 4096);
      if (bytes.every((byte) => byte === value)) found.push(index);
    }
    return found;
  }

  async function startedOn(end: End, step: Step, value: number): Promise<EndingProcess> {
    const child = await EndingProcess.start({ path: file.path, step, end, writes, fill: value });
    await file.freeze(freezeMs);
    const held = step === 'queued' ? 1 : writes;
    await child.go(async () => step.startsWith('open') || file.held(held, child.pid));
    return child;
  }

  const inFlight = [
    ...each(['flight'], ends),
    ...each(['queued', 'canceling', 'givenUp', 'closing', 'left'], ['exit', 'natural', 'SIGKILL']),
  ].filter(([end, step]) => !(end === 'natural' && (step === 'flight' || step === 'queued')));

  it.each(inFlight)(
    'keeps what ends by `%s` with its writes in the step `%s` until it thaws, and not longer',
    async (end, step) => {
      const value = nextFill();
      await using child = await startedOn(end, step, value);
      child.end();
      expect(await whenWaitsIn('do_exit', child.pid)).toBe(true);
      expect(child.hasEnded).toBe(false);
      await file.thaw();
      const { tookMs, stdout, ...how } = await child.ended();
      expect(how).toEqual(asItShould(end));
      expect(await landed(value)).toEqual(step === 'queued' ? [0] : [0, 1]);
    },
  );

  it('stops the whole process that terminates a worker with a write there: Node waits for the thread', async () => {
    await using child = await startedOn('terminate', 'flight', nextFill());
    child.end();
    expect(await whenWaitsIn('do_exit', child.pid)).toBe(true);
    // The thread of its event loop, which is in epoll_wait(2) otherwise.
    expect(await whenWaitsIn('futex', child.pid, child.pid)).toBe(true);
    expect(child.hasEnded).toBe(false);
    await file.thaw();
    expect(await child.ended()).toMatchObject(asItShould('terminate'));
  });

  it.each(each(['opening', 'open'], ['terminate', 'exit', 'natural', 'SIGKILL']))(
    'does not keep what ends by `%s` in the step `%s`, with nothing in flight',
    async (end, step) => {
      const thaws = (await file.thawed(0)).length;
      await using child = await startedOn(end, step, nextFill());
      child.end();
      const { tookMs, stdout, ...how } = await child.ended();
      expect(how).toEqual(asItShould(end));
      expect((await file.thawed(0)).length).toBe(thaws);
    },
  );
});

const noFuse = whyNo('stuckFile');
describe.skipIf(noFuse !== undefined)(noFuse ?? 'a file system that answers nothing', () => {
  it.each(ends.filter((end) => end !== 'natural'))(
    'does not keep what ends by `%s` while open(2) hangs there, and nothing stays open',
    async (end) => {
      await using file = await stuckFile();
      const { path } = file;
      await using child = await EndingProcess.start({ path, step: 'openingStuck', end, writes, fill: 1 });
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
    const options = { path, step: 'openingStuck', end: 'natural', writes, fill: 1 } as const;
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

const noLoop = whyNo('stuckLoop');
describe.skipIf(noLoop !== undefined)(noLoop ?? 'a flush that hangs', () => {
  const kinds = [
    ['a loop device', stuckLoop],
    ['a file on FUSE', stuckFile],
  ] as const;
  const by = ['terminate', 'exit', 'natural', 'SIGKILL'] as const;
  it.each(kinds.flatMap(([name, make]) => by.map((end) => [name, end, make] as const)))(
    'on %s keeps what ends by `%s` until the device answers',
    async (_, end, make) => {
      await using disk = await make();
      await using child = await EndingProcess.start({ path: disk.path, step: 'flush', end, writes, fill: 1 });
      await disk.stall('fsync');
      await child.go(() => disk.held(1, 'fsync'));
      child.end();
      expect(await whenWaitsIn('do_exit', child.pid)).toBe(true);
      expect(child.hasEnded).toBe(false);
      await disk.pass();
      await disk.release();
      const { tookMs, stdout, ...how } = await child.ended();
      expect(how).toEqual(asItShould(end));
      await (await openWhenFree(disk.path)).close();
    },
  );
});
