// An interrupt at every step of every command that writes: exit bit 32, and what is said of the disk is what is on it.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { u64Max } from '../../lib/base/units.js';
import { slotBytes } from '../../lib/format/structure.js';
import { drawnNow, drawSlot, patchSlot } from '../support/disk.js';
import { cutSlot } from '../support/ghosts.js';
import { goldenBytes } from '../support/golden.js';
import { dataOf, spareWithData } from '../support/inside.js';
import { folder, spare } from '../support/own-folder.js';
import { share } from '../support/tier.js';
import { backupsIn, dmremap, ended, type Ran, saysOnStderr, spawned, start, stepsOf } from './harness.js';

const damaged = goldenBytes('u_corrupt1');
const inside = [
  [5n, 0n],
  [6n, 257n],
  [8n, 700n],
  [9n, 1300n],
] as const;

/** Puts what the commands need into a folder of its own: a spare, a backup of it, and what a repair of it has saved. */
beforeEach(async () => {
  writeFileSync(spare, damaged);
  expect((await dmremap(folder, ['backup', spare, at('backup')])).status).toBe(0);
  expect((await dmremap(folder, ['remap', 'add', `--backup=${at('saved')}`, spare, '7:6008'])).status).toBe(
    0,
  );
  copyFileSync(spare, at('added.img'));
  writeFileSync(at('damaged.img'), damaged);
  writeFileSync(at('remaps.csv'), 'original,spare\n5,6000\n9,6016\n');
  const ghosts = [1, 2, 3].map((at) => ({ original: BigInt(at), spare: BigInt(6000 + 8 * at) }));
  writeFileSync(at('ghosts.img'), imageWith(Array.from({ length: 5 }, () => cutSlot(1, ghosts))));
  const tables = [1, 1, 2, 2, 3].map((at) => drawSlot({ sequence: 5n, remaps: [[BigInt(at), 6000n]] }));
  writeFileSync(at('contested.img'), imageWith(tables));
  //  Nobody accepts its health.
  const last = patchSlot(drawSlot({ sequence: u64Max }), 256, [101]);
  const blank = new Uint8Array(slotBytes);
  writeFileSync(at('exhausted.img'), imageWith([last, blank, last, blank, blank]));
  writeFileSync(at('inside.img'), spareWithData('7 7 7 x 7', inside));
});
const imageWith = (slots: readonly Uint8Array[]) => Buffer.concat([...slots, Buffer.alloc(2 ** 22)]);
const at = (name: string) => join(folder, name);

/** With what the spare holds before: see `beforeEach`. */
const commands: readonly (readonly [name: string, argv: readonly string[], image: string])[] = [
  ['create', ['create', '--force', '--main=16384', '--yes=SPARE'], 'damaged.img'],
  ['repair', ['repair', '--apply'], 'damaged.img'],
  ['repair by a commit', ['repair', '--apply', '--use=copy=2'], 'damaged.img'],
  ['handover', ['handover'], 'damaged.img'],
  ['handover of a named table', ['handover', '--use=copy=1'], 'contested.img'],
  ['remap add', ['remap', 'add', 'SPARE', '5:6000'], 'damaged.img'],
  ['remap remove', ['remap', 'remove', 'SPARE', '1000'], 'damaged.img'],
  ['remap forget', ['remap', 'forget'], 'ghosts.img'],
  ['remap import', ['remap', 'import', 'SPARE', 'FOLDER/remaps.csv'], 'damaged.img'],
  ['create at the highest sequence', ['create', '--force', '--main=16384', '--yes=SPARE'], 'exhausted.img'],
  ['restore at the highest sequence', ['restore', '--force', '--backup=FOLDER/backup'], 'exhausted.img'],
  ['restore', ['restore', '--backup=FOLDER/backup'], 'added.img'],
  ['undo', ['undo', 'FOLDER/saved'], 'added.img'],
  ['relocate', ['relocate', '--apply'], 'inside.img'],
];
const imageOf = (name: string) => readFileSync(at(name));

const words = (argv: readonly string[], path = spare) =>
  [...(argv.includes('SPARE') ? argv : [...argv, 'SPARE']), '--progress-json'].map((word) =>
    word.replace('SPARE', path).replace('FOLDER', folder),
  );

/** What a reader takes for the table, whatever its sequence and times; nobody may be elected. */
async function tableOn(path: string) {
  const { stdout } = await dmremap(folder, ['examine', '--json', path]);
  const { elections, device, entries } = JSON.parse(stdout);
  return {
    elected: elections.ours !== null,
    device,
    entries: entries.map(({ original, spare }: Record<string, string>) => ({ original, spare })),
  };
}

interface Around {
  /** The pre-images of the command are under it. */
  readonly home: string;
  readonly path: string;
  readonly before: Buffer;
  readonly old: unknown;
  readonly anew: unknown;
}

/** Holds what was said against what is there. */
async function isTrue({ stderr }: Ran, { home, path, before, old, anew }: Around) {
  const found = await tableOn(path);
  expect([old, anew], stderr).toContainEqual(found);
  const image = readFileSync(path);
  if (before.equals(imageOf('inside.img'))) {
    for (const { original, spare } of found.entries) {
      const place = Number(spare) * 512;
      expect(image.subarray(place, place + 512).equals(dataOf(BigInt(original))), stderr).toBe(true);
    }
  }
  const isAsBefore = image.equals(before);
  for (const [, copy] of stderr.matchAll(/^ {2}copy (\d) {2}untouched/gm)) {
    const at = Number(copy) * slotBytes;
    expect(image.subarray(at, at + slotBytes).equals(before.subarray(at, at + slotBytes)), stderr).toBe(true);
  }
  const said = stderr.match(/a reader (?:would find now|finds): .*/g)?.at(-1) ?? '';
  if (/: the old table$/.test(said)) expect(found, stderr).toEqual(old);
  else if (/: the new table \(sequence \d+\)$|: what was put back$/.test(said))
    expect(found, stderr).toEqual(anew);
  else if (/: the elected table/.test(said)) expect(found, stderr).toEqual(old);
  else if (/the commit is durable/.test(stderr)) expect(found, stderr).toEqual(anew);
  else if (said === '') expect(isAsBefore, stderr).toBe(true);
  else expect(said, stderr).toMatch(/: the (old table or the new one|table from before, or the one)/);
  if (stderr.includes('nothing was written')) {
    expect(isAsBefore, stderr).toBe(true);
    expect(stderr).not.toMatch(/^ {2}copy \d {2}(written|unknown|disarmed)/m);
  }
  //  What may be needed to undo it is kept, and nothing else.
  if (!isAsBefore) expect(backupsIn(home), stderr).toHaveLength(1);
  if (stderr.includes('nothing was written')) expect(backupsIn(home), stderr).toEqual([]);
}

describe.each(share(commands, 20))('%s', (_, argv, image) => {
  test.each([
    ['before its work is begun', (abort: () => void) => abort()],
    ['while its work is in flight', (abort: () => void) => process.nextTick(abort)],
  ])('an interrupt at each step, %s', async (_, soon) => {
    const before = imageOf(image);
    const again = () => writeFileSync(spare, before);
    again();
    const old = await tableOn(spare);
    const whole = await dmremap(folder, [...words(argv), ...noBackupOf(argv)]);
    expect([0, 1, 4], whole.stderr).toContain(whole.status);
    const anew = await tableOn(spare);
    const steps = stepsOf(whole.stderr);
    expect(steps.map(({ step }) => step)).toEqual(
      expect.arrayContaining(['open', 'read', 'plan', 'save', 'check', 'write', 'read-back']),
    );
    expect(steps.at(-1)).toMatchObject({ step: 'verdict', exitStatus: whole.status });

    for (let last = 1; last < steps.length; last++) {
      again();
      const controller = new AbortController();
      let told = 0;
      const home = at(`${last}`);
      mkdirSync(home, { recursive: true });
      const ran = await dmremap(home, words(argv), {
        signal: controller.signal,
        drainWaitMs: 10_000,
        onStderr: (text) => {
          if (!text.startsWith('{')) return;
          told += 1;
          if (told === last) soon(() => controller.abort());
        },
      });
      const { step } = steps[last - 1] ?? {};
      //  The last read may have come back before the interrupt does.
      if (ran.status === whole.status) expect(step, ran.stderr).toBe('read-back');
      else expect((ran.status ?? 0) & 32, `${JSON.stringify(step)}: ${ran.stderr}`).toBe(32);
      if ((ran.status ?? 0) & 32) await isTrue(ran, { home, path: spare, before, old, anew });
    }
  });

  //  What is written then is a copy in memory.
  test('an interrupt at each turn while the plan is tried out', async () => {
    const before = imageOf(image);
    writeFileSync(spare, before);
    const old = await tableOn(spare);
    for (let turn = 0, isSaved = false; !isSaved; turn++) {
      writeFileSync(spare, before);
      const controller = new AbortController();
      const home = at(`turn-${turn}`);
      mkdirSync(home);
      const ran = await dmremap(home, words(argv), {
        signal: controller.signal,
        onStderr: (text) => {
          if (text.includes('"step":"plan"')) afterTurns(turn, () => controller.abort());
          if (!text.includes('"step":"save"')) return;
          isSaved = true;
          controller.abort();
        },
      });
      expect(ran.status, ran.stderr).toBe(32);
      expect(ran.stderr).toContain('nothing was written');
      await isTrue(ran, { home, path: spare, before, old, anew: old });
    }
  });

  test('a real interrupt at each write, where that hangs', { timeout: 60_000 }, async () => {
    const { before, old, anew, steps } = await wholeRun(argv, image);
    const writes = steps.filter(({ step }) => step === 'write').length;
    expect(writes).toBeGreaterThan(0);
    const hanging = async (after: number) => {
      const { home, path } = spareIn(`hangs-${after}`, before);
      const child = start(home, words(argv, path), { stuck: after });
      const ending = ended(child);
      await saysOnStderr(child, '(stuck)');
      child.kill('SIGINT');
      const ran = await ending;
      expect(ran, ran.stderr).toMatchObject({ status: 32, signal: null });
      if (/^ {2}copy \d {2}unknown/m.test(ran.stderr))
        expect(ran.stderr).toContain('writes are still in flight');
      //  Nothing of that write has landed, and everything before it has.
      const told = stepsOf(ran.stderr).filter(({ step }) => step !== 'verdict');
      expect(
        told.filter(({ step }) => step === 'write'),
        ran.stderr,
      ).toHaveLength(after + 1);
      expect(told.at(-1), ran.stderr).toMatchObject({ step: 'write' });
      await isTrue(ran, { home, path, before, old, anew });
      expect(ran.stderr).not.toContain('nothing was written');
    };
    //  Each waits a second for its write to land.
    for (let at = 0; at < writes; at += 4) {
      await Promise.all([at, at + 1, at + 2, at + 3].filter((after) => after < writes).map(hanging));
    }
  });

  test('a real interrupt at each other step, wherever it comes to be heard', {
    timeout: 60_000,
  }, async () => {
    const { before, old, anew, steps, status } = await wholeRun(argv, image);
    const names = [...new Set(steps.map(({ step }) => `${step}`))].filter(
      (step) => step !== 'write' && step !== 'verdict',
    );
    for (const name of names) {
      const { home, path } = spareIn(name, before);
      const child = start(home, words(argv, path));
      const ending = ended(child);
      await saysOnStderr(child, `"step":"${name}"`);
      child.kill('SIGINT');
      const ran = await ending;
      expect(ran.signal, ran.stderr).toBeNull();
      //  It may have been done before the signal came.
      expect([status, 32, 32 | (status ?? 0)], ran.stderr).toContain(ran.status);
      if (ran.status === status) expect(await tableOn(path), ran.stderr).toEqual(anew);
      else await isTrue(ran, { home, path, before, old, anew });
    }
  });
});

test('restore to a new image: an interrupt at each turn while it is made in memory', async () => {
  for (let turn = 0, isMade = false; !isMade; turn++) {
    const controller = new AbortController();
    const output = at(`new-${turn}.img`);
    let begun = false;
    const ran = await dmremap(folder, ['restore', `--backup=${at('backup')}`, `--output=${output}`], {
      signal: controller.signal,
      now: () => {
        if (!begun) afterTurns(turn, () => controller.abort());
        begun = true;
        return drawnNow;
      },
    });
    expect(begun).toBe(true);
    isMade = existsSync(output);
    expect(ran.status, ran.stderr).toBe(isMade ? 0 : 32);
    if (!isMade) expect(ran.stderr).toBe('dmremap: the operation was aborted (ABORT_ERR)\n');
  }
});

/** Calls back once the loop has gone round so many times. */
function afterTurns(turns: number, done: () => void): void {
  if (turns === 0) done();
  else setImmediate(() => afterTurns(turns - 1, done));
}

/** The spare, in a folder that becomes the home of a command. */
function spareIn(name: string, image: Buffer) {
  const home = at(name);
  mkdirSync(home);
  const path = join(home, 'spare.img');
  writeFileSync(path, image);
  return { home, path };
}

/** What the command comes to, and in which steps, where nothing ends it. */
async function wholeRun(argv: readonly string[], image: string) {
  const before = imageOf(image);
  const { home, path } = spareIn('whole', before);
  const old = await tableOn(path);
  const { status, stderr } = await spawned(home, words(argv, path));
  expect([0, 1, 4], stderr).toContain(status);
  return { before, old, anew: await tableOn(path), steps: stepsOf(stderr), status };
}

//  What is looked at afterwards is the pre-images of the interrupted ones alone.
const noBackupOf = (argv: readonly string[]) =>
  argv[0] === 'undo' || argv[0] === 'restore' ? [`--preimage=${at('whole.saved')}`] : ['--no-backup'];
