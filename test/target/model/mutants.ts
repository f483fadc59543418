// Faults put into the life of a target on purpose: the model has to find each.
import type { Mutant } from '../../support/mutants.js';

export const mutants: readonly Mutant[] = [
  {
    name: 'the entry does not wait for its data',
    file: 'target/remap-work.js',
    piece: 'const [failed] = await spare.write(place, block.bytes, { signal }, effects);',
    instead: 'const [failed] = (spare.write(place, block.bytes, { signal }, effects).catch(() => {}), []);',
  },
  {
    name: 'the data of an entry is not durable',
    file: 'target/remap-work.js',
    piece: 'spare.write(place, block.bytes, { signal }, effects)',
    instead: 'spare.write(place, block.bytes, { signal, durable: false }, effects)',
  },
  {
    name: 'acknowledged before the entry is durable',
    file: 'target/remap-work.js',
    piece: 'await this.#parts.sync.whenClean(signal);',
    instead: 'this.#parts.sync.whenClean(signal).catch(() => {});',
  },
  {
    name: 'a pending block is read from its new place',
    file: 'target/target-io.js',
    piece: "piece.place === 'pending' ? pending.get(piece.original)?.before : undefined",
    instead: 'undefined',
  },
  {
    name: 'a pending block is written to its old place',
    file: 'target/pieces.js',
    piece: "const marked = device === 'main' ? suspects : pending;",
    instead: "const marked = device === 'main' ? suspects : new Map();",
  },
  {
    name: 'pending no more after any commit',
    file: 'target/activity.js',
    piece: "if (error.finds === 'new')",
    instead: '',
  },
  {
    name: 'a write does not lock its sectors',
    file: 'target/target-io.js',
    piece: 'lock.acquire(first, first + BigInt(count), true, signal)',
    instead: 'lock.acquire(first, first + BigInt(count), false, signal)',
  },
  {
    name: 'a read overtakes the write before it',
    file: 'target/range-lock.js',
    piece: '!(exclusive || other.exclusive)',
    instead: '!exclusive',
  },
  {
    name: 'a place is given back with a write in flight there',
    file: 'target/remap-work.js',
    piece: 'error.whenDrained(() => table.release(place));',
    instead: 'table.release(place);',
  },
  {
    name: 'a place is not given back after an abort',
    file: 'target/remap-work.js',
    piece: 'error.whenDrained(() => table.release(place));',
    instead: '',
  },
  {
    name: 'the old place of a block is free while the disk may point to it',
    file: 'target/remap-work.js',
    piece: 'table.reserve(old);',
    instead: ';',
  },
  {
    name: 'a write that fails is remapped although it is to be reported',
    file: 'target/target-io.js',
    piece: "if (policy.onWriteError === 'report')",
    instead: 'if (false)',
  },
  {
    name: 'suspects are ignored',
    file: 'target/pieces.js',
    piece: "const marked = device === 'main' ? suspects : pending;",
    instead: "const marked = device === 'main' ? new Set() : pending;",
  },
  {
    name: 'a block that waits for its place does not count',
    file: 'target/target-io.js',
    piece: "effects.wrote('untouched');",
    instead: '',
  },
  {
    name: 'data without its entry counts as written',
    file: 'target/remap-work.js',
    piece:
      "catch (error) {\n            // The entry can be on the disk, now or later, and with it the data.\n            effects.wrote('unknown');",
    instead: 'catch (error) {',
  },
  {
    name: 'data that is there counts as written before its entry is',
    file: 'target/remap-work.js',
    piece:
      "if (!(error instanceof OperationError && error.outcome === 'untouched'))\n                effects.wrote('unknown');",
    instead: '',
  },
  {
    name: 'clean although the table was changed during the commit',
    file: 'target/sync-work.js',
    piece:
      'this.#durable = change;\n            for (const waiter of this.#waiters)\n                if (waiter.change <= change)',
    instead: 'this.#durable = this.#changed;\n            for (const waiter of this.#waiters)\n',
  },
  {
    name: 'a commit that was given up is not in flight',
    file: 'target/activity.js',
    piece: 'inFlight.note(error);',
    instead: '',
  },
  {
    name: 'a block is moved with a write in flight on main',
    file: 'target/target-io.js',
    piece: 'if (main.isUnsettled(original, blockSectors))',
    instead: 'if (false)',
  },
  {
    name: 'what is read instead of zeros is lost',
    file: 'target/target-io.js',
    piece:
      'if (failed !== undefined)\n                    await remap.place([{ original, bytes: bytes.fill(0) }]',
    instead:
      'bytes.fill(0);\n                if (failed !== undefined)\n                    await remap.place([{ original, bytes }]',
  },
  {
    name: 'a flush leaves the spare out',
    file: 'target/target-io.js',
    piece: 'await allOf([main, spare].map((medium) => medium.flush(effects, signal)));',
    instead: 'await main.flush(effects, signal);',
  },
  {
    name: 'resumed with something in flight',
    file: 'target/life-cycle.js',
    piece: 'if (inFlight.size > 0) {',
    instead: 'if (false) {',
  },
];
