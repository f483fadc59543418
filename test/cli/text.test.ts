// What people see, as they see it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { recommendations } from '../../lib/cli/commands/check-advice.js';
import { adviceLines } from '../../lib/cli/print/advice.js';
import { escapeMessage, escapeText, jsonText, shellQuote } from '../../lib/cli/print/escape.js';
import { bytesText, flagsText, table, utcOf } from '../../lib/cli/print/text.js';
import { drawSlot, examineSlots } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, goldenFile } from './harness.js';

const folder = scratchFolder();
beforeAll(() => {
  for (const name of ['u_one', 'u_corrupt1', 'u_conflict', 'u_future']) goldenFile(folder, name);
});

/** The output of a command, with the folder's name taken out of it. */
async function shown(...argv: readonly string[]): Promise<string> {
  const at = argv.length - 1;
  const path = join(folder, argv[at] ?? '');
  const { stdout, stderr } = await dmremap(folder, [...argv.slice(0, at), path]);
  return `${stdout}${stderr}`.replaceAll(`${folder}/`, '');
}

test('examine, of a spare with a damaged copy', async () => {
  expect(await shown('examine', 'u_corrupt1.img')).toMatchInlineSnapshot(`
    "u_corrupt1.img: 640.0 KiB, driver geometry, judged at 2025-10-09T08:53:20Z (1760000000)

    copy  offset  state         sequence  timestamp (UTC)                raw  remaps  elected by
       0       0  BAD checksum        2?  2025-10-09T08:53:20Z?  1760000000?      1?
       1  131072  valid                2  2025-10-09T08:53:20Z    1760000000       1  us, driver
       2  262144  valid                2  2025-10-09T08:53:20Z    1760000000       1
       3  393216  valid                2  2025-10-09T08:53:20Z    1760000000       1
       4  524288  valid                2  2025-10-09T08:53:20Z    1760000000       1

    Who wins
      we elect    copy 1: copies 1, 2, 3 and 4 share the highest sequence (2) and the timestamp, so the lowest number wins
      the driver  elects copy 1 too
      out         copy 0 fails its checksum (stored 0x90cc139b, computed 0x128bac91)

    If the kernel module takes this spare now: keeps
      The module KEEPS it: it restores the table that we elect, of copy 1.

    Sizes, as copy 1 has them
      main        16384 sectors (8.0 MiB)
      spare       8192 sectors (4.0 MiB)

    1 remap of copy 1
      index  original  spare  time (UTC)            flags   effective
          0      1000   3000  2025-10-09T08:53:20Z  ACTIVE  yes

    Findings
      error    damaged-copies  Copy 0 fails its checksum (stored 0x90cc139b, computed 0x128bac91).
      info     handover        Copy 1 has sequence 2, but the module starts again at 2 after each load: hand over before it takes this spare, or an old table may win later.
    "
  `);
});

test('examine, where nothing tells which table was meant', async () => {
  expect(await shown('examine', 'u_conflict.img')).toMatchInlineSnapshot(`
    "u_conflict.img: 640.0 KiB, driver geometry, judged at 2025-10-09T08:53:20Z (1760000000)

    copy  offset  state  sequence  timestamp (UTC)              raw  remaps  elected by
       0       0  valid         5  2025-10-09T08:53:20Z  1760000000       1
       1  131072  valid         9  2025-10-09T08:53:20Z  1760000000       2
       2  262144  valid         9  2025-10-09T08:53:30Z  1760000010       3  us, driver
       3  393216  valid         7  2025-10-09T08:53:40Z  1760000020       4
       4  524288  valid         3  2025-10-09T08:53:50Z  1760000030       5

    Who wins
      we elect    copy 2: copies 1 and 2 share the highest sequence (9; the others have 5, 7 and 3), and it is the newest of them
      the driver  elects copy 2 too
      AMBIGUOUS   copies 3 and 4 are newer by the clock but have a lower sequence
      AMBIGUOUS   copies 1 and 2 share sequence 9 but differ

    If the kernel module takes this spare now: keeps
      The module KEEPS it: it restores the table that we elect, of copy 2.

    Sizes, as copy 2 has them
      main        16384 sectors (8.0 MiB)
      spare       8192 sectors (4.0 MiB)

    3 remaps of copy 2
      index  original  spare  time (UTC)            flags   effective
          0         1    101  2025-10-09T08:53:20Z  ACTIVE  yes
          1         2    102  2025-10-09T08:53:20Z  ACTIVE  yes
          2         3    103  2025-10-09T08:53:20Z  ACTIVE  yes

    Findings
      error    sequence-regression    Copies 3 and 4 have a lower sequence but a newer timestamp than another valid copy: an older table outranks a newer one.
      error    fork                   Copies 1 and 2 share sequence 9 but differ: nothing tells which of them was meant.
      error    spare-inside-metadata  Entry 0 keeps its data in spare sector 101, inside the metadata region: writing the metadata destroys it.
      error    spare-inside-metadata  Entry 1 keeps its data in spare sector 102, inside the metadata region: writing the metadata destroys it.
      error    spare-inside-metadata  Entry 2 keeps its data in spare sector 103, inside the metadata region: writing the metadata destroys it.
      warning  clock-behind           The clock (1760000000) is 30 s behind the newest copy (1760000030); a clock more than a day behind makes the module overwrite everything.
      warning  stale-copies           Copies 0, 3 and 4 have a lower sequence than copy 2: 5, 7 and 3 instead of 9.
      info     handover               Copy 2 has sequence 9, but the module starts again at 2 after each load: hand over before it takes this spare, or an old table may win later.
    "
  `);
});

test('check, of a spare that is well', async () => {
  expect(await shown('check', 'u_one.img')).toMatchInlineSnapshot(`
    "u_one.img: CLEAN: the kernel module keeps the elected table (copy 0, sequence 2) [1 note]
      if activated now:  the module KEEPS it: it restores the table that we elect, of copy 0
      info     handover  Copy 0 has sequence 2, but the module starts again at 2 after each load: hand over before it takes this spare, or an old table may win later.
      recommended:
        Handover: the module starts again at sequence 2, the elected table has 2:
            dmremap handover u_one.img
    "
  `);
});

test('check, of a spare that the module would empty', async () => {
  expect(await shown('check', '--now=1750000000', 'u_future.img')).toMatchInlineSnapshot(`
    "u_future.img: ENDANGERED: there is a good table (copy 0, sequence 4), but the kernel module would not keep it if it took this spare now [2 errors, 2 warnings, 1 note]
      if activated now:  the module WIPES it: it overwrites what is there with an empty table
                         Each of copies 0 and 1 is dated more than a day after now.
                         The module accepts no copy, so it would overwrite every slot with an empty table.
                         If the target was created less than half a minute ago, cut the power now, without \`dmsetup remove\` or a shutdown: the empty table may not be on the disk yet.
      error    damaged-copies    Each of copies 2, 3 and 4 is blank.
      error    future-timestamp  Copies 0 and 1 are dated more than a day after now (1750000000): the module rejects them.
      warning  clock-behind      The clock (1750000000) is 10086401 s behind the newest copy (1760086401); a clock more than a day behind makes the module overwrite everything.
      warning  stale-copies      Copy 1 has a lower sequence than copy 0: 3 instead of 4.
      info     handover          Copy 0 has sequence 4, but the module starts again at 2 after each load: hand over before it takes this spare, or an old table may win later.
      recommended:
        Clock: if it is the host that is wrong, set its clock before the module takes this spare (activated now, the spare is not kept), at least to 2025-10-10T08:53:21Z:
            date -u -s '2025-10-10 08:53:21'
        Repair, where the clock of this host is right: copies 1, 2, 3 and 4 should hold the elected table; the module never repairs a copy:
            dmremap repair --ignore-clock u_future.img
        Handover, once the clock is right: the module starts again at sequence 2, the elected table has 4:
            dmremap handover u_future.img
    "
  `);
});

test('why a copy wins', async () => {
  const whyOf = async (...slots: readonly Uint8Array[]) => {
    const path = join(folder, 'drawn.img');
    writeFileSync(path, Buffer.concat([...slots, new Uint8Array(655_360)]).subarray(0, 655_360));
    const text = await shown('examine', 'drawn.img');
    return text.split('\n').filter((line) => /^ {2}(we elect|the driver|AMBIGUOUS)/.test(line));
  };
  const at = (sequence: bigint, timestamp: bigint, spare = 3000n) =>
    drawSlot({ sequence, timestamp, remaps: [[1000n, spare]] });
  expect([
    await whyOf(at(5n, 100n)),
    await whyOf(at(5n, 100n), at(6n, 100n), at(4n, 90n)),
    await whyOf(at(5n, 100n), at(5n, 101n)),
    await whyOf(at(5n, 100n), at(5n, 100n)),
    await whyOf(at(5n, 99n), at(5n, 100n), at(5n, 100n), at(4n, 9n)),
    await whyOf(at(0n, 0n)),
    await whyOf(at(5n, 1_800_000_000n), at(4n, 100n, 4000n)),
  ]).toMatchInlineSnapshot(`
    [
      [
        "  we elect    copy 0: it is the only valid one",
        "  the driver  elects copy 0 too",
      ],
      [
        "  we elect    copy 1: it has the highest sequence (6; the others have 5 and 4)",
        "  the driver  elects copy 1 too",
      ],
      [
        "  we elect    copy 1: copies 0 and 1 share the highest sequence (5), and it is the newest of them",
        "  the driver  elects copy 1 too",
        "  AMBIGUOUS   copies 0 and 1 share sequence 5 but differ",
      ],
      [
        "  we elect    copy 0: copies 0 and 1 share the highest sequence (5) and the timestamp, so the lowest number wins",
        "  the driver  elects copy 0 too",
      ],
      [
        "  we elect    copy 1: copies 0, 1 and 2 share the highest sequence (5; the others have 4), and of them copies 1 and 2 the newest timestamp, so the lowest number wins",
        "  the driver  elects copy 1 too",
        "  AMBIGUOUS   copies 0, 1 and 2 share sequence 5 but differ",
      ],
      [
        "  we elect    copy 0: it is the only valid one",
        "  the driver  elects nobody",
      ],
      [
        "  we elect    copy 0: it has the highest sequence (5; the others have 4)",
        "  the driver  elects copy 1, sequence 4: ANOTHER TABLE",
        "  AMBIGUOUS   the driver elects copy 1, we elect copy 0, with another table",
      ],
    ]
  `);
});

test('twenty entries and twenty findings are enough, unless all are asked for', async () => {
  goldenFile(folder, 'u_hundred');
  const some = await shown('examine', 'u_hundred.img');
  expect(some).toContain('\n  ... and 80 more (--all lists them)\n');
  const all = await shown('examine', '--all', 'u_hundred.img');
  expect(some).toMatch(/ {2}\.\.\. and 81 more \(--all lists them\)\n$/); //  99 neighbours, PENDING entries and a note.
  expect(all.split('\n').length - some.split('\n').length).toBe(79 + 80);
});

test('colour is for terminals, and NO_COLOR turns it off', async () => {
  const path = join(folder, 'u_corrupt1.img');
  const coloured = async (isTTY: boolean, env = {}) =>
    (await dmremap(folder, ['check', path], { isTTY, env })).stdout.includes('\u001b[');
  expect(await coloured(true)).toBe(true);
  expect(await coloured(false)).toBe(false);
  expect(await coloured(true, { NO_COLOR: '1' })).toBe(false);
  expect(await coloured(true, { TERM: 'dumb' })).toBe(false);
});

test('a time is UTC, or beyond the calendar', () => {
  expect([0n, 1_760_000_000n, 8_640_000_000_000n, 8_640_000_000_001n, 2n ** 64n - 1n].map(utcOf)).toEqual([
    '1970-01-01T00:00:00Z',
    '2025-10-09T08:53:20Z',
    '+275760-09-13T00:00:00Z',
    'beyond the calendar',
    'beyond the calendar',
  ]);
});

test('a size has the largest unit that fits', () => {
  expect([0n, 1023n, 1024n, 1536n, 2n ** 20n, 2n ** 64n * 512n].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 MiB',
    '8.0 ZiB',
  ]);
});

test('flags have names, and unknown bits are shown', () => {
  expect([0, 1, 2, 3, 6, 0x8000].map(flagsText)).toEqual([
    '-',
    'PENDING',
    'ACTIVE',
    'PENDING+ACTIVE',
    'ACTIVE+0x4',
    '0x8000',
  ]);
});

test('a table has no spaces at the end of a line', () => {
  expect(
    table([{ title: 'n', align: 'right' }, { title: 'what' }, { title: '' }], [['10', 'x', '']]),
  ).toEqual([' n  what', '10  x']);
});

test('text from outside is shown byte by byte where it could do something', () => {
  expect(escapeText('a\tb\u007f\u0085\u200f\ud800é盤')).toBe(
    'a\\x09b\\x7f\\xc2\\x85\\xe2\\x80\\x8f\\xef\\xbf\\xbdé盤',
  );
  expect(escapeMessage('x'.repeat(5000))).toMatch(/^x{240}\.\.\.x{240}$/);
  expect(JSON.parse(jsonText({ text: '\u001b\u009b\u202e\u{e0001}\\' }))).toEqual({
    text: '\u001b\u009b\u202e\u{e0001}\\',
  });
  expect(jsonText({ text: '\u009b\u{e0001}' })).toBe('{\n  "text": "\\u009b\\udb40\\udc01"\n}\n');
});

test('a word is quoted only where a shell would not take it as it is', () => {
  expect(['/dev/sdb', 'a b', "it's", 'a\nb', "a\u001b'\\b", ''].map(shellQuote)).toEqual([
    '/dev/sdb',
    "'a b'",
    "'it'\\''s'",
    "$'a\\x0ab'",
    "$'a\\x1b\\'\\\\b'",
    "''",
  ]);
});

test('what check recommends where copies cannot be read', () => {
  const advice = (disk: string) =>
    recommendations(examineSlots(drawDisk(disk)), '/dev/sdb').flatMap((one) => adviceLines(one));
  expect([advice('1 1 ! 1 1'), advice('1 ! - 1 1'), advice('9+ 9+ 9+ 9+ 9+')]).toMatchInlineSnapshot(`
    [
      [
        "Repair: copy 2 should hold the elected table; the module never repairs a copy; what copy 2 may hold is lost then:",
        "    dmremap repair --rewrite-unreadable /dev/sdb",
      ],
      [
        "Repair: copies 1 and 2 should hold the elected table; the module never repairs a copy; what copy 1 may hold is lost then:",
        "    dmremap repair --rewrite-unreadable /dev/sdb",
      ],
      [
        "Clock: if it is the host that is wrong, set its clock before the module takes this spare (activated now, the spare is not kept), at least to 2025-10-10T08:53:21Z:",
        "    date -u -s '2025-10-10 08:53:21'",
        "Repair, where the clock of this host is right: the module does not take copy 0:",
        "    dmremap repair --ignore-clock /dev/sdb",
        "Handover, once the clock is right: the module starts again at sequence 2, the elected table has 9:",
        "    dmremap handover /dev/sdb",
      ],
    ]
  `);
});
