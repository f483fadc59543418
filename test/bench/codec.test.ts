// `node bench/codec.mjs`: the shape of what it says, never its speed.
import { expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { expectWhole } from './harness.js';

const folder = scratchFolder();

test('encoding, decoding, electing and the update are measured, with 0 to 2,048 entries', async () => {
  const { benchmarks, engine } = await expectWhole('codec', folder);
  expect(engine).toBeNull();
  expect(benchmarks[0]?.groups.map(({ name, sides }) => [name, ...sides.map((side) => side.name)])).toEqual([
    ...[0, 100, 2048].map((entries) => [`whole-${entries}`, 'encode', 'decode', 'checksum']),
    ...[0, 100, 2048].map((entries) => [`judge-${entries}`, 'elect', 'examine']),
    ...[1, 100, 2048].map((entries) => [`one-more-${entries}`, 'update', 'encode five']),
  ]);
}, 180_000);
