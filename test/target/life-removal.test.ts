// A target is removed at the worst moments, on devices that are healthy, hang or return errors, with each engine. What must not
// wait for a device is shown to have happened while the device still holds what it held; nothing here is timed.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import type { SuspendReport } from '../../lib/target/target-report.js';
import { stuckLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { type StuckFile, stuckFile } from '../stuck/stuck-file.js';
import {
  expectNothingLeft,
  GatedDevice,
  rejected,
  sectors,
  type TroubledDevice,
  troubledDevices,
  whenFree,
} from './life-devices.js';

const old = 1;
const young = 2;
const destroyed = { code: 'ERR_TARGET_DESTROYED' };

for (const [title, fixture, make] of troubledDevices) {
  const no = whyNo(fixture) ?? whyNo('stuckFile');
  describe.skipIf(no !== undefined)(no ?? title, () => {
    let main: TroubledDevice;
    let spare: TroubledDevice;
    /** Its writes fail while it is told so. */
    let failing: StuckFile;
    beforeAll(async () => {
      [main, spare, failing] = await Promise.all([make(), make(), stuckFile()]);
    });
    afterEach(() => Promise.all([main.end(), spare.end(), failing.pass()]));
    afterAll(() => Promise.all([main, spare, failing].map((disk) => disk?.[Symbol.asyncDispose]())));

    /** Nobody has waited for the device: it holds what it held. */
    const expectHeld = async (disk: TroubledDevice, { leftInFlight }: SuspendReport) => {
      const holds = await disk.holds();
      if (disk.trouble === 'stuck' && holds !== undefined) {
        expect(leftInFlight).toBeGreaterThan(0);
        expect(holds).toBeGreaterThanOrEqual(1);
      }
    };

    it.each(engineNames)('removal while idle (%s)', async (engine) => {
      const options = { main: main.path, spare: spare.path, engine };
      await using target = await RemapTarget.create({ ...options, force: true });
      await target.write(0, sectors(16, old));
      await target.remap(3);
      await Promise.all([main.begin(), spare.begin()]);
      const report = await target.destroy();
      expect(report).toEqual({ aborted: 0, finds: undefined, leftInFlight: 0, released: true });
      expect(target.status()).toMatchObject({ state: 'destroyed', remaps: 0, inFlight: 0, requests: 0 });
      for (const call of [() => target.read(0, 1), () => target.resume(), () => target.sync()])
        await expect(call()).rejects.toMatchObject(destroyed);
      await expectNothingLeft(main.path, spare.path);
      await Promise.all([main.end(), spare.end()]);
      await using again = await whenFree(() => RemapTarget.open(options));
      expect(again.entries().map(({ originalSector }) => originalSector)).toEqual([3n]);
      expect(Buffer.from(await again.read(0, 16)).equals(sectors(16, old))).toBe(true);
    });

    it.each(engineNames)('removal during an active metadata write (%s)', async (engine) => {
      await using device = new GatedDevice(await openDevice(spare.path, { mode: 'write', engine }));
      const options = { main: main.path, spare: device, engine, force: true };
      await using target = await RemapTarget.create({ ...options, sync: { backoffMs: 0 } });
      await target.write(8, sectors(1, old));
      const { sequence } = target.status();
      const begun = new Promise<void>((resolve) => {
        device.gate = async () => {
          await spare.begin();
          resolve();
        };
      });
      const remapping = rejected(target.remap(8));
      await begun;
      await spare.held(1);
      // A device that cannot tell what it holds: this is as near as it gets.
      while (spare.trouble === 'stuck' && nativeUsage().inFlight === 0) await nextTurn();
      const report = await target.destroy({ graceMs: 0 });
      await expectHeld(spare, report);
      expect(report.aborted).toBe(1);
      const error = await remapping;
      expect(error).toMatchObject({ ...destroyed, outcome: 'unknown' });
      await device.close({ graceMs: 0 });
      if (spare.trouble === 'stuck') expect(report.finds).toBe(report.leftInFlight > 0 ? 'either' : 'old');
      if (spare.trouble === 'stuck' && report.leftInFlight > 0) {
        await expect(RemapTarget.open({ main: main.path, spare: spare.path })).rejects.toMatchObject({
          code: 'ERR_DEVICE_BUSY',
        });
      }
      await spare.end();
      await error.drained;
      await using again = await whenFree(() =>
        RemapTarget.open({ main: main.path, spare: spare.path, engine }),
      );
      // The old table or the new one, and with either the data.
      const moved = again.entries().length;
      expect(again.status().sequence).toBe((sequence ?? 0n) + BigInt(moved));
      expect(Buffer.from(await again.read(8, 1)).equals(sectors(1, old))).toBe(true);
      await again.destroy();
      await expectNothingLeft(main.path, spare.path);
    });

    it.each(engineNames)('removal during error recovery (%s)', async (engine) => {
      const options = { main: failing.path, spare: spare.path, engine };
      await using target = await RemapTarget.create({ ...options, force: true, sync: { backoffMs: 0 } });
      await target.write(8, sectors(8, old));
      await failing.fail('EIO', { kinds: ['write'] });
      await spare.begin();
      const writing = rejected(target.write(8, sectors(8, young)));
      while (target.status().counters.writeErrors === 0) await nextTurn();
      await spare.held(1);
      while (spare.trouble === 'stuck' && nativeUsage().inFlight === 0) await nextTurn();
      const report = await target.destroy({ graceMs: 0 });
      await expectHeld(spare, report);
      const error = await writing;
      if (spare.trouble !== 'errors') expect(error).toMatchObject(destroyed);
      await spare.end();
      await error.drained;
      await failing.pass();
      await using again = await whenFree(() => RemapTarget.open(options));
      const found = Buffer.from(await again.read(8, 8));
      const moved = again.entries().length;
      // Main has refused every write, so what is new is what has moved: all of the request, or nothing.
      expect([0, 8]).toContain(moved);
      expect(found.equals(sectors(8, moved === 0 ? old : young))).toBe(true);
      await again.destroy();
      await expectNothingLeft(failing.path, spare.path);
    });
  });
}

const overFuse = [
  ['a stuck file on FUSE', 'stuckFile', () => stuckFile()],
  ['a stuck loop device', 'stuckLoop', () => stuckLoop()],
] as const;

for (const [title, fixture, make] of overFuse) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `${title} as main`, () => {
    it.each(engineNames)(
      'removal during error recovery, while an error is narrowed down (%s)',
      async (engine) => {
        await using main = await make();
        await using spare = await stuckFile();
        const options = { main: main.path, spare: spare.path, engine };
        await using target = await RemapTarget.create(options);
        await target.write(8, sectors(8, old));
        await main.stall('write');
        const writing = rejected(target.write(8, sectors(8, young)));
        await main.held(1, 'write');
        await main.releaseAs('EIO', 1);
        await main.held(2, 'write');
        expect(await target.destroy({ graceMs: 0 })).toMatchObject({ aborted: 1, leftInFlight: 2 });
        expect((await main.status()).held).toBe('2');
        const error = await writing;
        expect(error).toMatchObject({ ...destroyed, outcome: 'unknown' });
        await expect(RemapTarget.open(options)).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
        await main.pass();
        await main.release();
        // The halves have landed, but the write that failed before them may have done anything.
        expect(await error.drained).toBe('unknown');
        await using again = await whenFree(() => RemapTarget.open(options));
        expect(again.entries()).toEqual([]);
        expect(Buffer.from(await again.read(8, 8)).equals(sectors(8, young))).toBe(true);
        await again.destroy();
        await expectNothingLeft(main.path, spare.path);
      },
    );
  });
}

const noFile = whyNo('stuckFile');
describe.skipIf(noFile !== undefined)(noFile ?? 'a file on FUSE that does not answer a flush', () => {
  it.each(engineNames)('removal during a flush (%s)', async (engine) => {
    await using main = await stuckFile();
    await using spare = await stuckFile();
    const options = { main: main.path, spare: spare.path, engine };
    await using target = await RemapTarget.create(options);
    await target.write(0, sectors(1, old), { durable: false });
    await Promise.all([main.stall('fsync'), spare.stall('fsync')]);
    const flushing = rejected(target.flush());
    await Promise.all([main.held(1, 'fsync'), spare.held(1, 'fsync')]);
    expect(await target.presuspend()).toMatchObject({ aborted: 1, leftInFlight: 2 });
    await expect(target.resume()).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    expect(await flushing).toMatchObject({ code: 'ERR_TARGET_SUSPENDED' });
    for (const disk of [main, spare]) {
      await disk.pass();
      await disk.release();
    }
    await target.resume({ unsettled: 'wait' });
    await target.flush();
    await target.destroy();
    await expectNothingLeft(main.path, spare.path);
  });
});
