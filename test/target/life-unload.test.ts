// Unload with active targets: a process that exits, and a worker that is terminated, with 50 live targets, each with a write under
// way. io_uring leaves while the devices hang, and its writes keep every successor out until they have landed. The other engines
// leave as soon as the device answers, as their guarantees say.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineNames, guaranteesOf } from '../../lib/device/engines.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { whyNo } from '../stuck/reasons.js';
import { type StuckFile, stuckFile } from '../stuck/stuck-file.js';
import { whenStuck } from '../stuck/threads.js';
import { share } from '../support/tier.js';
import { sectors, whenFree } from './life-devices.js';

const script = join(import.meta.dirname, '../fixtures/live-targets.mjs');
const library = join(import.meta.dirname, '../../dist');
const count = 50;
const names = Array.from({ length: count }, (_, index) => [`main-${index}`, `spare-${index}`] as const);
const ends = [
  ['process.exit', 'exit', 3],
  ['worker.terminate', 'terminate', 4],
] as const;
const troubles = ['none', 'stuck', 'errors'] as const;
const titles = { none: 'healthy devices', stuck: 'devices that hang', errors: 'devices that return errors' };

const no = whyNo('stuckFile');
describe.skipIf(no !== undefined)(no ?? `unload with active targets, ${count} of them`, () => {
  let disks: StuckFile;
  /** The number of the row is what it writes. */
  let row = 0;
  const contents = new Map<string, Buffer>();
  const valuesOf = (found = sectors(8, 0)) => Array.from({ length: 8 }, (_, sector) => found[sector * 512]);
  const pair = ([main, spare]: readonly [string, string], engine?: (typeof engineNames)[number]) => ({
    main: disks.pathOf(main),
    spare: disks.pathOf(spare),
    engine,
  });
  beforeAll(async () => {
    const sizes = names.flatMap(([main, spare]) => [
      [main, 64 * 1024] as const,
      [spare, 704 * 1024] as const,
    ]);
    disks = await stuckFile({ beside: Object.fromEntries(sizes) });
    for (const name of names) await (await RemapTarget.create(pair(name))).destroy();
  });
  afterAll(() => disks?.[Symbol.asyncDispose]());

  const rows = troubles.flatMap((trouble) =>
    engineNames.flatMap((engine) =>
      ends.map(([title, end, status]) => [title, titles[trouble], engine, { trouble, end, status }] as const),
    ),
  );
  it.each(share(rows, 5))('%s, %s (%s)', async (_, __, engine, { trouble, end, status }) => {
    row++;
    const paths = names.flatMap((name) => [pair(name).main, pair(name).spare]);
    const words = [library, engine, end, String(row), ...paths];
    const child = fork(script, words, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], execArgv: [] });
    const exit = once(child, 'exit');
    const said = text(child.stderr as NonNullable<typeof child.stderr>);
    const hears = async (what: string) => {
      const ended = exit.then(async () => Promise.reject(new Error(`it ended: ${await said}`)));
      expect(await Promise.race([once(child, 'message'), ended])).toEqual([what, undefined]);
    };
    try {
      await hears('open');
      const before = (await disks.done(0)).length;
      if (trouble === 'stuck') await disks.stall('write');
      if (trouble === 'errors') await disks.fail('EIO', { kinds: ['write'] });
      child.send('go');
      await hears('busy');
      // One of each main, one of each spare.
      if (trouble === 'stuck') await disks.held(2 * count, 'write');
      if (trouble === 'errors') await disks.done(before + count, 'write');
      child.send('end');
      const leaves = trouble !== 'stuck' || guaranteesOf(engine).leavesWhileStuck;
      if (leaves) {
        expect(await exit).toEqual([status, null]);
        if (trouble === 'stuck') expect((await disks.status()).held).toBe(String(2 * count));
      } else {
        await whenStuck(1, child.pid);
        expect([child.exitCode, child.signalCode]).toEqual([null, null]);
      }
      if (trouble === 'stuck') {
        const [first] = names;
        const refused = { code: 'ERR_DEVICE_BUSY' };
        if (first) await expect(RemapTarget.open(pair(first))).rejects.toMatchObject(refused);
      }
    } finally {
      await disks.pass();
      await disks.release();
    }
    expect(await exit).toEqual([status, null]);
    expect(await said).toBe('');
    expect(existsSync(`/proc/${child.pid}`)).toBe(false);
    for (const [main, spare] of names) {
      const wasBefore = valuesOf(contents.get(main));
      await using target = await whenFree(() => RemapTarget.open(pair([main, spare], engine)));
      const found = Buffer.from(await target.read(0, 8));
      // What was stuck lands; of the others it is not known which did.
      for (let sector = 0; sector < 8; sector++) {
        const value = found[sector * 512] as number;
        expect(trouble === 'stuck' ? [row] : [wasBefore[sector], row]).toContain(value);
        expect(found.subarray(sector * 512, (sector + 1) * 512).equals(sectors(1, value))).toBe(true);
      }
      contents.set(main, found);
    }
  });
});
