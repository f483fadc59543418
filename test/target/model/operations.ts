// The calls of a history, and what their settlements mean to the model.
import { OperationError, type Outcome } from '../../../lib/base/errors.js';
import { TargetError } from '../../../lib/target/effects.js';
import type { RemapTarget } from '../../../lib/target/remap-target.js';
import { type View, Violation } from './expected.js';
import { judgeError, judgeSectors, mayFail } from './judge.js';
import { bytesOf, valueIn } from './values.js';
import type { Operation, World } from './world.js';

const noSectors = [0, 0] as const;
const target = (world: World): RemapTarget => world.target as RemapTarget;

export interface WriteOptions {
  readonly durable: boolean;
  readonly unsettled: 'reject' | 'wait';
}

export function write(world: World, first: number, count: number, options: WriteOptions): Operation {
  const { expected } = world;
  const { durable } = options;
  const order = world.now + 1;
  const learn = (outcome: Outcome) => {
    if (outcome === 'untouched') expected.untouched(order, first, count);
    if (outcome === 'written') expected.written(order, first, count, durable, true);
  };
  expected.begin(order, first, count, durable);
  return world.follow(
    'write',
    [first, count],
    () => target(world).write(first, bytesOf(order, first, count), options),
    {
      done: () => {
        expected.written(order, first, count, durable);
        for (const [block, since] of world.suspects) {
          if (since > order || block < first || block >= first + count) continue;
          world.suspects.delete(block);
          world.mapped.add(block);
        }
      },
      failed: (error, operation) => {
        judgeError(world, operation, error);
        if (!(error instanceof OperationError))
          throw new Violation(`write ${order} does not say what it did`, { cause: error });
        learn(error.outcome);
        if (error.outcome === 'unknown') world.drain(error.drained, learn);
        if (!(error instanceof TargetError)) return;
        judgeSectors(world, operation, error.sectors, (block) => {
          const suspect = world.config.onReadError === 'remap-on-write' && mayFail(world, 0, block, 'read');
          return suspect || mayFail(world, order, block, 'write');
        });
      },
    },
  );
}

export function read(world: World, first: number, count: number): Operation {
  const { expected, config, shape } = world;
  const zeroing = config.onReadError === 'remap-zero' ? expected.mayZero(first, count) : undefined;
  const view = expected.view(world.now + 1, first, count, zeroing !== undefined);
  const end = ({ order }: Operation) => {
    expected.end(view);
    world.look();
    const blockOf = (sector: number) => sector - (sector % shape.blockSectors);
    zeroing?.((sector) => mayFail(world, order, blockOf(sector), 'read'), world.next());
  };
  return world.follow('read', [first, count], () => target(world).read(first, count), {
    done: (bytes, operation) => {
      saw(view, bytes, count, () => false);
      end(operation);
    },
    failed: (error, operation) => {
      end(operation);
      judgeError(world, operation, error);
      if (error.code !== 'ERR_IO' || !(error instanceof TargetError)) return;
      const { order } = operation;
      if (error.bytes === undefined) throw new Violation(`read ${order} keeps what could be read`);
      const may = (block: number) => mayFail(world, order, block, 'read');
      const blocks = new Set(judgeSectors(world, operation, error.sectors, may));
      if (blocks.size === 0) throw new Violation(`read ${order} does not say what cannot be read`);
      if (config.onReadError === 'remap-on-write')
        for (const block of blocks) world.suspects.set(block, world.now);
      saw(view, error.bytes, count, (sector) => blocks.has(sector - (sector % shape.blockSectors)));
    },
  });

  function saw(view: View, bytes: Uint8Array, count: number, without: (sector: number) => boolean): void {
    if (bytes.length !== count * 512)
      throw new Violation(`a read of ${count} sectors has ${bytes.length} bytes`);
    for (let at = 0; at < count; at++) {
      const sector = view.first + at;
      if (!without(sector)) expected.saw(view, at, valueIn(bytes, at, sector));
    }
  }
}

export function remap(world: World, sector: number): Operation {
  const { blockSectors } = world.shape;
  const block = sector - (sector % blockSectors);
  return world.follow('remap', [block, blockSectors], () => target(world).remap(sector), {
    done: () => void world.mapped.add(block),
    failed: (error, operation) => {
      world.look();
      judgeError(world, operation, error);
      if (!(error instanceof OperationError))
        throw new Violation(`remap ${operation.order} does not say what it did`, { cause: error });
      if (error instanceof TargetError) {
        judgeSectors(world, operation, error.sectors, (at) => mayFail(world, operation.order, at, 'read'));
      }
    },
  });
}

export function sync(world: World): Operation {
  const originals = target(world)
    .entries()
    .map(({ originalSector }) => Number(originalSector));
  return world.follow('sync', noSectors, () => target(world).sync(), {
    done: () => {
      for (const original of originals) {
        if (original < world.shape.sectors && original % world.shape.blockSectors === 0)
          world.mapped.add(original);
      }
    },
    failed: (error, operation) => judgeError(world, operation, error),
  });
}

export function flush(world: World): Operation {
  const told = world.expected.told();
  return world.follow('flush', noSectors, () => target(world).flush(), {
    done: () => world.expected.flushed(told),
    failed: (error, operation) => judgeError(world, operation, error),
  });
}

export function presuspend(world: World): Operation {
  return world.follow('presuspend', noSectors, () => leave(world, () => target(world).presuspend()), {
    done: () => afterLeaving(world),
    failed: (error, operation) => judgeError(world, operation, error),
  });
}

export function destroy(world: World): Operation {
  const ended = target(world);
  world.destroyedAt = world.next();
  return world.follow('destroy', noSectors, () => leave(world, () => ended.destroy()), {
    done: () => {
      afterLeaving(world);
      if (ended.state !== 'destroyed') throw new Violation(`a target that was destroyed is ${ended.state}`);
    },
    failed: (error, operation) => judgeError(world, operation, error),
  });
}

function leave<T>(world: World, call: () => Promise<T>): Promise<T> {
  const promise = call();
  for (const operation of world.running) if (operation.kind !== 'open') operation.ending = true;
  world.inactiveAt = world.abortedAt = world.next();
  return promise;
}

/** What was under way when the target left `active` has settled before the call that made it leave. */
function afterLeaving(world: World): void {
  const { requests, inFlight, remaps } = target(world).status();
  if (target(world).state === 'active') return;
  if (requests + remaps > 0)
    throw new Violation(`${requests} requests, ${remaps} remaps after the target was left`);
  if (inFlight === 0 && world.isUnsettled && !world.inherited)
    throw new Violation('a write is in flight that the target does not tell of');
}

export function resume(world: World, unsettled: 'reject' | 'wait'): Operation {
  const wasActive = target(world).state === 'active';
  return world.follow('resume', noSectors, () => target(world).resume({ unsettled }), {
    done: (_, { order }) => {
      if (!wasActive || world.inactiveAt > order) world.becameActive();
    },
    failed: (error, operation) => judgeError(world, operation, error),
  });
}

/** A new target, on the same disks. */
export function open(world: World): Operation {
  return world.follow('open', noSectors, () => world.open(), {
    done: (target) => {
      world.destroyedAt = 0;
      world.took(target);
    },
    failed: (error, operation) => judgeError(world, operation, error),
  });
}
