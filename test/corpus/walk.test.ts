// Every command that `check` recommends, on every spare of the corpus and on the golden images: each is run on a spare of its own
// and must not end in a refusal that could have been foreseen; and who does what is recommended, check after check, comes to a
// spare with which nothing is wrong.

import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documentOf, type Ran } from '../cli/harness.js';
import { goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { share } from '../support/tier.js';
import {
  all,
  at,
  cut,
  type Disk,
  type Drawing,
  emptied,
  erased,
  golden,
  holds,
  noise,
  over,
  sealed,
  spare,
  u64,
  zeros,
} from './damage.js';
import { type Spare, spareIn } from './spare.js';
import { corpus } from './table.js';

const folder = scratchFolder();

/** Wrong in every copy of the table: a repair brings a table back, it makes none. */
const ofTable = [
  'duplicate-spare',
  'spare-inside-metadata',
  'original-out-of-range',
  'spare-out-of-range',
  'size-mismatch',
];

/** What a person fills in. */
const placeholders: readonly (readonly [string, string])[] = [
  ['MAIN', '16384'],
  ['--backup FILE', '--backup good.img'], //  Of this spare, from before.
  ['file=FILE', 'file=good.img'],
  ['--yes=NAME', '--yes=spare.img'],
];

/** For people at another tool: which disk is which, and what time it is. */
const ofOthers = /^(lsblk|date) /;
const onlyLooks = /^dmremap (examine|backup) /;

let count = 0;

function laid(disk: Disk): Spare {
  count += 1;
  const cwd = join(folder, `${count}`);
  const laidOut = spareIn(cwd, { ...disk, bytes: disk.bytes.slice() });
  writeFileSync(join(cwd, 'good.img'), spare()().bytes);
  return laidOut;
}

const removed = ({ path }: Spare) => rmSync(join(path, '..'), { recursive: true });

/** The commands under "recommended", in their order. */
async function recommended({ path, run }: Spare): Promise<string[]> {
  const { stdout } = await run('check', path);
  const [, advice = ''] = stdout.split('\n  recommended:\n');
  const lines = advice.split('\n').filter((line) => /^ {8}\S/.test(line));
  return lines
    .map((line) => line.trim().replace(path, 'spare.img'))
    .filter((command) => !ofOthers.test(command));
}

const wordsOf = (command: string, path: string): string[] =>
  placeholders
    .reduce((text, [name, value]) => text.replace(name, value), command.replace(/^dmremap /, ''))
    .split(' ')
    .map((word) => (word === 'spare.img' ? path : word));

/** Runs a command as a person would: one that only shows its plan is carried out then. */
async function follow({ path, run }: Spare, command: string): Promise<Ran[]> {
  const words = wordsOf(command, path);
  const first = await run(...words);
  if (!first.stdout.includes('--apply does it')) return [first];
  const yes = first.stdout.includes('--yes=NAME') ? ['--yes=spare.img'] : [];
  return [first, await run(...words, '--apply', ...yes)];
}

const isRefused = ({ status, stdout }: Ran) => ((status ?? 8) & 0b111000) !== 0 || stdout.includes('REFUSED');

interface Judged {
  readonly geometry: string;
  readonly exitStatus: number;
  readonly activation: { readonly verdict: string };
  readonly elections: { readonly ours: object | null };
  readonly lints: readonly { readonly id: string; readonly severity: string }[];
}

async function judged({ path, run }: Spare): Promise<Judged> {
  return documentOf((await run('check', '--json', path)).stdout) as unknown as Judged;
}

const byBytes = new Map<string, readonly [string, Drawing]>();
/** More than one thing is wrong with these: each of them has a say in what is recommended. */
const swap = over(4086, 'SWAPSPACE2');
const highest = sealed(all, at.sequence, u64(2n ** 64n - 1n));
const several: readonly (readonly [string, Drawing])[] = [
  ['a blank spare with room for one copy', zeros(cut(131_072))],
  ['no table, and swap over a slot', spare(noise(all), swap)],
  ['no table, and bytes that nobody knows', spare(erased(all))],
  [
    'the highest sequence in a fork, and swap over a slot',
    spare(highest, holds([3, 4], 7n), sealed([3, 4], at.sequence, u64(2n ** 64n - 1n)), swap),
  ],
  ['ghosts, and swap over a slot', spare(emptied([1, 2, 3, 4]), swap)],
  ['an interrupted handover, and swap over a slot', spare(sealed([1, 2], at.sequence, u64(1n)), swap)],
];

const drawings: readonly (readonly [string, Drawing])[] = [
  ...several,
  ...corpus.map(([what, drawing], index) => [`${index + 1}: ${what}`, drawing] as const),
  ...goldenImages.map(({ name }) => [name, golden(name)] as const),
];
for (const [what, drawing] of drawings) {
  const { bytes, now, unreadable } = drawing();
  const key = createHash('sha256')
    .update(bytes)
    .update(`${now} ${[...unreadable]}`)
    .digest('hex');
  if (!byBytes.has(key)) byBytes.set(key, [what, drawing]);
}
const walked = [...several, ...share([...byBytes.values()].slice(several.length), 17)];

test.each(walked)('%s', { timeout: 120_000 }, async (_, drawing) => {
  const disk = drawing();
  const start = laid(disk);
  const before = await judged(start);
  for (const command of await recommended(start)) {
    const own = laid(disk);
    for (const ran of await follow(own, command)) {
      expect(isRefused(ran), `${command}: ${ran.status} ${ran.stderr}${ran.stdout}`).toBe(false);
    }
    removed(own);
  }

  const done: string[] = [];
  //  Who has seen that a command does nothing goes on to the next.
  const idle = new Set<string>();
  for (;;) {
    const next = (await recommended(start)).find((command) => !onlyLooks.test(command) && !idle.has(command));
    if (next === undefined) break;
    expect(done.length, `it does not end: ${done.join('; ')}`).toBeLessThan(8);
    done.push(next);
    const was = start.bytes();
    for (const ran of await follow(start, next)) {
      expect(isRefused(ran), `${done.join('; ')}: ${ran.stderr}${ran.stdout}`).toBe(false);
    }
    if (Buffer.compare(was, start.bytes()) === 0) idle.add(next);
  }
  const { exitStatus, activation, lints } = await judged(start);
  const left = lints.filter(({ id, severity }) => severity === 'error' && !ofTable.includes(id));
  //  A table at the documented places alone: nothing is written there, and the module never looks.
  if (before.elections.ours !== null && before.geometry === 'driver') {
    expect([activation.verdict, left], done.join('; ')).toEqual(['keeps', []]);
    if (lints.every(({ severity }) => severity !== 'error')) expect(exitStatus).toBe(0);
  }
  removed(start);
});
