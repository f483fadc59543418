// Processes and workers that end with live targets: how they end, and whether they do.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { engineNames, guaranteesOf } from '../../dist/device/engines.js';
import { RemapTarget } from '../../dist/index.js';
import { inTime, using, whenFree } from '../removal/waits.mjs';

const root = join(import.meta.dirname, '../..');
const statuses = { exit: 3, terminate: 4 };

export function ends({ fixtures, quick, say }) {
  const count = quick ? 5 : 50;
  const names = Array.from({ length: count }, (_, index) => [`main-${index}`, `spare-${index}`]);
  const sizes = names.flatMap(([main, spare]) => [
    [main, 64 * 1024],
    [spare, 704 * 1024],
  ]);
  return using([() => fixtures.stuckFile({ beside: Object.fromEntries(sizes) })], async (disks) => {
    const pairs = names.map(([main, spare]) => ({ main: disks.pathOf(main), spare: disks.pathOf(spare) }));
    for (const pair of pairs) await (await RemapTarget.create(pair)).destroy();
    const total = { exits: 0, hangs: 0, unclean: 0 };
    for (const engine of engineNames) {
      for (const end of Object.keys(statuses)) {
        say(`${count} live targets, devices that hang, ${end}, ${engine}`);
        await endOne(disks, pairs, engine, end, total);
      }
    }
    return total;
  });
}

async function endOne(disks, pairs, engine, end, total) {
  const paths = pairs.flatMap(({ main, spare }) => [main, spare]);
  // Its number is also the sector that it remaps: each time another.
  const words = [join(root, 'dist'), engine, end, String(++total.exits), ...paths];
  const child = fork(join(root, 'test/fixtures/live-targets.mjs'), words, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  const exit = once(child, 'exit');
  const said = text(child.stderr);
  await once(child, 'message');
  await disks.stall('write');
  child.send('go');
  await disks.held(paths.length, 'write');
  child.send('end');
  if (guaranteesOf(engine).leavesWhileStuck && !(await inTime(exit))) total.hangs++;
  await disks.pass();
  await disks.release();
  if (!(await inTime(exit))) {
    total.hangs++;
    child.kill('SIGKILL');
  }
  const [status, signal] = await exit;
  if (status !== statuses[end] || signal !== null || (await said) !== '') total.unclean++;
  for (const pair of pairs) await (await whenFree(() => RemapTarget.open(pair))).destroy();
}
