// Again and again: what a process holds is the same after the last time as after the first tenth.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { nativeUsage } from '../../lib/device/native.js';

/** What a leak would raise: descriptors and rings, mappings, memory. */
const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  rss: process.memoryUsage.rss(),
});

/** Runs the cycles, and holds what is held after the last against what was after the first tenth. */
export async function staysFlat(cycles: number, cycle: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < cycles / 10; round++) await cycle();
  const before = held();
  for (let round = cycles / 10; round < cycles; round++) await cycle();
  const after = held();
  // Some are closed on a thread, and may be under way at either look; one leaked a cycle would be far more.
  expect(after.descriptors - before.descriptors).toBeLessThan(Math.max(8, cycles / 10));
  // The heap breathes, by some tens of MiB and more than a hundred mappings; one of either leaked a cycle would be far more.
  expect(after.mappings - before.mappings).toBeLessThan(Math.max(100, cycles / 4));
  expect(after.rss - before.rss).toBeLessThan(128 * 1024 * 1024);
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
}
