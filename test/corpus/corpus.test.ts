// Every line of the corpus: what is said of the spare, what is done to it, and, besides, what holds whatever happened. The
// bytes are judged here by their offsets (format.md section 2), not by what the program reads in them.

import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metadataRegionBytes } from '../../lib/format/geometry.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { documentOf, type Ran } from '../cli/harness.js';
import { expectBytes } from '../support/bytes.js';
import { scratchFolder } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { all, at, type Drawing, drawn, holds, spare, torn } from './damage.js';
import { type Spare, spareIn } from './spare.js';
import { corpus } from './table.js';

const folder = scratchFolder();

/** What `--use=file` names: they lie beside the spare. */
const files: Readonly<Record<string, Drawing>> = {
  'good.img': spare(),
  'torn.img': spare(torn(all, 1)),
  'other.img': spare(holds(all, 9n, undefined, 32_768n)),
  'drawn.img': drawn('5 5 5 5 5'),
};

/** What is wrong with a table stays wrong: a repair brings a table back, it makes none. Of errors these alone. */
const notMended = [
  'duplicate-spare',
  'spare-inside-metadata',
  'original-out-of-range',
  'spare-out-of-range',
  'size-mismatch',
];

/** Ranges of the structure that differ from the source: checksum and number of each copy, and what a commit sets. */
const changedBy = {
  rewrite: [[at.checksum, at.structureSize]],
  commit: [
    [at.sequence, at.structureSize],
    [at.nextSpareSector, at.nextSpareSector + 4],
  ],
} as const;

/** A plan of the table, taken apart. */
function takenApart(plan: string) {
  const words = /^(nothing|rewrite|commit)([\d! ]*)(?: from (\d|file))?(?: as (\d+))?(?: but ([\d ]+))?$/;
  const [, mode, written = '', from = '', sequence = '', left = ''] = words.exec(plan) ?? [];
  if (mode === undefined) expect(plan).toMatch(/^ERR_[A-Z_]+$/);
  const numbers = (text: string) => (text.match(/\d/g) ?? []).map(Number);
  return { mode, written: numbers(written), from, sequence, left: numbers(left) };
}

interface PlanDocument {
  readonly mode: string;
  readonly refusal: { readonly code: string } | null;
  readonly source: { readonly copy: number; readonly file: string | null } | null;
  readonly steps: readonly {
    readonly copy: number;
    readonly order: number | null;
    readonly disarm: boolean;
    readonly why: string;
  }[];
  readonly overwrites: readonly { readonly name: string }[];
  readonly commit: { readonly sequence: string } | null;
  readonly left: readonly string[] | null;
  readonly backup: { readonly file: string } | null;
}

const planDocument = ({ stdout }: Ran) => documentOf(stdout) as unknown as PlanDocument;

/** What a run of `repair --json` plans, in the words of the table but for the sequence. */
function planOf(ran: Ran): string {
  if (ran.stdout === '') return /\((ERR_\w+)\)/.exec(ran.stderr)?.[1] ?? ran.stderr;
  const { mode, refusal, source, steps } = planDocument(ran);
  if (refusal !== null) return refusal.code;
  const list = (some: PlanDocument['steps']) => some.map(({ copy, disarm }) => `${copy}${disarm ? '!' : ''}`);
  const written = list(steps.filter(({ order }) => order !== null));
  const left = list(steps.filter(({ order, why }) => order === null && why.startsWith('cannot be read')));
  const from = mode === 'nothing' ? [] : ['from', source?.file === null ? source.copy : 'file'];
  return [mode, ...written, ...from, ...(left.length > 0 ? ['but', ...left] : [])].join(' ');
}

interface CheckDocument {
  readonly activation: { readonly verdict: string };
  readonly elections: { readonly ours: { readonly copy: number; readonly sequence: string } | null };
  readonly lints: readonly {
    readonly id: string;
    readonly severity: string;
    readonly message: string;
    readonly entry?: number;
  }[];
}

async function checked({ path, run }: Spare) {
  const ran = await run('check', '--json', path);
  expect(ran.stderr).toBe('');
  const { activation, elections, lints } = documentOf(ran.stdout) as unknown as CheckDocument;
  const errors = lints.filter(({ severity }) => severity === 'error');
  const ofTable = errors.filter(({ id }) => notMended.includes(id));
  const marks = lints.filter(({ id }) => id === 'foreign-signature').map(({ message }) => message);
  return { verdict: activation.verdict, status: ran.status, elections, errors, ofTable, marks };
}

const slotOf = (bytes: Uint8Array, copy: number) => bytes.subarray(copy * slotBytes, (copy + 1) * slotBytes);
const u64At = (slot: Uint8Array, offset: number) => Buffer.from(slot).readBigUInt64LE(offset);
const hashOf = (bytes: Uint8Array) =>
  createHash('sha256').update(bytes.subarray(0, metadataRegionBytes)).digest('hex').slice(0, 8);

function withoutChanges(slot: Uint8Array, mode: keyof typeof changedBy): Uint8Array {
  const rest = slot.slice(0, structureBytes);
  for (const [start, end] of changedBy[mode]) rest.fill(0, start, end);
  return rest;
}

const rows = corpus.map(([what, ...row], index) => [`${index + 1}: ${what}`, index + 1, row] as const);

test.each(share(rows, 7))(
  '%s',
  async (_, line, [drawing, verdict, status, plan, hash, options = '', mark]) => {
    const wanted = takenApart(plan);
    const said = plan.replace(/ as \d+/, '');
    const flags = options.split(' ').filter((flag) => flag !== '');
    const disk = drawing();
    const before = disk.bytes.slice();
    const cwd = join(folder, `${line}`);
    const spare = spareIn(cwd, disk);
    const file = Object.keys(files).find((name) => options.includes(name));
    const fileBytes = file === undefined ? undefined : files[file]?.().bytes;
    if (file !== undefined) writeFileSync(join(cwd, file), fileBytes as Uint8Array);
    const repair = (...argv: readonly string[]) => spare.run('repair', '--json', ...argv, spare.path);

    //  What is said of it; and saying it leaves it alone.
    const found = await checked(spare);
    expect([found.verdict, found.status]).toEqual([verdict, status]);
    expect(found.marks).toEqual(mark === undefined ? [] : [expect.stringContaining(`holds ${mark}`)]);
    const examined = await spare.run('examine', '--json', spare.path);
    expect(examined).toMatchObject({ status: 0, stderr: '' });
    documentOf(examined.stdout);
    const planned = await repair(...flags);
    expect(planOf(planned)).toBe(said);
    expectBytes(spare.bytes(), before);

    //  What would be overwritten of somebody else's wants the name of the spare.
    const overwrites = planned.stdout === '' ? [] : planDocument(planned).overwrites;
    if (overwrites.length > 0) {
      const refused = await repair('--apply', ...flags);
      expect(refused).toMatchObject({ status: 8, stdout: '' });
      expect(refused.stderr).toMatch(new RegExp(`it holds ${mark}.*\\(ERR_DATA_PRESENT\\)\\n {2}--yes=NAME`));
      expectBytes(spare.bytes(), before);
      flags.push('--yes=spare.img');
    }
    const applied = await repair('--apply', ...flags);
    const after = spare.bytes();
    expect(planOf(applied)).toBe(said);
    expect(hashOf(after)).toBe(hash);
    if (wanted.mode === 'nothing') expect(applied.status).toBe(wanted.left.length > 0 ? 4 : 0);
    else if (wanted.mode === undefined) expect(applied.status).toBeGreaterThanOrEqual(8);
    if (wanted.mode !== 'rewrite' && wanted.mode !== 'commit') {
      expectBytes(after, before);
      expect(applied.stderr.includes('nothing was written')).toBe(wanted.mode === undefined);
      rmSync(cwd, { recursive: true });
      return;
    }
    const { mode, written, from, sequence, left } = wanted;
    const done = planDocument(applied);
    expect(applied.status).toBe(left.length > 0 ? 5 : 1);
    expect(done.left).toHaveLength(left.length);

    //  The table that was elected or named is in every copy that could be written; nothing else has changed, neither a copy
    //  that is not in the plan, nor what lies behind the structures, nor behind the region.
    const source = fileBytes === undefined ? slotOf(before, Number(from)) : slotOf(fileBytes, 0);
    const fitting = all.filter((copy) => (copy + 1) * slotBytes <= after.length);
    const held = fitting.filter((copy) => !left.includes(copy));
    for (const copy of held) {
      expectBytes(withoutChanges(slotOf(after, copy), mode), withoutChanges(source, mode));
    }
    const expected = before.slice();
    for (const copy of written) {
      const end = disk.unreadable.has(copy) ? slotBytes : structureBytes;
      slotOf(expected, copy).set(slotOf(after, copy).subarray(0, end));
    }
    expectBytes(after, expected);

    //  Its sequence and its date (format.md rules 6 and 10).
    if (mode === 'commit') expect([...written].sort()).toEqual(held);
    const replaced = fileBytes === undefined ? source : slotOf(before, found.elections.ours?.copy ?? 0);
    const date = u64At(replaced, at.timestamp);
    const soon = date > disk.now && date <= disk.now + 86_400n;
    const [first] = held;
    for (const copy of held) {
      const slot = slotOf(after, copy);
      if (mode === 'commit') {
        expect(u64At(slot, at.sequence)).toBe(BigInt(sequence));
        expect(u64At(slot, at.timestamp)).toBe(soon ? date : disk.now);
      }
    }

    //  All is well then, but for what is wrong with the table itself.
    const now = await checked(spare);
    expect(now.verdict).toBe('keeps');
    expect(now.elections).toMatchObject({ agree: true, ours: { copy: first }, driver: { copy: first } });
    if (mode === 'rewrite') expect(now.ofTable).toEqual(found.ofTable);
    const others = now.errors.filter((error) => !now.ofTable.includes(error)).map(({ id }) => id);
    expect(others).toEqual(left.length > 0 ? ['damaged-copies'] : []);
    expect(now.status).toBe(now.errors.length > 0 ? 4 : 0);
    const again = await repair('--apply');
    expect(planOf(again)).toBe(['nothing', ...(left.length > 0 ? ['but', ...left] : [])].join(' '));
    expect(again.status).toBe(left.length > 0 ? 4 : 0);
    expectBytes(spare.bytes(), after);

    //  And there is a way back, to the last byte; but what could not be read was not saved.
    const undone = await spare.run('undo', '--json', done.backup?.file ?? '', spare.path);
    documentOf(undone.stdout);
    const lost = before.slice();
    for (const copy of disk.unreadable) slotOf(lost, copy).set(slotOf(after, copy));
    expectBytes(spare.bytes(), lost);
    if (disk.unreadable.size === 0) expect(undone.status).toBe(status);
    rmSync(cwd, { recursive: true });
  },
);
