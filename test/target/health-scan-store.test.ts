// A scan of a spare whose copies rot: what its scrub finds is mended by the commit that it asks for.
import { expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { HealthScan } from '../../lib/target/health-scan.js';
import { drawWord } from '../support/draw.js';
import { drawnDevice, offsetOf, openStore } from '../support/spare.js';

it('the copies are mended by the commit that a scan asks for', async () => {
  const device = new LyingDevice(drawnDevice('7 7 7 7 7').bytes);
  const store = await openStore(device);
  const commits: Promise<unknown>[] = [];
  const scan = new HealthScan({
    sectors: 0n,
    read: async () => {},
    scrub: (signal) => store.scrub({ signal }),
    repair: () => commits.push(store.commit()),
  });
  await device.write(offsetOf(1), drawWord('g') as Uint8Array);
  device.lay(
    { fault: 'error', errno: 'EIO' },
    { on: 'read', range: { offset: offsetOf(4), length: slotBytes } },
  );
  await scan.scanOnce();
  await Promise.all(commits);
  expect(commits.length).toBe(1);
  device.liftAll();
  await scan.scanOnce();
  expect(commits.length).toBe(1);
  expect(scan.progress.lastScrub?.copies.map(({ state }) => state)).toEqual(Array(5).fill('intact'));
});

it('a stop ends a scrub whose reads hang, and leaves the turn to the next commit', async () => {
  const device = drawnDevice('7 7 7 7 7');
  const store = await openStore(device);
  const scan = new HealthScan({
    sectors: 0n,
    read: async () => {},
    scrub: (signal) => store.scrub({ signal }),
    repair: () => {},
  });
  device.stall();
  scan.start();
  const commit = store.commit();
  scan.stop();
  device.resume();
  expect(await commit).toMatchObject({ sequence: 8n, degraded: [] });
});
