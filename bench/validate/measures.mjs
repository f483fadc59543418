// What is measured and has no right answer: the cost of a target beside its device, and the three options beside each other.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice, RemapTarget } from '../../dist/index.js';
import { boundMs, options, removeOnce } from '../removal/compare.mjs';
import { using } from '../removal/waits.mjs';

const sorted = (values) => values.toSorted((a, b) => a - b);
/** @returns median, tenth and ninetieth percentile, and the greatest. */
function spread(values) {
  const all = sorted(values);
  const at = (share) => all[Math.min(all.length - 1, Math.floor(share * all.length))];
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: all.at(-1), count: all.length };
}

/**
 * Durable writes of 4 KiB through a target and through its own main device, in turns: the ratio of each pair of rounds. A loop
 * device over memory is the worst case, as it has nothing to wait for.
 */
export function measureOverhead({ fixtures, quick, say }) {
  const rounds = quick ? 20 : 200;
  say(`${rounds} rounds of ${writes} writes through a target, and bare`);
  const { throttledLoop } = fixtures;
  return using([throttledLoop, throttledLoop], (mainDisk, spareDisk) =>
    using([() => openDevice(mainDisk.path, { mode: 'write' })], (main) =>
      using([() => RemapTarget.create({ main, spare: spareDisk.path })], (target) =>
        inTurns(main, target, rounds),
      ),
    ),
  );
}

const writes = 100;

async function inTurns(main, target, rounds) {
  const bytes = new Uint8Array(4096).fill(1);
  const timed = async (write) => {
    const begun = performance.now();
    for (let index = 0; index < writes; index++) await write(index);
    return ((performance.now() - begun) / writes) * 1000;
  };
  const tracked = () => timed((index) => target.write(index * 8, bytes));
  const bare = () => timed((index) => main.write(BigInt(index * 4096), bytes));
  const found = { ratio: [], trackedMicroseconds: [], bareMicroseconds: [] };
  const warmUp = 5;
  for (let round = -warmUp; round < rounds; round++) {
    // Each goes first in every other round.
    const early = round % 2 === 0 ? await tracked() : undefined;
    const ofBare = await bare();
    const ofTracked = early ?? (await tracked());
    if (round < 0) continue;
    found.ratio.push(ofTracked / ofBare);
    found.trackedMicroseconds.push(ofTracked);
    found.bareMicroseconds.push(ofBare);
  }
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, spread(values)]));
}

export async function compareOptions({ fixtures, folder, quick, say }) {
  const rounds = quick ? 3 : 20;
  const found = {};
  for (const [option, title] of Object.entries(options)) {
    say(`${rounds} removals with 1,000 stuck writes, option ${title}`);
    const all = [];
    for (let round = 0; round < rounds; round++) {
      const spare = join(folder, `spare-${option}-${round}`);
      writeFileSync(spare, new Uint8Array(1024 * 1024));
      all.push(await removeOnce(fixtures, option, spare));
    }
    const sum = (value) => all.reduce((total, one) => total + Number(value(one)), 0);
    found[option] = {
      title,
      boundMs: option === 'cancel' ? null : boundMs,
      rounds,
      presuspendMs: option === 'cancel' ? spread(all.map((one) => one.presuspendMs)) : null,
      destroyMs: spread(all.map((one) => one.destroyMs)),
      leaked: sum((one) => one.leaked),
      ghosts: sum((one) => one.ghosts),
      waited: sum((one) => one.waited),
      stayed: sum((one) => !one.left),
      refused: sum((one) => one.refused),
    };
  }
  return found;
}
