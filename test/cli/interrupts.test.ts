// An interrupt at every step of every command that writes: exit bit 32, and what is said of the disk is what is on it.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { goldenBytes } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { backupsIn, dmremap, ended, type Ran, start, stepsOf } from './harness.js';

const scratch = scratchFolder();
const damaged = goldenBytes('u_corrupt1');
let folder = '';
let spare = '';
let count = 0;

/** Puts what the commands need into a folder of its own: a spare, a backup of it, and what a repair of it has saved. */
beforeEach(async () => {
  count += 1;
  folder = join(scratch, `${count}`);
  mkdirSync(folder);
  spare = join(folder, 'spare.img');
  writeFileSync(spare, damaged);
  expect((await dmremap(folder, ['backup', spare, at('backup')])).status).toBe(0);
  expect((await dmremap(folder, ['remap', 'add', `--backup=${at('saved')}`, spare, '7:6008'])).status).toBe(
    0,
  );
  copyFileSync(spare, at('added.img'));
});
const at = (name: string) => join(folder, name);

const commands: readonly (readonly [name: string, argv: readonly string[]])[] = [
  ['create', ['create', '--force', '--main=16384', '--yes=SPARE']],
  ['repair', ['repair', '--apply']],
  ['repair by a commit', ['repair', '--apply', '--use=copy=2']],
  ['handover', ['handover']],
  ['remap add', ['remap', 'add', 'SPARE', '5:6000']],
  ['remap remove', ['remap', 'remove', 'SPARE', '1000']],
  ['restore', ['restore', '--backup=FOLDER/backup']],
  ['undo', ['undo', 'FOLDER/saved']],
];

const words = (argv: readonly string[]) =>
  [...(argv.includes('SPARE') ? argv : [...argv, 'SPARE']), '--progress-json'].map((word) =>
    word.replace('SPARE', spare).replace('FOLDER', folder),
  );

/** What a reader takes for the table, whatever its sequence; null where nobody is elected. */
async function tableOn(path: string) {
  const { stdout } = await dmremap(folder, ['examine', '--json', path]);
  const { elections, device, entries } = JSON.parse(stdout);
  return { elected: elections.ours !== null, device, entries };
}

/** Holds what was said against what is there. */
async function isTrue({ stderr }: Ran, home: string, before: Buffer, old: unknown, anew: unknown) {
  const found = await tableOn(spare);
  expect([old, anew], stderr).toContainEqual(found);
  const isAsBefore = readFileSync(spare).equals(before);
  if (stderr.includes('nothing was written')) expect(isAsBefore).toBe(true);
  const said = stderr.match(/a reader (?:would find now|finds): .*/g)?.at(-1) ?? '';
  if (/: the old table$/.test(said)) expect(found).toEqual(old);
  else if (/: the new table|: what was put back/.test(said)) expect(found).toEqual(anew);
  else if (/: the elected table/.test(said)) expect(found).toEqual(old);
  else if (/the commit is durable/.test(stderr)) expect(found).toEqual(anew);
  else if (said === '') expect(isAsBefore).toBe(true);
  else expect(said).toMatch(/: the (old table or the new one|table from before, or the one)/);
  //  What may be needed to undo it is kept, and nothing else.
  if (!isAsBefore) expect(backupsIn(home)).toHaveLength(1);
  if (stderr.includes('nothing was written')) expect(backupsIn(home)).toEqual([]);
}

describe.each(commands)('%s', (name, argv) => {
  const added = name === 'restore' || name === 'undo';
  test.each([
    ['before its work is begun', (abort: () => void) => abort()],
    ['while its work is in flight', (abort: () => void) => process.nextTick(abort)],
  ])('an interrupt at each step, %s', async (_, soon) => {
    const before = added ? readFileSync(at('added.img')) : Buffer.from(damaged);
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
      if (ran.status === whole.status) expect(step).toBe('read-back');
      else expect((ran.status ?? 0) & 32, `${JSON.stringify(step)}: ${ran.stderr}`).toBe(32);
      if ((ran.status ?? 0) & 32) await isTrue(ran, home, before, old, anew);
    }
  });
});

//  What is looked at afterwards is the pre-images of the interrupted ones alone.
const noBackupOf = (argv: readonly string[]) =>
  argv[0] === 'undo' || argv[0] === 'restore' ? [`--preimage=${at('whole')}`] : ['--no-backup'];

test('a real interrupt at each step of a handover, wherever it comes to be heard', async () => {
  const before = Buffer.from(damaged);
  for (let last = 1, steps = 2; last < steps; last++) {
    writeFileSync(spare, before);
    const old = await tableOn(spare);
    const child = start(folder, ['handover', '--no-backup', '--progress-json', spare]);
    let told = 0;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const until = told + (text.match(/^\{/gm)?.length ?? 0);
      if (told < last && until >= last) child.kill('SIGINT');
      told = until;
    });
    const ran = await ended(child);
    steps = Math.max(steps, told);
    expect(ran.signal).toBeNull();
    expect([0, 32]).toContain(ran.status);
    expect(await tableOn(spare)).toEqual(old);
    if (ran.stderr.includes('nothing was written')) expect(readFileSync(spare).equals(before)).toBe(true);
    else if (ran.status === 32)
      expect(ran.stderr).toMatch(/a reader (would find now|finds): the elected table/);
  }
});
