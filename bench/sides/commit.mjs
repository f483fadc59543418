// Room: bench. Commits of a table: by our store, and as a program writes them that has nothing but Node.js.
import { promises } from 'node:fs';
import {
  blankMetadata,
  encodeCopy,
  geometries,
  MemoryDevice,
  MetadataStore,
  RemapTable,
  sector,
  unixSeconds,
  withEntries,
} from '../../dist/index.js';
import { heldDevice } from '../frame/held-device.mjs';
import { roundOf, Stretches, settledRound } from '../frame/latencies.mjs';
import { blockBytes } from '../frame/ours.mjs';
import { PlacedDevice } from '../frame/placed-device.mjs';

const sizes = { mainSectors: sector(2n ** 32n), spareSectors: sector(2n ** 24n) };
const structureBlocksBytes = Math.ceil(84_288 / blockBytes) * blockBytes;

const original = (number) => number * 8;

function fill(table, entries) {
  for (let number = 0; number < entries; number++) table.add(original(number));
}

/**
 * What is changed before each commit of a table of so many entries.
 * one: the last remap is taken out, or added again.
 * all: the first remap is taken out and another one added. All others move up, so every entry on the disk changes.
 * filled: a remap is added. The table is empty at first, and made anew where it is full.
 */
const changes = {
  one: (table, entries) => () => {
    if (table.size === entries) table.remove(original(entries - 1));
    else table.add(original(entries - 1));
  },
  all: (table, entries) => {
    let removed = 0;
    let added = entries;
    return () => {
      table.remove(original(removed++));
      table.add(original(added++));
    };
  },
  filled: (table) => () => table.add(original(table.size)),
};

/** A store with a table for these changes, and what one operation is: a change and its commit. */
async function begun(device, { change, entries }) {
  const store = await MetadataStore.create(device, { ...sizes, force: true });
  const { table } = store;
  if (change !== 'filled') fill(table, entries);
  await store.commit();
  const step = changes[change](table, entries);
  return {
    store,
    isFull: () => table.size >= entries,
    operate: async () => {
      step();
      await store.commit();
    },
  };
}

/** A round of one store, which goes on. The first half is in no figure. */
async function steady(device, job, ms) {
  const { store, operate } = await begun(device, job);
  try {
    await roundOf(ms, job.callers, operate);
    const before = device.written;
    const stretches = new Stretches();
    await stretches.run(job.callers, operate, (elapsedMs) => elapsedMs < ms);
    return { ...stretches.sample(), written: (device.written - before) / stretches.done };
  } finally {
    await store.close();
  }
}

/** A round in which table after table is filled. What lies between them is in no figure. */
async function filling(device, job, ms) {
  const stretches = new Stretches();
  let written = 0;
  while (stretches.elapsedMs < ms) {
    const { store, operate, isFull } = await begun(device, job);
    try {
      const before = device.written;
      await stretches.run(job.callers, operate, (elapsedMs) => elapsedMs < ms && !isFull());
      written += device.written - before;
    } finally {
      await store.close();
    }
  }
  return { ...stretches.sample(), written: written / stretches.done };
}

const round = (device, job, ms) => (job.change === 'filled' ? filling : steady)(device, job, ms);

/** A device that answers at once. */
const memory = () => new PlacedDevice(new MemoryDevice(2 ** 20, { logicalBlockSize: blockBytes }), 0);

const dmremap = ({ path, firstBlock, ...job }) => {
  let isCold = true;
  return {
    async measure(ms) {
      // The warm-up. V8 compiles what ran some ten thousand times: a device takes longer for that than anybody waits.
      if (isCold) await round(memory(), job, ms);
      isCold = false;
      // It is held exclusively, so each round opens it: in no figure.
      const opened = await heldDevice(path, { mode: 'write' });
      try {
        return await round(new PlacedDevice(opened, firstBlock * blockBytes), job, ms);
      } finally {
        await opened.close();
      }
    },
  };
};

/** What a commit of the job writes: in phases, each of writes of `{ offset, length }`. */
export async function phasesOf(job) {
  const device = memory();
  const { store, operate } = await begun(device, job);
  await operate();
  await store.close();
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
      const table = new RemapTable(sizes);
      fill(table, job.entries);
      const step = changes[job.change](table, job.entries);
      let metadata = blankMetadata({ ...sizes, timestampSeconds: now(), sequence: 0n });
      const operate = async () => {
        step();
        const sequenceNumber = metadata.header.sequenceNumber + 1n;
        metadata = withEntries(metadata, [...table], { sequenceNumber, timestampSeconds: now() });
        for (const [copy, offset] of geometries.driver.slots.entries()) {
          const bytes = encodeCopy(metadata, copy).subarray(0, structureBlocksBytes);
          await writeWhole(file, bytes, firstBlock * blockBytes + Number(offset));
          await file.datasync();
        }
      };
      const sample = await settledRound(ms, 1, operate);
      return { ...sample, written: geometries.driver.slots.length * structureBlocksBytes };
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
