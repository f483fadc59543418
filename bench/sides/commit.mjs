// Room: bench. Commits of a table: by our store, and as a program writes them that has nothing but Node.js.
import { promises } from 'node:fs';
import {
  blankMetadata,
  encodeCopy,
  geometries,
  MemoryDevice,
  MetadataStore,
  openDevice,
  RemapTable,
  sector,
  unixSeconds,
  withEntries,
} from '../../dist/index.js';
import { Stretches } from '../frame/latencies.mjs';
import { blockBytes } from '../frame/ours.mjs';
import { PlacedDevice } from '../frame/placed-device.mjs';

const sizes = { mainSectors: sector(2n ** 32n), spareSectors: sector(2n ** 24n) };
const structureBlocksBytes = Math.ceil(84_288 / blockBytes) * blockBytes;

const original = (number) => number * 8;

function fill(table, entries) {
  for (let number = 0; number < entries; number++) table.add(original(number));
}

/**
 * What is changed before each commit.
 * one: a remap is added, and the table grows from `from` to `to` entries.
 * all: the first remap is taken out and another one added. All others move up, so every entry on the disk changes.
 */
const changes = {
  one: (table) => {
    let added = table.size;
    return () => table.add(original(added++));
  },
  all: (table) => {
    let removed = 0;
    let added = table.size;
    return () => {
      table.remove(original(removed++));
      table.add(original(added++));
    };
  },
};

/** Whether the table takes another change: one that grows must not grow beyond its end. */
const hasRoom = ({ change, to }, table) => change === 'all' || table.size < to;

async function storeWith(device, entries) {
  const store = await MetadataStore.create(device, { ...sizes, force: true });
  fill(store.table, entries);
  await store.commit();
  return store;
}

/** One stretch of commits, on a table of its own. */
async function commits(device, job, stretches, goesOn) {
  const store = await storeWith(device, job.from);
  try {
    const { table } = store;
    const change = changes[job.change](table);
    const operate = async () => {
      change();
      await store.commit();
    };
    const before = device.written;
    await stretches.run(job.callers, operate, (elapsedMs) => goesOn(elapsedMs) && hasRoom(job, table));
    return device.written - before;
  } finally {
    await store.close();
  }
}

/** A device is held exclusively, so each round opens it: in no figure. */
const dmremap = ({ path, firstBlock, ...job }) => ({
  async measure(ms) {
    const opened = await openDevice(path, { mode: 'write' });
    try {
      const device = new PlacedDevice(opened, firstBlock * blockBytes);
      const stretches = new Stretches();
      const goesOn = (elapsedMs) => elapsedMs < ms;
      let written = 0;
      while (goesOn(stretches.elapsedMs)) written += await commits(device, job, stretches, goesOn);
      return { ...stretches.sample(), written: written / stretches.done };
    } finally {
      await opened.close();
    }
  },
});

/** What the last commit of a stretch writes: in phases, each of writes of `{ offset, length }`. */
export async function phasesOf(job) {
  const device = new PlacedDevice(new MemoryDevice(2 ** 20, { logicalBlockSize: blockBytes }), 0);
  const stretches = new Stretches();
  await commits(device, job, stretches, () => job.change === 'one' || stretches.done === 0);
  return device.lastGroups.map((steps) =>
    steps.map(({ offset, bytes }) => ({ offset: Number(offset), length: bytes.length })),
  );
}

/**
 * All of each copy, one copy after the other, each made durable before the next is begun: how it is written by who wants to lose
 * nothing, and knows neither what has changed nor how to write around the page cache.
 */
const wholeCopies = ({ path, firstBlock, ...job }) => ({
  async measure(ms) {
    const file = await promises.open(path, 'r+');
    try {
      const stretches = new Stretches();
      while (stretches.elapsedMs < ms) {
        const table = new RemapTable(sizes);
        fill(table, job.from);
        const change = changes[job.change](table);
        let metadata = blankMetadata({ ...sizes, timestampSeconds: now(), sequence: 0n });
        const operate = async () => {
          change();
          const sequenceNumber = metadata.header.sequenceNumber + 1n;
          metadata = withEntries(metadata, [...table], { sequenceNumber, timestampSeconds: now() });
          for (const [copy, offset] of geometries.driver.slots.entries()) {
            const bytes = encodeCopy(metadata, copy).subarray(0, structureBlocksBytes);
            await writeWhole(file, bytes, firstBlock * blockBytes + Number(offset));
            await file.datasync();
          }
        };
        await stretches.run(1, operate, (elapsedMs) => elapsedMs < ms && hasRoom(job, table));
      }
      return { ...stretches.sample(), written: geometries.driver.slots.length * structureBlocksBytes };
    } finally {
      await file.close();
    }
  },
});

const now = () => unixSeconds(Math.floor(Date.now() / 1000));

async function writeWhole(file, bytes, offset) {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, offset);
  if (bytesWritten !== bytes.length) throw new Error(`${bytesWritten} of ${bytes.length} bytes were written`);
}

export const sides = { dmremap, 'whole copies': wholeCopies };
