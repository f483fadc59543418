import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commands } from '../../lib/cli/commands.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, goldenFile, stateOf } from './harness.js';

const folder = scratchFolder();
const image = goldenFile(folder, 'u_one');
const spare = join(folder, 'spare.img');
writeFileSync(spare, new Uint8Array(2 ** 20));

//  What is wrong, and how the line names it.
const refused: readonly [argv: readonly string[], says: string][] = [
  [['foo'], "unknown command 'foo'"],
  [[''], "unknown command ''"],
  [
    ['remap'],
    "a command is missing: 'remap list', 'remap lookup', 'remap add', 'remap remove', 'remap forget' or 'remap import'",
  ],
  [
    ['remap', 'drop'],
    "unknown command 'remap drop': 'remap list', 'remap lookup', 'remap add', 'remap remove', 'remap forget' or 'remap import'",
  ],
  [['__proto__'], "unknown command '__proto__'"],
  [['constructor', image], "unknown command 'constructor'"],
  [['--json', 'examine', image], "unknown option '--json'"],
  [['--', 'examine', image], 'a command is missing'],
  [['--version', 'examine'], "'--version' stands alone"],
  [['--help', '--json'], "unknown option '--json'"],
  [['exmaine', image], "unknown command 'exmaine': did you mean 'examine'?"],
  [['exmaine', '--help'], "unknown command 'exmaine': did you mean 'examine'?"],
  [['--versoin'], "unknown option '--versoin': did you mean '--version'?"],
  [['remap', 'lost', image], "unknown command 'remap lost': did you mean 'remap list'?"],
  [['remap', 'drop', '--help'], "unknown command 'remap drop': 'remap list', "],
  [['check', '--jsno', image], "unknown option '--jsno': did you mean '--json'?"],
  [['check', '--geometri=driver', image], "unknown option '--geometri': did you mean '--geometry'?"],
  [['completion'], 'SHELL is missing'],
  [['completion', 'tcsh'], "no such shell: 'tcsh': one of bash, zsh, fish"],
  [['completion', 'constructor'], "no such shell: 'constructor'"],
  [['examine'], 'PATH is missing'],
  [['examine', ''], 'PATH is empty'],
  [['examine', image, image], 'is one operand too many'],
  [['examine', '--foo', image], "unknown option '--foo'"],
  [['examine', '-x', image], "unknown option '-x'"],
  [['examine', '--__proto__', image], "unknown option '--__proto__'"],
  [['examine', '--toString=1', image], "unknown option '--toString'"],
  [['examine', '--js', image], "unknown option '--js'"],
  [['examine', '--json=yes', image], "option '--json' takes no value"],
  [['examine', '--json', '--json', image], "option '--json' is given twice"],
  [['examine', '--now', '1', '--now', '2', image], "option '--now' is given twice"],
  [['examine', image, '--now'], "option '--now' needs a value: SECONDS"],
  [['examine', '--now', '--json', image], "option '--now' needs a value: SECONDS"],
  [['examine', '--geometry=both', image], "bad value 'both' for --geometry: one of auto, driver, documented"],
  [['examine', '--geometry=', image], "bad value '' for --geometry"],
  [['examine', '--copy=5', image], "bad number '5' for --copy: a whole decimal number from 0 to 4"],
  [['examine', '--compare=0', image], "bad value '0' for --compare: two copies or more, with commas: A,B"],
  [['examine', '--compare=1,1', image], "bad value '1,1' for --compare"],
  [['examine', '--compare=0,5', image], "bad number '5' for --compare: a whole decimal number from 0 to 4"],
  [['examine', '--compare=', image], "bad number '' for --compare"],
  [['examine', '--compare=0,', image], "bad number '' for --compare"],
  [['examine', '--compare', '--compare=0,1', image], "option '--compare' is given twice"],
  [['examine', '--compare', '0,1', image], 'is one operand too many'],
  [['check', '--all=1', image], "option '--all' takes no value"],
  [['create', spare], "option '--main' needs a value"],
  [['create', '--main=', spare], "option '--main' needs a value"],
  [['create', '--main=0', spare], "bad number '0' for --main"],
  [['create', '--main=18446744073709551616', spare], "bad number '18446744073709551616'"],
  [['create', '--main=0x10', spare], "neither a decimal number of sectors nor a path that exists: '0x10'"],
  [['create', '--main=-1', spare], "neither a decimal number of sectors nor a path that exists: '-1'"],
  [['create', `--main=${spare}`, spare], 'main and spare are the same'],
  [['create', '--main=9', '--copy-index=both', spare], "bad value 'both' for --copy-index: one of own, zero"],
  [['create', '--main=9', '--backup=', spare], '--backup needs a value'],
  [['create', '--main=9', '--backup=a', '--no-backup', spare], 'exclude each other'],
  [['create', '--main=9', '--timeout=2147483648', spare], "bad number '2147483648' for --timeout"],
  [['remap', 'add', image], 'ORIGINAL is missing'],
  [['remap', 'add'], 'SPARE is missing'],
  [['remap', 'add', '', '1'], 'SPARE is empty'],
  [['remap', 'add', image, '1:2:3'], "bad remap '1:2:3'"],
  [['remap', 'add', image, '5:'], "bad number '' for SPARESECTOR"],
  [['remap', 'add', image, ':5'], "bad number '' for ORIGINAL"],
  [['remap', 'add', '--spacing=4', image, '5'], "bad value '4' for --spacing: one of 8, 1"],
  [['remap', 'remove', image], 'ORIGINAL is missing'],
  [['remap', 'remove'], 'SPARE is missing'],
  [['remap', 'remove', '', '1'], 'SPARE is empty'],
  [['remap', 'remove', image, '1000:3000'], "bad number '1000:3000' for ORIGINAL"],
  [['remap', 'remove', '--spacing=1', image, '5'], "unknown option '--spacing'"],
  [['remap', 'import', image], 'FILE is missing'],
  [['remap', 'import', image, ''], 'FILE is empty'],
  [
    ['remap', 'import', '--format=xml', image, 'a'],
    "bad value 'xml' for --format: one of json, csv, messages",
  ],
  [['remap', 'lookup', image], 'SECTOR is missing'],
  [['remap', 'lookup'], 'PATH is missing'],
  [['remap', 'lookup', '', '1'], 'PATH is empty'],
  [['remap', 'lookup', image, '1+2+3'], "bad request '1+2+3'"],
  [['remap', 'lookup', image, '1+0'], "bad number '0' for COUNT: a whole decimal number from 1"],
  [['remap', 'lookup', image, '1+0x10'], "bad number '0x10' for COUNT"],
  [['remap', 'lookup', image, '1+'], "bad number '' for COUNT"],
  [['remap', 'lookup', image, '+1'], "bad number '' for SECTOR"],
  [['remap', 'lookup', '--backup=x', image, '1'], "unknown option '--backup'"],
  [['remap', 'lookup', image, '16384'], "'16384' does not lie on main, which has 16384 sectors"],
  [['remap', 'lookup', image, '0', '16383+2'], "'16383+2' does not lie on main"],
  [['remap', 'lookup', image, `${2n ** 64n - 1n}+${2n ** 64n - 1n}`], 'does not lie on main'],
  [['repair'], 'PATH is missing'],
  [['repair', ''], 'PATH is empty'],
  [['repair', image, image], 'is one operand too many'],
  [['repair', '--use=copy=5', image], "bad number '5' for --use copy="],
  [['repair', '--ghosts=0', image], "option '--ghosts' takes no value"],
  [['repair', '--ghost-index=', image], "bad number '' for --ghost-index"],
  [['repair', '--ghost-index=1-', image], "bad number '' for --ghost-index"],
  [['repair', '--ghost-index=5-3', image], "bad number '3' for --ghost-index: a whole decimal number from 5"],
  [['repair', '--ghost-index=1-2-3', image], "bad value '1-2-3' for --ghost-index: N or N-N"],
  [['repair', '--ghost-index=0,2048', image], "bad number '2048' for --ghost-index"],
  [['repair', '--ghosts', `--use=file=${image}`, image], '--use names a file'],
  [['repair', '--apply=yes', image], "option '--apply' takes no value"],
  [['repair', '--backup=a', '--no-backup', image], 'exclude each other'],
  [['repair', '--timeout=-1', image], "bad number '-1' for --timeout"],
  [['relocate'], 'PATH is missing'],
  [['relocate', '--copy=5', image], "bad number '5' for --copy"],
  [['relocate', '--plan=1', '--apply', image], "bad value '1' for --plan"],
  [['relocate', `--plan=1-${'0'.repeat(32)}`, image], "'--plan' goes with '--apply'"],
  [['relocate', '--avoid=1280,', image], "bad number '' for --avoid"],
  [['relocate', '--avoid=18446744073709551616', image], 'for --avoid: a whole decimal number from 0'],
  [['relocate', '--doubtful=1', image], "option '--doubtful' takes no value"],
  [['doctor', ''], 'PATH is empty'],
  [['doctor', image, image], 'is one operand too many'],
  [['doctor', '--engine=threads'], "unknown option '--engine'"],
  [['doctor', '--json=yes'], "option '--json' takes no value"],
  [['restore', spare], "'--backup FILE' or '--dump FILE' is missing"],
  [['restore', '--backup=a', '--dump=b', spare], "'--backup' and '--dump' exclude each other"],
  [['restore', '--dump=', spare], '--dump is empty'],
  [['restore', '--dump=a'], 'SPARE is missing'],
  [['restore', '--dump=a', '--copy=1', spare], "'--copy' and '--dump' exclude each other"],
  [['restore', '--backup=a', '--allow-flaws', spare], "'--allow-flaws' and '--backup' exclude each other"],
  [['restore', '--dump=a', '--output=b', spare], 'is one operand too many'],
  [['restore', '--dump=a', '--output='], '--output is empty'],
  [['restore', '--dump=a', '--output=b', '--yes=c'], "'--yes' and '--output' exclude each other"],
  [['dump'], 'PATH is missing'],
  [['dump', '--copy=5', image], "bad number '5' for --copy"],
  [['export', image], "'--format' is missing: one of dmsetup, messages, json, csv"],
  [['export', '--format=xml', image], "bad value 'xml' for --format: one of dmsetup, messages, json, csv"],
  [['export', '--json', '--format=csv', image], "'--json' and '--format csv' exclude each other"],
  [['export', '--format=csv', '--main=/dev/sda', image], "'--main' means nothing to '--format csv'"],
  [['export', '--format=messages', '--concise', image], "'--concise' means nothing to '--format messages'"],
  [['export', '--format=messages', image], "'--name' is missing"],
  [['export', '--format=messages', '--name=a/b', image], "'a/b' cannot be written for --name: it has a '/'"],
  [['export', '--format=messages', '--name=--json', image], 'dmsetup would take it for an option'],
  [['export', '--format=dmsetup', image], "'--main' is missing"],
  [['export', '--format=dmsetup', '--main=', image], 'it is empty'],
  [['export', '--format=dmsetup', '--main=a', '--name=b', image], "'--name' goes with '--concise'"],
  [['export', '--format=dmsetup', '--main=a', '--concise', image], "'--name' is missing"],
  [['export', '--format=dmsetup', '--main=a#b', image], "dmsetup takes '#' for a comment"],
  [['export', '--format=dmsetup', '--main=a', '--spare=b ', image], 'cuts off the space at its end'],
  [['export', '--format=dmsetup', '--main=a\nb', image], 'characters that are not shown'],
  [['export', '--format=dmsetup', '--main=/dev/à', image], 'a byte of it (0xa0) for a space'],
  [['handover'], 'SPARE is missing'],
  [['handover', '--copy=1', image], "unknown option '--copy'"],
  [['handover', '--copy-index=both', image], "bad value 'both' for --copy-index: one of own, zero"],
  [['handover', '--backup=', image], '--backup needs a value'],
];

test.each(refused)('%j is refused with one line, a hint and 16', async (argv, says) => {
  const before = stateOf(image);
  const { status, stdout, stderr } = await dmremap(folder, argv);
  const lines = stderr.split('\n');
  expect({ status, stdout, lines: lines.length }).toEqual({ status: 16, stdout: '', lines: 3 });
  expect(lines[0]).toContain(says);
  expect(lines[0]).toMatch(/^dmremap: .* \(ERR_USAGE\)$/);
  expect(lines[1]).toMatch(/^Try 'dmremap .*--help'\.$/);
  expect(stateOf(image)).toEqual(before);
});

describe('a number is decimal digits and nothing else', () => {
  const bad = [
    '0x10',
    '1e3',
    '',
    '-1',
    '+1',
    '1.5',
    ' 1',
    '1 ',
    '1_000',
    '0b1',
    '٣',
    '1n',
    'NaN',
    'Infinity',
    '9'.repeat(9999),
  ];
  test.each(bad.map((number) => [number.slice(0, 24), number]))('%j', async (_, number) => {
    for (const argv of [
      ['examine', `--now=${number}`, image],
      ['examine', `--copy=${number}`, image],
      ['remap', 'add', `--timeout=${number}`, image, '5'],
      ['remap', 'add', '--', image, number],
      ['remap', 'add', image, `5:${number}`],
      ['remap', 'remove', '--', image, number],
      ['remap', 'lookup', '--', image, number],
      ['repair', `--use=copy=${number}`, image],
      ['handover', `--timeout=${number}`, image],
    ]) {
      const { status, stderr } = await dmremap(folder, argv);
      expect({ status, stderr }).toEqual({
        status: 16,
        stderr: expect.stringContaining('dmremap: bad number'),
      });
      expect(stderr.length).toBeLessThan(700);
    }
  });

  test('the largest 64-bit number is one', async () => {
    const { status, stdout } = await dmremap(folder, ['examine', '--now=18446744073709551615', image]);
    expect(status).toBe(0);
    expect(stdout).toContain('judged at beyond the calendar (18446744073709551615)');
  });
});

describe('paths', () => {
  //  Read before PATH is opened, so it has to be right.
  const table = join(folder, 'table.json');
  beforeAll(async () => {
    writeFileSync(table, (await dmremap(folder, ['dump', '--json', image])).stdout);
  });

  test.each([
    ['-', 'ERR_DEVICE_NOT_FOUND'],
    ['--foo', 'ERR_DEVICE_NOT_FOUND'],
    ['a'.repeat(100_000), 'ERR_DEVICE_NOT_FOUND'],
    [join(image, 'below'), 'ERR_DEVICE_NOT_FOUND'],
    [folder, 'ERR_NOT_A_DEVICE'],
    ['/dev/null', 'ERR_NOT_A_DEVICE'],
  ])('%.20s is an input error for every command', async (path, code) => {
    for (const argv of [
      ['examine', '--', path],
      ['examine', '--json', '--', path],
      ['check', '--', path],
      ['remap', 'list', '--', path],
      ['dump', '--', path],
      ['export', '--format=csv', '--', path],
      ['remap', 'add', '--', path, '5'],
      ['create', '--main=100', '--', path],
      ['repair', '--', path],
      ['repair', '--apply', '--', path],
      ['handover', '--', path],
      ['restore', `--dump=${table}`, '--', path],
      ['remap', 'import', '--', path, table],
      ['remap', 'remove', '--', path, '5'],
      ['remap', 'lookup', '--', path, '5'],
    ]) {
      const { status, stdout, stderr } = await dmremap(folder, argv);
      expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^dmremap: .*\\(${code}\\)\n$`));
      expect(stderr.length).toBeLessThan(700);
    }
  });

  test('a path behind -- is a path, whatever it begins with', async () => {
    writeFileSync(join(folder, '--json'), stateOf(image).bytes, 'latin1');
    //  The device is opened relative to the process, so by an absolute path; its name is what counts here.
    const { status, stdout } = await dmremap(folder, ['examine', '--', join(folder, '--json')]);
    expect({ status, json: stdout.startsWith('{') }).toEqual({ status: 0, json: false });
  });

  test('a path cannot steer a terminal, on stdout, on stderr and in JSON', async () => {
    const hostile = join(folder, 'a\u001b[31m\n\u009b\u202eb\u2028');
    const missing = await dmremap(folder, ['examine', `${hostile}gone`]);
    expect(missing.stderr).toContain('a\\x1b[31m\\x0a\\xc2\\x9b\\xe2\\x80\\xaeb\\xe2\\x80\\xa8gone: no such');
    writeFileSync(hostile, stateOf(image).bytes, 'latin1');
    const human = await dmremap(folder, ['examine', hostile]);
    const json = await dmremap(folder, ['examine', '--json', hostile]);
    for (const text of [missing.stderr, human.stdout, json.stdout]) {
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
    expect(JSON.parse(json.stdout).path).toBe(hostile);
  });
});

describe('help', () => {
  test('without arguments the usage goes to stderr, with 16', async () => {
    const { status, stdout, stderr } = await dmremap(folder, []);
    expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
    expect(stderr).toMatch(/^usage: dmremap COMMAND/);
  });

  test.each([
    [['--help'], /examine .*\n.*check .*\n/],
    [['--help', 'examine'], /^usage: dmremap COMMAND/],
    [['remap', '--help', 'list'], /^usage: dmremap remap COMMAND/],
    [['examine', '--help'], /^usage: dmremap examine \[options\] PATH\n/],
    [['examine', '-h', '--foo'], /--geometry auto\|driver\|documented/],
    [['check', '--help'], /^usage: dmremap check/],
    [['create', '--help'], /--main SECTORS\|PATH/],
    [['remap', '--help'], /remap list .*\n.*remap lookup .*\n.*remap add .*\n.*remap remove/],
    [['repair', '--help'], /--rewrite-unreadable/],
    [['doctor', '--help'], /^usage: dmremap doctor \[options\] \[PATH\]\n/],
    [['handover', '--help'], /The module\sstarts at sequence 2 after each load/],
    [
      ['remap', 'lookup', '--help'],
      /^usage: dmremap remap lookup \[options\] PATH SECTOR\[\+COUNT\]\.\.\.\n/,
    ],
    [['remap', 'remove', '--help'], /The data is\sNOT copied back/],
    [['remap', 'list', '--help'], /^usage: dmremap remap list/],
    [
      ['remap', 'add', '--help'],
      /^usage: dmremap remap add \[options\] SPARE ORIGINAL\[:SPARESECTOR\]\.\.\.\n/,
    ],
    [['--version'], /^dmremap \d+\.\d+\.\d+\n$/],
  ])('%j goes to stdout, with 0', async (argv, text) => {
    const { status, stdout, stderr } = await dmremap(folder, argv);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(text);
  });

  test('no line of any help is wider than a terminal', async () => {
    for (const name of ['', 'remap', ...Object.keys(commands)]) {
      const { stdout } = await dmremap(folder, [...name.split(' ').filter(Boolean), '--help']);
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  test('who asks for help gets it, whatever else is wrong', async () => {
    for (const argv of [
      ['--json=1'],
      ['--json', '--json'],
      ['--foo'],
      ['one', 'two'],
      ['-x', '--now=1', '--now=2'],
    ]) {
      expect(await dmremap(folder, ['check', ...argv, '--help'])).toMatchObject({ status: 0, stderr: '' });
    }
  });
});

test('whatever was refused, no backup was made', () => {
  expect(readdirSync(folder)).not.toContain('state');
});
