// What can happen in a history. Each command lets some turns of the event loop go by, so that what it starts is cut short by
// the next one anywhere.
import fc from 'fast-check';
import type { Fault, InFlight } from '../../../lib/device/lying-device.js';
import type { StepKind } from '../../../lib/device/request.js';
import { turns } from './clock.js';
import { firstFree } from './config.js';
import { firstPlace, placeSectors, type Side } from './disks.js';
import * as operations from './operations.js';
import type { World } from './world.js';

export type Command = fc.AsyncCommand<World, World, false>;

const always = () => true;
const hasTarget = ({ target, running }: World) =>
  target !== undefined && running.size < 8 && ![...running].some(({ kind }) => kind === 'open');

/** Most calls are made while they can succeed. */
const anyway = fc.integer({ min: 0, max: 9 }).map((draw) => draw === 9);
const canCall = (anyway: boolean) => (world: World) =>
  hasTarget(world) && (anyway || world.target?.state === 'active');

/** @param after how many turns go by then; `quiet`: until nothing happens any more. */
function command(
  text: string,
  check: (world: World) => boolean,
  act: (world: World) => unknown,
  after: number | 'quiet',
): Command {
  return {
    check,
    run: async (_, world) => {
      await act(world);
      if (after === 'quiet') await world.quiet();
      else await turns(after);
      world.check();
    },
    toString: () => `${text}${after === 'quiet' ? '' : ` (${after} turns)`}`,
  };
}

const after = fc.oneof(
  { weight: 3, arbitrary: fc.constant('quiet' as const) },
  { weight: 4, arbitrary: fc.nat(6) },
  { weight: 1, arbitrary: fc.nat(30) },
);

/** Blocks: few of them mostly, so that histories collide. */
const block = fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(15) });
const range = fc.record({ block, blocks: fc.integer({ min: 1, max: 4 }) });
const sectorsOf = ({ shape }: World, { block, blocks }: { block: number; blocks: number }) => {
  const all = shape.sectors / shape.blockSectors;
  const first = Math.min(block, all - 1);
  return [first * shape.blockSectors, Math.min(blocks, all - first) * shape.blockSectors] as const;
};

const write = fc
  .record({
    range,
    durable: fc.oneof(
      { weight: 3, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) },
    ),
    unsettled: fc.constantFrom('reject' as const, 'wait' as const),
    anyway,
    after,
  })
  .map(({ range, durable, unsettled, anyway, after }) =>
    command(
      `write block ${range.block}+${range.blocks}${durable ? '' : ', not durable'}${unsettled === 'wait' ? ', waiting' : ''}`,
      canCall(anyway),
      (world) => operations.write(world, ...sectorsOf(world, range), { durable, unsettled }),
      after,
    ),
  );

const read = fc
  .record({ range, anyway, after })
  .map(({ range, anyway, after }) =>
    command(
      `read block ${range.block}+${range.blocks}`,
      canCall(anyway),
      (world) => operations.read(world, ...sectorsOf(world, range)),
      after,
    ),
  );

const remap = fc
  .record({ block, anyway, after })
  .map(({ block, anyway, after }) =>
    command(
      `remap block ${block}`,
      canCall(anyway),
      (world) => operations.remap(world, sectorsOf(world, { block, blocks: 1 })[0]),
      after,
    ),
  );

const simple = ({ name, act }: { name: string; act(world: World): unknown }) =>
  fc.record({ anyway, after }).map(({ anyway, after }) => command(name, canCall(anyway), act, after));

const resume = fc
  .record({ unsettled: fc.constantFrom('reject' as const, 'wait' as const), anyway, after })
  .map(({ unsettled, anyway, after }) =>
    command(
      unsettled === 'wait' ? 'resume, waiting' : 'resume',
      (world) =>
        hasTarget(world) &&
        ![...world.running].some(({ kind }) => kind === 'resume') &&
        (anyway || ['suspending', 'suspended'].includes(world.target?.state ?? '')),
      (world) => operations.resume(world, unsettled),
      after,
    ),
  );

const open = after.map((after) =>
  command(
    'open again',
    (world) => hasTarget(world) && world.target?.state === 'destroyed',
    operations.open,
    after,
  ),
);

const abort = fc.record({ which: fc.nat(7), after }).map(({ which, after }) =>
  command(
    `abort call ${which}`,
    ({ running }) => [...running].some(({ cancel }) => cancel !== undefined),
    (world) => {
      const running = [...world.running].filter(({ cancel }) => cancel !== undefined);
      const operation = running[which % running.length];
      if (operation === undefined) return; // It has settled meanwhile.
      operation.aborted = operation.ending = true;
      world.abortedAt = world.next();
      operation.cancel?.();
    },
    after,
  ),
);

const wait = after.map((after) => command('wait', always, () => {}, after));

const pass = fc.record({ ms: fc.constantFrom(4, 12, 60), after }).map(({ ms, after }) =>
  command(
    `${ms} ms pass`,
    ({ clock }) => clock.size > 0,
    (world) => {
      // A commit may be at its deadline.
      world.abortedAt = world.next();
      world.clock.pass(ms);
    },
    after,
  ),
);

// --- The devices

const side = fc.constantFrom<Side>('main', 'spare');
const slotSectors = firstPlace / 5;

interface Place {
  readonly text: string;
  readonly side: Side;
  readonly sectors: (world: World) => readonly [number, number];
}

const place: fc.Arbitrary<Place> = fc.oneof(
  {
    weight: 5,
    arbitrary: range.map((range) => ({
      text: `block ${range.block}+${range.blocks}`,
      side: 'main' as const,
      sectors: (world: World) => sectorsOf(world, range),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.record({ at: fc.nat(5), count: fc.integer({ min: 1, max: 4 }) }).map(({ at, count }) => ({
      text: `place ${at}+${count}`,
      side: 'spare' as const,
      sectors: ({ shape }: World) =>
        [firstPlace + (firstFree(shape) + at) * placeSectors, count * placeSectors] as const,
    })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom([0, 5], [0, 1], [1, 2], [2, 3]).map(([first, count]) => ({
      text: `copy ${first}+${count}`,
      side: 'spare' as const,
      sectors: () => [(first as number) * slotSectors, (count as number) * slotSectors] as const,
    })),
  },
);

const faults: Readonly<Record<Exclude<StepKind, 'flush'>, readonly Fault[]>> = {
  read: [
    { fault: 'error', errno: 'EIO' },
    { fault: 'error', errno: 'EIO' },
    { fault: 'short' },
    { fault: 'late' },
    { fault: 'error', errno: 'ENODEV' },
  ],
  write: [
    { fault: 'error', errno: 'EIO' },
    { fault: 'error', errno: 'EIO' },
    { fault: 'torn', atomicity: 512 },
    { fault: 'torn', atomicity: 4096 },
    { fault: 'short' },
    { fault: 'late' },
    { fault: 'late' },
    { fault: 'error', errno: 'ENOSPC' },
    { fault: 'error', errno: 'ENODEV' },
  ],
};
const wordOf = (fault: Fault) => (fault.fault === 'error' ? fault.errno : fault.fault);

const kindOfFault = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ on: fc.constant('read' as const), fault: fc.constantFrom(...faults.read) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ on: fc.constant('write' as const), fault: fc.constantFrom(...faults.write) }),
  },
);

const fail = fc
  .record({ kind: kindOfFault, place, often: fc.nat(2) })
  .map(({ kind: { on, fault }, place, often }) =>
    command(
      `${often === 2 ? `the next ${on} of ${place.text} is` : `${on}s of ${place.text} are`} ${wordOf(fault)}`,
      always,
      (world) => world.disks.lay(place.side, on, fault, place.sectors(world), world.next(), often === 2),
      0,
    ),
  );

const failFlush = fc.record({ side, late: fc.boolean() }).map(({ side, late }) =>
  command(
    `flushes of ${side} are ${late ? 'late' : 'EIO'}`,
    always,
    (world) => {
      const fault: Fault = late ? { fault: 'late' } : { fault: 'error', errno: 'EIO' };
      world.disks.lay(side, 'flush', fault, [0, 0], world.next());
    },
    0,
  ),
);

const heal = fc.oneof(fc.nat(5), fc.constant('all' as const)).map((which) =>
  command(
    which === 'all' ? 'all faults go' : `fault ${which} goes`,
    ({ disks }) => disks.laid.some(({ until }) => until === undefined),
    (world) => world.disks.heal(which, world.next()),
    0,
  ),
);

const stall = side.map((side) => command(`${side} stalls`, always, ({ disks }) => disks.stall(side), 0));

const release = fc
  .record({ side, count: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }), after })
  .map(({ side, count, after }) =>
    command(
      `${side} goes on${count === undefined ? '' : ` with ${count}`}`,
      ({ disks }) => disks.holding.has(side),
      ({ disks }) => disks.release(side, count),
      after,
    ),
  );

const inFlight = fc.array(fc.constantFrom<InFlight>('old', 'new', 'torn'), { maxLength: 4 });

const powerCut = fc
  .option(fc.record({ side, writes: fc.integer({ min: 1, max: 4 }), inFlight, wait: fc.nat(12) }), {
    nil: undefined,
  })
  .map((at) =>
    command(
      at === undefined
        ? 'power cut'
        : `power cut at write ${at.writes} of ${at.side}, in flight ${at.inFlight.join(' ') || 'torn'}, ${at.wait} turns later`,
      always,
      async (world) => {
        if (at !== undefined) {
          world.disks.cutAt(at.side, at.writes, at.inFlight, world.next());
          await turns(at.wait);
        }
        await world.powerCut();
      },
      0,
    ),
  );

export const commands: fc.Arbitrary<Command>[] = [
  ...Array.from({ length: 7 }, () => write),
  ...Array.from({ length: 4 }, () => read),
  ...Array.from({ length: 5 }, () => fail),
  ...Array.from({ length: 2 }, () => heal),
  ...Array.from({ length: 2 }, () => release),
  ...Array.from({ length: 2 }, () => abort),
  ...Array.from({ length: 3 }, () => resume),
  failFlush,
  remap,
  remap,
  simple({ name: 'sync', act: operations.sync }),
  simple({ name: 'flush', act: operations.flush }),
  simple({ name: 'presuspend', act: operations.presuspend }),
  simple({ name: 'destroy', act: operations.destroy }),
  open,
  open,
  open,
  pass,
  pass,
  pass,
  wait,
  stall,
  powerCut,
];
