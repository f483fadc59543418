// However a process or a worker ends, and wherever its writes are then: it is gone while the device still hangs, and what
// the kernel has lands all the same, once the device comes back (io-contract.md rule 8). One process for each pair, on each engine;
// where an engine cannot promise that, kept.test.ts shows what it does instead.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { enginesToTry } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { share } from '../support/tier.js';
import { asItShould, type End, EndingProcess, ends, type Step } from './ending.js';
import { type Hanging, hangingKinds, openWhenFree } from './hanging.js';
import { whyNo } from './reasons.js';

const writes = 4;
const steps: readonly Step[] = [
  'opening',
  'open',
  'queued',
  'flight',
  'canceling',
  'givenUp',
  'closing',
  'left',
];

/** What is promised: gone half a second after the order, everything included. */
const boundMs = 500;
/** For one row, as others use the machine too. That it goes at all, device or not, is shown without a clock. */
const marginMs = 1500;

const inKernel = (step: Step) => (step === 'queued' ? 1 : step === 'opening' || step === 'open' ? 0 : writes);
/** With something in the kernel only where the engine lets a process leave. */
const areRows = (step: Step, leaves: boolean) => leaves || inKernel(step) === 0;
/** A process that waits for its writes does not leave by itself. */
const waits = (step: Step, end: End) => end === 'natural' && (step === 'queued' || step === 'flight');

const took = new Map<string, number>();
let fill = 0;

function landed(disk: Hanging, value: number): readonly number[] {
  const medium = disk.medium();
  const all = Array.from({ length: writes }, (_, index) => index);
  return all.filter((index) =>
    medium.subarray(index * 8192, index * 8192 + 4096).every((byte) => byte === value),
  );
}

const first = (count: number) => Array.from({ length: count }, (_, index) => index);

const kinds = enginesToTry().flatMap((engine) =>
  hangingKinds.map((kind) => ({ ...kind, engine, title: `${engine} on ${kind.title}` })),
);

for (const { engine, title, fixture, make, leaves, holdsAtOnce } of kinds) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? title, () => {
    let disk: Hanging;
    beforeAll(async () => {
      disk = await make();
    });
    afterEach(() => disk.release());
    afterAll(() => disk?.[Symbol.asyncDispose]());

    const start = (step: Step, end: End) => {
      fill = (fill % 255) + 1;
      const { path, tells } = disk;
      return EndingProcess.start({ path, step, end, writes, fill, engine, tells });
    };

    const rows = steps.flatMap((step) => ends.map((end) => [end, step] as const));
    const leaving = rows.filter(([, step]) => areRows(step, leaves(engine)));
    it.each(
      share(
        leaving.filter(([end, step]) => !waits(step, end)),
        9,
      ),
    )(
      'does not keep what ends by `%s` with its writes in the step `%s`, and loses nothing of them',
      async (end, step) => {
        await using child = await start(step, end);
        await disk.stall();
        await child.go(() => disk.held(inKernel(step), { pid: child.pid, engine }));
        child.end();
        const { tookMs, stdout, ...how } = await child.ended();

        // It has gone, and its writes are still there: they keep everybody else out.
        expect(how).toEqual(asItShould(end));
        expect(stdout).toBe('');
        expect(landed(disk, fill)).toEqual([]);
        expect((await disk.holds()) ?? inKernel(step)).toBe(inKernel(step));
        if (inKernel(step) > 0) {
          const refused = { code: 'ERR_DEVICE_BUSY' };
          await expect(openDevice(disk.path, { mode: 'write' })).rejects.toMatchObject(refused);
        }
        took.set(`${title}\n${end}\n${step}`, tookMs);
        expect(tookMs).toBeLessThan(boundMs + marginMs);

        // Now they land, and nothing else does.
        await disk.release();
        await using successor = await openWhenFree(disk.path);
        expect(landed(disk, fill)).toEqual(first(inKernel(step)));
        for (const index of first(inKernel(step))) {
          const bytes = Buffer.from(await successor.read(BigInt(index * 8192), 4096));
          expect(bytes.equals(Buffer.alloc(4096, fill))).toBe(true);
        }
      },
    );

    if (holdsAtOnce(engine) < writes) return;
    it.each(rows.filter(([end, step]) => waits(step, end)))(
      'keeps what would end by `%s` with writes in the step `%s`, for somebody waits for them',
      async (end, step) => {
        await using child = await start(step, end);
        await disk.stall();
        await child.go(() => disk.held(inKernel(step), { pid: child.pid, engine }));
        await child.endedTalking();
        expect(child.hasEnded).toBe(false);
        await disk.release();
        // Had it not waited, it could not have said that they are written.
        expect(await child.ended()).toMatchObject({ ...asItShould(end), stdout: 'written\n'.repeat(writes) });
        expect(landed(disk, fill)).toEqual(first(writes));
        await (await openWhenFree(disk.path)).close();
      },
    );

    it('keeps a process that asked for `drained` until they have drained', async () => {
      await using child = await start('asked', 'natural');
      await disk.stall();
      await child.go(() => disk.held(writes, { pid: child.pid, engine }));
      await child.endedTalking();
      expect(child.hasEnded).toBe(false);
      expect(landed(disk, fill)).toEqual([]);
      await disk.release();
      const said = 'drained written\n'.repeat(writes);
      expect(await child.ended()).toMatchObject({ ...asItShould('natural'), stdout: said });
      expect(landed(disk, fill)).toEqual(first(writes));
      await (await openWhenFree(disk.path)).close();
    });
  });
}

afterAll(() => {
  if (took.size === 0) return;
  const cell = (title: string, end: End, step: Step) =>
    took.get(`${title}\n${end}\n${step}`)?.toFixed(0) ?? 'waits';
  for (const { title } of kinds.filter(({ engine, leaves }) => leaves(engine))) {
    console.log(`${title}: milliseconds from the order to end to the end`);
    console.table(
      Object.fromEntries(
        ends.map((end) => [end, Object.fromEntries(steps.map((step) => [step, cell(title, end, step)]))]),
      ),
    );
  }
  const all = Array.from(took.values()).sort((a, b) => a - b);
  const median = all[Math.floor(all.length / 2)] ?? 0;
  const over = all.filter((ms) => ms >= boundMs).length;
  console.log(
    `median ${median.toFixed(0)} ms, most ${all.at(-1)?.toFixed(0)} ms; ${over} of ${all.length} over ${boundMs} ms`,
  );
  expect(median).toBeLessThan(boundMs);
});
