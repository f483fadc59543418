// Random histories, and what has to hold at the end of each: everything settles once the devices are honest, nothing is left,
// and what was promised is there, before and after a power cut.
import fc from 'fast-check';
import type { RemapTarget } from '../../../lib/target/remap-target.js';
import { listTargets } from '../../../lib/target/remap-target.js';
import { commands } from './commands.js';
import { type Config, config } from './config.js';
import { Violation } from './expected.js';
import { blocksIn } from './judge.js';
import * as operations from './operations.js';
import { World } from './world.js';

export interface Replay {
  readonly seed: number;
  readonly path: string;
  /** Of the commands: what fast-check calls replayPath. */
  readonly commands: string;
}

/** @returns what is wrong, with the shortest history that shows it and how to run it again; undefined where nothing is. */
export async function runHistories(
  count: number,
  options: {
    readonly seed?: number | undefined;
    readonly replay?: Replay | undefined;
    readonly shrink?: boolean;
  } = {},
): Promise<string | undefined> {
  const { replay, shrink = true } = options;
  const history = fc.commands(commands, {
    maxCommands: 50,
    size: 'max',
    ...(replay === undefined ? {} : { replayPath: replay.commands }),
  });
  const property = fc.asyncProperty(config, history, runOne);
  const seed = replay?.seed ?? options.seed;
  const details = await fc.check(property, {
    numRuns: count,
    endOnFailure: !shrink,
    ...(seed === undefined ? {} : { seed }),
    ...(replay === undefined ? {} : { path: replay.path }),
  });
  if (!details.failed) return undefined;
  const [of, ran] = details.counterexample ?? [];
  const text = String(ran);
  const again = {
    seed: details.seed,
    path: details.counterexamplePath,
    commands: /replayPath="([^"]*)"/.exec(text)?.[1],
  };
  const lines = text.replace(/\/\*.*\*\//, '').split(/,(?=\S)/);
  const why =
    details.errorInstance instanceof Error ? details.errorInstance : new Error(String(details.errorInstance));
  return [
    why.message,
    `  on ${JSON.stringify(of)}, after ${details.numRuns} histories and ${details.numShrinks} steps of shrinking:`,
    ...lines.map((line) => `    ${line.trim()}`),
    `  run it again with DMREMAP_REPLAY='${JSON.stringify(again)}'`,
    ...(why instanceof Violation ? [] : [why.stack ?? '']),
  ].join('\n');
}

async function runOne(config: Config, history: Iterable<fc.AsyncCommand<World, World>>): Promise<void> {
  const world = await World.boot(config);
  try {
    await fc.asyncModelRun(() => ({ model: world, real: world }), history);
    await conclude(world);
  } finally {
    await world.dispose();
  }
}

async function conclude(world: World): Promise<void> {
  const { end } = world.config;
  if (end !== 'at once') await drain(world);
  if (end !== 'in order') await world.powerCut();
  else if (world.target?.state !== 'active') await activate(world);
  await isInOrder(world);
  await everything(world);
  if (end === 'in order') {
    await fill(world);
    await world.powerCut();
    operations.read(world, 0, world.shape.sectors);
    await world.quiet();
  }
  operations.destroy(world);
  await world.quiet();
  if (listTargets().length > 0) throw new Violation('a target is listed after its end');
}

/** Everything settles when the devices are honest and time passes. */
async function drain(world: World): Promise<void> {
  const { disks, clock } = world;
  disks.heal('all', world.next());
  for (const side of ['main', 'spare'] as const) disks.release(side);
  for (let round = 0; round < 8 && (world.running.size > 0 || clock.size > 0); round++) {
    await world.quiet();
    world.abortedAt = world.next();
    clock.pass(1000);
  }
  await world.quiet();
  const [stuck] = world.running;
  if (stuck !== undefined) throw new Violation(`${stuck.kind} ${stuck.order} never settles`);
  if (world.undrained > 0) throw new Violation(`${world.undrained} rejections are never drained`);
}

/** Whatever the target has come to, it can be active again. */
async function activate(world: World): Promise<void> {
  if (world.target?.state === 'destroyed') operations.open(world);
  else operations.resume(world, 'reject');
  await world.quiet();
  if (world.target?.state !== 'active') throw new Violation('the target does not become active again');
}

/** Nothing is under way, and what was changed becomes durable. */
async function isInOrder(world: World): Promise<void> {
  const { order } = operations.sync(world);
  await world.quiet();
  // A slot that could not be read is left alone until the table is read again.
  if (world.disks.had(world.activeSince, ({ side, on }) => side === 'spare' && on === 'read')) return;
  const { requests, inFlight, pendingBlocks, sync } = (world.target as RemapTarget).status();
  if (requests + inFlight + pendingBlocks > 0 || sync?.dirty) {
    const left = { requests, inFlight, pendingBlocks, dirty: sync?.dirty };
    throw new Violation(`after sync ${order} there is left: ${JSON.stringify(left)}`, {
      cause: sync?.lastError,
    });
  }
}

/** Every sector is read with what it may hold, can be written, and then holds that. */
async function everything(world: World): Promise<void> {
  const { sectors } = world.shape;
  operations.read(world, 0, sectors);
  operations.write(world, 0, sectors, { durable: true, unsettled: 'reject' });
  operations.read(world, 0, sectors);
  await world.quiet();
}

/** What no block has is free: as many remaps succeed as there is room for. */
async function fill(world: World): Promise<void> {
  const { places, placesOfBlock, room, sectors, blockSectors } = world.shape;
  const lost = world.disks.spare.failedData + world.places.left;
  const free = Math.min(places / placesOfBlock - lost, room) - blocksIn(world);
  const taken = new Set(
    (world.target as RemapTarget).entries().map(({ originalSector }) => Number(originalSector)),
  );
  const blocks = Array.from({ length: sectors / blockSectors }, (_, block) => block * blockSectors);
  const others = blocks.filter((block) => !taken.has(block));
  for (const block of others.slice(0, Math.max(0, free))) operations.remap(world, block);
  await world.quiet();
}
