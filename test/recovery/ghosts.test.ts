// Ghosts: which of the entries behind a table are taken back into it, and why not the others.
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { decodeCopy } from '../../lib/format/codec.js';
import { slotBytes } from '../../lib/format/structure.js';
import { judgeGhosts } from '../../lib/recovery/ghosts.js';
import { repair } from '../../lib/recovery/repair.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import type { ValidSlot } from '../../lib/store/table/copies.js';
import { drawnNow } from '../support/disk.js';
import { cutSlot, type Left, timeOfTable } from '../support/ghosts.js';
import { now } from '../support/spare.js';

const nanoseconds = timeOfTable;

function judge(count: number, entries: readonly Left[], named?: readonly number[]) {
  const slot = decodeCopy(cutSlot(count, entries));
  if (slot.state !== 'valid') throw new Error('a drawn slot is not valid');
  const source = { copy: 0, offset: 0n, slot } as unknown as ValidSlot;
  return judgeGhosts(source, named && new Set(named));
}

const verdicts = (judged: ReturnType<typeof judge>) => judged.map(({ verdict }) => verdict).join(' ');
const good = { original: 1n, spare: 2000n };

describe('one ghost', () => {
  it.each<[what: string, ghost: Left, verdict: string, code: string | undefined, reason: RegExp]>([
    ['of an emptied table', good, 'taken', undefined, /^its original and its place are free$/],
    ['PENDING', { ...good, flags: 1 }, 'taken', undefined, /free/],
    ['of main’s last sector', { original: 16_383n, spare: 8191n }, 'taken', undefined, /free/],
    [
      'beyond main',
      { original: 16_384n, spare: 2000n },
      'refused',
      'ERR_ORIGINAL_OUT_OF_RANGE',
      /beyond the main/,
    ],
    [
      'beyond the spare',
      { original: 1n, spare: 8192n },
      'refused',
      'ERR_SPARE_OUT_OF_RANGE',
      /beyond the spare/,
    ],
    [
      'far beyond',
      { original: 1n, spare: 2n ** 64n - 1n },
      'refused',
      'ERR_SPARE_OUT_OF_RANGE',
      /beyond the spare/,
    ],
    [
      'inside the metadata',
      { original: 1n, spare: 1279n },
      'refused',
      'ERR_SPARE_IN_METADATA',
      /inside the metadata/,
    ],
    ['all zero', { original: 0n, spare: 0n, time: 0n }, 'refused', 'ERR_SPARE_IN_METADATA', /are zero/],
    ['without a time', { ...good, time: 0n }, 'doubtful', undefined, /no time/],
    [
      'newer than the table',
      { ...good, time: nanoseconds + 1_000_000_000n },
      'doubtful',
      undefined,
      /dated after/,
    ],
    [
      'of the table’s last nanosecond',
      { ...good, time: nanoseconds + 999_999_999n },
      'taken',
      undefined,
      /free/,
    ],
    ['without flags', { ...good, flags: 0 }, 'doubtful', undefined, /neither PENDING nor ACTIVE/],
    ['with unknown flags', { ...good, flags: 0x8002 }, 'doubtful', undefined, /0x8002/],
    ['with padding', { ...good, padding: 7 }, 'doubtful', undefined, /padding/],
  ])('%s', (_, ghost, verdict, code, reason) => {
    const [judged] = judge(0, [ghost]);
    expect(judged).toMatchObject({ index: 0, verdict, code });
    expect(judged?.reasons.join('; ')).toMatch(reason);
    if (verdict !== 'doubtful') return;
    //  Who names it gets it.
    expect(judge(0, [ghost], [0])[0]).toMatchObject({ verdict: 'taken', code: undefined });
  });
});

describe('ghosts beside each other and beside a table', () => {
  const table = { original: 1000n, spare: 3000n };
  it.each<[what: string, ghosts: readonly Left[], verdicts: string]>([
    ['an original that is mapped', [{ original: 1000n, spare: 2000n }], 'refused'],
    ['a place that is in use', [{ original: 1n, spare: 3000n }], 'refused'],
    ['one original twice: the later one', [good, { original: 1n, spare: 2008n }], 'refused taken'],
    [
      'one original twice: the newer one',
      [good, { original: 1n, spare: 2008n, time: nanoseconds - 1n }],
      'taken refused',
    ],
    ['one place twice', [good, { original: 2n, spare: 2000n }], 'refused taken'],
    [
      'a doubtful one keeps no good one out',
      [good, { original: 1n, spare: 2008n, flags: 0 }],
      'taken refused',
    ],
    ['a refused one keeps no good one out', [good, { original: 1n, spare: 9000n }], 'taken refused'],
  ])('%s', (_, ghosts, expected) => {
    expect(verdicts(judge(1, [table, ...ghosts]))).toBe(expected);
  });

  it('says which ghost stands in the way', () => {
    const judged = judge(0, [
      { ...good, time: nanoseconds - 5n },
      { original: 1n, spare: 2008n },
    ]);
    expect(judged[0]?.reasons).toEqual([
      'original sector 1 is mapped to 2008 already, by ghost 1, which is newer',
    ]);
  });

  it('those that are named and no others', () => {
    const ghosts = [good, { original: 1n, spare: 2008n }, { original: 2n, spare: 2016n }];
    expect(verdicts(judge(0, ghosts, [0]))).toBe('taken refused unnamed');
  });

  it('of a full table none, and of one that fills up the newest', () => {
    const many = Array.from({ length: 2048 }, (_, at) => ({
      original: BigInt(at),
      spare: 2000n + BigInt(at),
      time: nanoseconds - BigInt(at),
    }));
    const doubled = many.map((one, at) => (at < 2000 ? one : { ...one, original: 9000n + BigInt(at) }));
    expect(judge(2048, many)).toEqual([]);
    expect(judge(2000, doubled).filter(({ verdict }) => verdict === 'taken')).toHaveLength(48);
  });
});

/** A spare whose table was emptied, with three ghosts in copies 0 to 3 and another one in copy 4, of sequence 2. */
function emptied(): MemoryDevice {
  const device = new MemoryDevice(4 * 1024 * 1024);
  const ghosts = [good, { original: 2n, spare: 12n }, { original: 3n, spare: 2016n }];
  for (const copy of [0, 1, 2, 3]) device.bytes.set(cutSlot(0, ghosts), copy * slotBytes);
  device.bytes.set(cutSlot(0, [{ original: 4n, spare: 2024n }], 2n), 4 * slotBytes);
  return device;
}

const entriesOf = async (device: MemoryDevice) =>
  (await examineDevice(device, { now: drawnNow })).entries.map(({ originalSector }) => originalSector);

describe('repair', () => {
  it('never mixes ghosts in unasked', async () => {
    const device = emptied();
    expect((await repair(device, { now, apply: true })).plan).toMatchObject({
      mode: 'rewrite',
      ghosts: null,
    });
    expect(await entriesOf(device)).toEqual([]);
  });

  it('commits the elected table with the ghosts that can be taken, in the order of the disk', async () => {
    const device = emptied();
    const { plan, commit, after } = await repair(device, { now, apply: true, ghosts: 'all' });
    expect(plan).toMatchObject({ mode: 'commit', reasons: ['2 ghosts are taken back into the table.'] });
    expect(commit).toMatchObject({ sequence: 4n, finds: 'new', degraded: [] });
    expect(after?.elections).toMatchObject({ agree: true, ours: { sequence: 4n } });
    expect(await entriesOf(device)).toEqual([1n, 3n]);
    //  What is left behind the table has been taken, or cannot be: the second time there is nothing to do.
    expect((await repair(device, { now, apply: true, ghosts: 'all' })).plan.mode).toBe('nothing');
  });

  it('takes those of the copy that is named', async () => {
    const device = emptied();
    await repair(device, { now, apply: true, ghosts: 'all', copy: 4 });
    expect(await entriesOf(device)).toEqual([4n]);
  });

  it.each([
    [[1], 'ERR_SPARE_IN_METADATA'],
    [[0, 7], 'ERR_GHOST_NOT_FOUND'],
    [[-1], 'ERR_GHOST_NOT_FOUND'],
    [5, 'ERR_INVALID_ARG_VALUE'],
    ['some', 'ERR_INVALID_ARG_VALUE'],
  ])('refuses to take %s, with nothing written', async (ghosts, code) => {
    const device = emptied();
    const before = device.bytes.slice();
    await expect(repair(device, { now, apply: true, ghosts: ghosts as never })).rejects.toMatchObject({
      code,
    });
    expect(Buffer.compare(device.bytes, before)).toBe(0);
  });
});
