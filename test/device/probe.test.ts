// Trying an engine out: it says whether it works, and nothing of it stays.
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { hostFacts, probeEngine } from '../../lib/device/host.js';
import { nativeUsage } from '../../lib/device/native.js';

const descriptors = () => readdirSync('/proc/self/fd').length;

it.each(engineNames)('%s can be tried any number of times: nothing of it stays', async (name) => {
  const nothing = { operations: 0, inFlight: 0, requests: 0, slabPages: 0 };
  expect(nativeUsage()).toEqual(nothing);
  const before = descriptors();
  //  More than there may be contexts of AIO by default: 65536 events, 512 each.
  for (let round = 0; round < 150; round++) expect(probeEngine(name)).toBe(undefined);
  //  Without a thread there is nothing to wait for.
  if (name !== 'threads') expect(descriptors()).toBe(before);
  //  A thread that is told to end takes its descriptor with it when it does; else this ends in the time limit.
  while (descriptors() > before) await new Promise(setImmediate);
  expect(nativeUsage()).toEqual(nothing);
});

it('the facts of this host are found', () => {
  //  Not there in every kernel, or cgroup.
  const { pids, ioUringDisabled = 0, ioUringGroup = -1, aio, ...facts } = hostFacts();
  expect(Object.entries(facts).filter(([, value]) => value === undefined)).toEqual([]);
  expect([0, 1, 2]).toContain(ioUringDisabled);
  expect(Number.isInteger(ioUringGroup)).toBe(true);
  expect(facts).toMatchObject({ seccompFilter: expect.any(Boolean), openFiles: expect.any(Number) });
  if (pids !== undefined) expect(pids.current).toBeGreaterThan(0);
  if (aio !== undefined) expect(aio.max).toBeGreaterThanOrEqual(aio.taken);
});
