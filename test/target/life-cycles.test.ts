// Rapid create/destroy: thousands of targets, one after the other, and nothing is left of any. CI runs 10,000 cycles on a healthy
// device (DMREMAP_CYCLES); on one that hangs or fails each cycle has its trouble, so they are fewer.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { whyNo } from '../stuck/reasons.js';
import { staysFlat } from '../support/flat.js';
import { tiered } from '../support/tier.js';
import {
  expectNothingLeft,
  rejected,
  sectors,
  type TroubledDevice,
  troubledDevices,
  whenFree,
} from './life-devices.js';

const cycles = Number(process.env.DMREMAP_CYCLES ?? tiered(200, 40));
/** Only a hang is to end them: a slow machine takes its time. */
const timeout = 120_000 + 50 * cycles;
const released = { leftInFlight: 0, released: true };

for (const [title, fixture, make] of troubledDevices) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? title, () => {
    let main: TroubledDevice;
    let spare: TroubledDevice;
    beforeAll(async () => {
      [main, spare] = await Promise.all([make(), make()]);
    });
    afterAll(() => Promise.all([main, spare].map((disk) => disk?.[Symbol.asyncDispose]())));

    it.each(tiered(engineNames, engineNames.slice(0, 1)))(
      'rapid create/destroy (%s)',
      { timeout },
      async (engine) => {
        const options = { main: main.path, spare: spare.path, engine };
        const created = await whenFree(() => RemapTarget.create({ ...options, force: true }));
        await created.remap(8);
        await created.destroy();

        const cycle = {
          /** Opened and destroyed; the table is read from the disk each time. */
          none: async () => {
            const target = await RemapTarget.open(options);
            expect(target.entries().length).toBe(1);
            expect(await target.destroy()).toMatchObject(released);
          },
          /** Destroyed with a write in the kernel, which keeps the next one out until it has landed. */
          stuck: async () => {
            const target = await whenFree(() => RemapTarget.open(options));
            await main.begin();
            const writing = rejected(target.write(0, sectors(1, 1)));
            await main.held(1);
            await target.destroy({ graceMs: 0 });
            const error = await writing;
            expect(error).toMatchObject({ code: 'ERR_TARGET_DESTROYED' });
            await main.end();
            await error.drained;
          },
          /** Not even created: the spare takes no metadata. */
          errors: async () => {
            await spare.begin();
            //  Not by expect().rejects: that keeps every error until the test ends, and all that an error holds on to.
            const creating = rejected(RemapTarget.create({ ...options, force: true }));
            expect(await creating).toMatchObject({ code: 'ERR_COMMIT_PARTIAL' });
            await spare.end();
          },
        }[main.trouble];
        await staysFlat(main.trouble === 'none' ? share(engine) : Math.ceil(cycles / 10), cycle);
        await expectNothingLeft(main.path, spare.path);
      },
    );
  });
}

/** All of them with the engine that is taken by itself. */
const share = (engine: string) => (engine === engineNames[0] ? cycles : Math.ceil(cycles / 10));
