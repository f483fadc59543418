import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawnNow } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { random } from '../support/random.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, spawned, stateOf } from './harness.js';

const folder = scratchFolder();

/** A file with these bytes. Returns its path. */
function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const odd: readonly [name: string, path: string, verdict: string][] = [
  ['an empty file', file('empty', new Uint8Array(0)), 'short'],
  ['one byte', file('byte', new Uint8Array(1)), 'short'],
  ['a byte less than a copy', file('short', new Uint8Array(131_071)), 'short'],
  ['a copy and an odd rest of zeros', file('odd', new Uint8Array(131_073)), 'empty'],
  ['zeros', file('zeros', new Uint8Array(655_360)), 'empty'],
  ['noise', file('noise', random(1).fill(new Uint8Array(700_000))), 'empty'],
];

describe('examine --json prints one document that the schema accepts', () => {
  test.each(goldenImages)('$name', async ({ name, now, valid }) => {
    const path = goldenFile(folder, name);
    const ran = await dmremap(folder, ['examine', '--json', `--now=${now}`, path]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const document = documentOf(ran.stdout);
    expect(document).toMatchObject({ schema: 'dmremap.examine/1', path, now: `${now}` });
    expect(document.copies).toMatchObject(valid.map((accepts) => ({ driver: { accepts } })));
  });

  test.each(odd)('%s', async (_, path) => {
    const ran = await dmremap(folder, ['examine', '--json', path]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(documentOf(ran.stdout)).toMatchObject({ elections: { driver: null, ours: null, agree: true } });
  });

  test('a FIFO is refused at once, with nothing on stdout', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const command of ['examine', 'check']) {
      const ran = await spawned(folder, [command, '--json', fifo]);
      expect(ran).toMatchObject({
        status: 16,
        stdout: '',
        stderr: expect.stringContaining('(ERR_NOT_A_DEVICE)'),
      });
    }
  });

  test('--copy takes the entries from another copy; a damaged one is refused', async () => {
    const path = goldenFile(folder, 'u_conflict');
    const { stdout } = await dmremap(folder, ['examine', '--json', '--copy', '4', path]);
    expect(documentOf(stdout).entries).toHaveLength(5);
    const damaged = goldenFile(folder, 'u_corrupt1');
    const refused = await dmremap(folder, ['examine', '--json', '--copy=0', damaged]);
    expect(refused).toMatchObject({
      status: 16,
      stdout: '',
      stderr: expect.stringContaining('(ERR_COPY_NOT_VALID)'),
    });
  });

  test('--now is the clock of the judgement, the host only where it is left out', async () => {
    const path = goldenFile(folder, 'u_one');
    const early = await dmremap(folder, ['examine', '--json', '--now=0', path]);
    expect(documentOf(early.stdout)).toMatchObject({ now: '0', activation: { verdict: 'wipes' } });
    const host = await dmremap(folder, ['examine', '--json', path]);
    expect(documentOf(host.stdout)).toMatchObject({ now: `${drawnNow}`, activation: { verdict: 'keeps' } });
  });
});

describe('check judges', () => {
  //  At the time that the manifest gives.
  test.each([
    ['u_empty', 'clean'],
    ['u_one', 'clean'],
    ['u_hundred', 'clean'],
    ['u_max2048', 'clean'],
    ['real_empty', 'clean'],
    ['real_three', 'clean'],
    ['u_corrupt1', 'damaged'],
    ['real_corrupt2', 'damaged'],
    ['u_short300k', 'damaged'], //  For a spare sector inside the metadata; that copies are missing is a warning.
    ['real_autoremap', 'damaged'],
    ['u_torn', 'damaged'],
    ['u_future', 'damaged'],
    ['u_conflict', 'ambiguous'],
    ['u_seqregress', 'ambiguous'],
  ])('%s: %s', async (name, verdict) => {
    const now = goldenImages.find((image) => image.name === name)?.now;
    const path = goldenFile(folder, name);
    const json = await dmremap(folder, ['check', '--json', `--now=${now}`, path]);
    const exitStatus = verdict === 'clean' ? 0 : 4;
    expect(json).toMatchObject({ status: exitStatus, stderr: '' });
    expect(documentOf(json.stdout)).toMatchObject({ path, verdict, exitStatus });
    const human = await dmremap(folder, ['check', `--now=${now}`, path]);
    expect(human.status).toBe(exitStatus);
    expect(human.stdout.split('\n')[0]).toContain(`${path}: ${verdict.toUpperCase()}: `);
  });

  test.each(odd)('%s', async (_, path, verdict) => {
    const { status, stdout } = await dmremap(folder, ['check', '--json', path]);
    expect(status).toBe(4);
    expect(documentOf(stdout)).toMatchObject({ verdict, exitStatus: 4 });
  });

  test('a host that is more than a day behind endangers a good table', async () => {
    const { status, stdout } = await dmremap(folder, [
      'check',
      '--json',
      '--now=1',
      goldenFile(folder, 'u_one'),
    ]);
    expect(status).toBe(4);
    expect(documentOf(stdout)).toMatchObject({ verdict: 'endangered', activation: { verdict: 'wipes' } });
  });

  test('a table at the documented places only is not what the module would find', async () => {
    const image = new Uint8Array(8 * 2 ** 20);
    const copy = stateOf(goldenFile(folder, 'u_one')).bytes.slice(0, 131_072);
    for (const at of [1_048_576, 2_097_152]) image.set(Buffer.from(copy, 'latin1'), at);
    const path = file('documented', image);
    const { status, stdout } = await dmremap(folder, ['check', '--json', path]);
    expect(status).toBe(4);
    expect(documentOf(stdout)).toMatchObject({ geometry: 'documented', verdict: 'endangered' });
    const driver = await dmremap(folder, ['check', '--json', '--geometry=driver', path]);
    expect(documentOf(driver.stdout)).toMatchObject({ geometry: 'driver', verdict: 'empty' });
  });

  test('it recommends handing over where the sequence is above 1, and names the damaged copies', async () => {
    const { stdout } = await dmremap(folder, ['check', '--now=1760000000', goldenFile(folder, 'u_corrupt1')]);
    expect(stdout).toContain(
      `Repair: copy 0 should hold the elected table; the module never repairs a copy:\n        dmremap repair ${folder}/u_corrupt1.img\n`,
    );
    expect(stdout).toContain(
      `Handover: the module starts again at sequence 2, the elected table has 2:\n        dmremap handover ${folder}/u_corrupt1.img\n`,
    );
  });

  test('where the clock is behind, it names the date to set, and a command that date(1) takes', async () => {
    const path = goldenFile(folder, 'u_future');
    const { stdout } = await dmremap(folder, ['check', '--now=1750000000', path]);
    expect(stdout).toContain('activated now, the spare is not kept');
    const date = /^ +date -u -s '([^']*)'$/m.exec(stdout)?.[1] ?? '';
    const seconds = execFileSync('date', ['-u', '-d', date, '+%s'], { encoding: 'utf8' }).trim();
    expect(seconds).toBe('1760086401'); //  The newest copy.
    const then = await dmremap(folder, ['check', '--json', `--now=${seconds}`, path]);
    expect(documentOf(then.stdout)).toMatchObject({ activation: { verdict: 'keeps' } });
    const right = await dmremap(folder, ['check', `--now=${seconds}`, path]);
    expect(right.stdout).not.toContain('date -u -s');
  });

  test('where the table is in doubt, it does not recommend to overwrite the other one', async () => {
    const { stdout } = await dmremap(folder, [
      'check',
      '--now=1760000000',
      goldenFile(folder, 'u_seqregress'),
    ]);
    expect(stdout).not.toContain('Repair:');
    expect(stdout).toContain('choose: a newer table may not be the elected one:');
    //  Copies 0 and 1 hold one table, 2 to 4 the other.
    const offered = [...stdout.matchAll(/^ +dmremap repair --use copy=(\d) (.*)$/gm)];
    expect(offered.map(([, copy, path]) => [copy, path])).toEqual([
      ['0', `--allow-data-in-metadata ${folder}/u_seqregress.img`],
      ['2', `--allow-data-in-metadata ${folder}/u_seqregress.img`],
    ]);
    expect(stdout).not.toContain('dmremap handover');
  });

  test('the commands that it names can be typed as they are', async () => {
    const path = join(folder, "it's a 'spare'.img");
    writeFileSync(path, stateOf(goldenFile(folder, 'u_corrupt1')).bytes, 'latin1');
    //  However narrow the terminal: a command is never folded.
    const { stdout } = await dmremap(folder, ['check', path], { env: { COLUMNS: '40' } });
    const command = /^ +(dmremap repair .*)$/m.exec(stdout)?.[1] ?? '';
    const words = execFileSync('bash', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
    expect(words).toBe(`dmremap\nrepair\n${path}\n`);
  });

  test('it recommends to create only where there is nothing, at neither of the places', async () => {
    const create = async (bytes: Uint8Array, ...options: string[]) => {
      const { stdout } = await dmremap(folder, ['check', ...options, file('to-create', bytes)]);
      return /^ +dmremap create --main MAIN /m.test(stdout);
    };
    const blank = new Uint8Array(8 * 2 ** 20);
    expect(await create(blank)).toBe(true);
    const spare = Uint8Array.from(blank);
    spare.set(goldenBytes('u_one'));
    expect(await create(spare, '--geometry=documented')).toBe(false);
    const documented = Uint8Array.from(blank);
    documented.set(goldenBytes('u_one').subarray(0, 131_072), 1_048_576);
    expect(await create(documented, '--geometry=driver')).toBe(false);
  });

  test('at the documented places, where nothing is repaired, it names no command', async () => {
    const image = new Uint8Array(8 * 2 ** 20);
    const copy = stateOf(goldenFile(folder, 'u_one')).bytes.slice(0, 131_072);
    image.set(Buffer.from(copy, 'latin1'), 1_048_576);
    const { stdout } = await dmremap(folder, ['check', file('documented-one', image)]);
    expect(stdout).toContain('Handover: ');
    expect(stdout).not.toMatch(/dmremap (repair|handover)/);
  });
});

describe('remap list', () => {
  test('lists the table, for people and for scripts', async () => {
    const path = goldenFile(folder, 'u_hundred');
    const human = await dmremap(folder, ['remap', 'list', path]);
    expect(human).toMatchObject({ status: 0, stderr: '' });
    expect(human.stdout.trimEnd().split('\n')).toHaveLength(102);
    const { stdout } = await dmremap(folder, ['remap', 'list', '--json', path]);
    const examined = await dmremap(folder, ['examine', '--json', path]);
    expect(documentOf(stdout).entries).toEqual(documentOf(examined.stdout).entries);
  });

  test('warns on stderr where another table could be the right one', async () => {
    const path = goldenFile(folder, 'u_conflict');
    const ran = await dmremap(folder, ['remap', 'list', '--json', path]);
    expect(ran.stderr).toContain('dmremap: warning:');
    expect(documentOf(ran.stdout)).toMatchObject({ copy: 2 });
    const named = await dmremap(folder, ['remap', 'list', '--json', '--copy=0', path]);
    expect(named.stderr).toBe('');
    expect(documentOf(named.stdout)).toMatchObject({ copy: 0 });
  });

  test('fails where there is no table', async () => {
    const ran = await dmremap(folder, ['remap', 'list', join(folder, 'zeros')]);
    expect(ran).toMatchObject({
      status: 8,
      stdout: '',
      stderr: expect.stringContaining('(ERR_NO_METADATA)'),
    });
  });
});

test.each(['examine', 'check', 'repair', 'remap list', 'remap lookup', 'doctor'])(
  '%s leaves the file byte for byte and minute for minute as it was',
  async (command) => {
    for (const name of ['u_one', 'u_corrupt1', 'u_conflict', 'u_short300k']) {
      const path = goldenFile(folder, name);
      const before = stateOf(path);
      const more = command === 'remap lookup' ? ['1+7'] : [];
      await dmremap(folder, [...command.split(' '), path, ...more]);
      await spawned(folder, [...command.split(' '), '--json', path, ...more]);
      expect(stateOf(path)).toEqual(before);
    }
  },
);

test('nothing is opened for writing: not even a program that runs minds', async () => {
  //  The kernel refuses that with ETXTBSY.
  const program = join(folder, 'program');
  copyFileSync('/bin/sleep', program);
  chmodSync(program, 0o755);
  const running = spawn(program, ['60'], { stdio: 'ignore' });
  await new Promise((resolve) => running.once('spawn', resolve));
  try {
    expect(await dmremap(folder, ['examine', program])).toMatchObject({ status: 0, stderr: '' });
    expect(await dmremap(folder, ['doctor', program])).toMatchObject({ status: 0, stderr: '' });
    expect(await dmremap(folder, ['check', program])).toMatchObject({ status: 4, stderr: '' });
    expect(await dmremap(folder, ['repair', program])).toMatchObject({ status: 4, stderr: '' });
    const listed = await dmremap(folder, ['remap', 'list', program]);
    expect(listed.stderr).toContain('(ERR_NO_METADATA)');
  } finally {
    running.kill();
  }
});

test('a command that was cancelled before it began says so', async () => {
  const path = goldenFile(folder, 'u_one');
  for (const argv of [
    ['examine', path],
    ['check', path],
    ['remap', 'list', path],
    ['remap', 'add', path, '5'],
    ['remap', 'remove', path, '1000'],
    ['remap', 'lookup', path, '1000'],
    ['repair', path],
    ['repair', '--apply', path],
    ['handover', path],
    ['doctor', path],
  ]) {
    const ran = await dmremap(folder, argv, { signal: AbortSignal.abort(new Error('SIGINT')) });
    expect(ran).toMatchObject({ status: 32, stdout: '', stderr: expect.stringContaining('(ABORT_ERR)') });
  }
});
