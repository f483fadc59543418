// Between the plan and the first write: what the path leads to then has to be what was planned for, and nothing is written
// where it is not.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { goldenBytes } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { type LoopDevice, loopDevice, whyNoLoop } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { backupsIn, dmremap, goldenFile, spawned } from './harness.js';

const original = Buffer.concat([goldenBytes('u_corrupt1').subarray(0, 655_360), Buffer.alloc(2 ** 20)]);
beforeEach(() => {
  writeFileSync(spare, original);
});

/** Every command that writes, on a spare on which it has something to do. */
const commands: readonly (readonly string[])[] = [
  ['create', '--force', '--main=16384', '--yes=SPARE', 'SPARE'],
  ['repair', '--apply', 'SPARE'],
  ['handover', 'SPARE'],
  ['remap', 'add', 'SPARE', '5:6000'],
  ['remap', 'remove', 'SPARE', '1000'],
  ['restore', '--backup=BACKUP', 'SPARE'],
  ['undo', 'SAVED', 'SPARE'],
];

/** Runs a command on `path`, and does something else when it has saved what it is going to overwrite. */
async function disturbed(argv: readonly string[], path: string, meanwhile: () => void) {
  const files = { SPARE: path, BACKUP: join(folder, 'backup'), SAVED: join(folder, 'saved') };
  const prepared = join(folder, 'prepared.img');
  writeFileSync(prepared, original);
  await dmremap(folder, ['backup', prepared, files.BACKUP]);
  await dmremap(folder, ['repair', '--apply', `--backup=${files.SAVED}`, prepared]);
  let done = 0;
  const ran = await dmremap(
    folder,
    argv.map((word) => word.replace(/SPARE|BACKUP|SAVED/, (name) => files[name as keyof typeof files])),
    {
      onStderr: (text) => {
        if (!text.startsWith('saved ') || done++ > 0) return;
        meanwhile();
      },
    },
  );
  expect(done, ran.stderr).toBe(1);
  return ran;
}

const refused = (why: RegExp) => ({
  status: 8,
  stderr: expect.stringMatching(
    new RegExp(
      `not as it was when this was planned, so nothing is written: ${why.source} \\(ERR_DEVICE_CHANGED\\)\\n  nothing was written\\n$`,
    ),
  ),
});

//  An undo has something to do only where the repair was made.
const repaired = (argv: readonly string[]) => argv[0] === 'undo';

describe.each(
  share(commands, 3).map((argv) => [argv.slice(0, argv[0] === 'remap' ? 2 : 1).join(' '), argv] as const),
)('%s writes nothing', (_, argv) => {
  beforeEach(async () => {
    if (repaired(argv)) await dmremap(folder, ['repair', '--apply', '--no-backup', spare]);
  });

  test('where another file was renamed to the path', async () => {
    const before = readFileSync(spare);
    const aside = join(folder, 'aside.img');
    const ran = await disturbed(argv, spare, () => {
      copyFileSync(spare, aside);
      renameSync(spare, join(folder, 'gone.img'));
      renameSync(aside, spare);
    });
    expect(ran).toMatchObject(refused(/its inode is \d+, it was \d+/));
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect(readFileSync(join(folder, 'gone.img')).equals(before)).toBe(true);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('where the file was cut off', async () => {
    const before = readFileSync(spare);
    const ran = await disturbed(argv, spare, () => truncateSync(spare, 655_360));
    expect(ran).toMatchObject(refused(/its size in bytes is 655360, it was \d+/));
    expect(readFileSync(spare).equals(before.subarray(0, 655_360))).toBe(true);
    expect(backupsIn(folder)).toEqual([]);
  });
});

test('a path that leads nowhere any more is refused too', async () => {
  const ran = await disturbed(['handover', 'SPARE'], spare, () =>
    renameSync(spare, join(folder, 'gone.img')),
  );
  expect(ran).toMatchObject(refused(/it cannot be opened again \(ENOENT\)/));
  expect(readFileSync(join(folder, 'gone.img')).equals(original)).toBe(true);
});

test('a link is shown with what it leads to, and what it leads to later is not written', async () => {
  const link = join(folder, 'by-id');
  const other = goldenFile(folder, 'u_one');
  symlinkSync(spare, link);
  const before = readFileSync(other);
  const ran = await disturbed(['repair', '--apply', 'SPARE'], link, () => {
    rmSync(link);
    symlinkSync(other, link);
  });
  expect(ran).toMatchObject(refused(/its .* is .*, it was .*/));
  expect(ran.stderr).toMatch(new RegExp(`^${link} -> ${spare}\n`));
  expect(readFileSync(other).equals(before)).toBe(true);

  rmSync(link);
  symlinkSync(spare, link);
  const again = await dmremap(folder, ['repair', '--apply', link]);
  expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining(`${link} -> ${spare}\n`) });
  const plain = await dmremap(folder, ['remap', 'add', spare, '5:6000']);
  expect(plain).toMatchObject({ status: 0, stderr: expect.not.stringContaining(' -> ') });
});

const noLoop = whyNoLoop();
describe.skipIf(noLoop !== undefined)(noLoop ?? 'on block devices', () => {
  const loops: LoopDevice[] = [];
  const attach = (file: string) => {
    const loop = loopDevice(file);
    loops.push(loop);
    return loop;
  };
  const detachAll = () => {
    for (const loop of loops.splice(0)) loop.detach();
  };

  test('a link that leads to another device later is refused', async () => {
    const other = goldenFile(folder, 'u_one');
    const [first, second] = [attach(spare), attach(other)];
    const link = join(folder, 'by-id');
    symlinkSync(first.path, link);
    const before = [readFileSync(spare), readFileSync(other)];
    const ran = await disturbed(['handover', 'SPARE'], link, () => {
      rmSync(link);
      symlinkSync(second.path, link);
    });
    detachAll();
    expect(ran).toMatchObject(refused(/its (size in bytes|device number) is .*, it was .*/));
    expect(ran.stderr).toContain(`${link} -> ${first.path}\n`);
    expect([readFileSync(spare), readFileSync(other)]).toEqual(before);
  });

  test('a device that has another size later is refused', async () => {
    const loop = attach(spare);
    const before = readFileSync(spare);
    const ran = await disturbed(['handover', 'SPARE'], loop.path, () => {
      truncateSync(spare, 655_360);
      execFileSync('losetup', ['--set-capacity', loop.path]);
    });
    detachAll();
    expect(ran).toMatchObject(refused(/its size in bytes is 655360, it was \d+/));
    expect(readFileSync(spare).equals(before.subarray(0, 655_360))).toBe(true);
  });

  test('an undo does not find its spare under a name that has been given to another file', async () => {
    const twin = join(folder, 'twin.img');
    copyFileSync(spare, twin);
    const first = attach(spare);
    const done = await spawned(folder, ['repair', '--apply', '--backup=saved', first.path]);
    expect(done.status).toBe(1);
    detachAll();
    //  The kernel lets go of it in its own time.
    while (execFileSync('losetup', ['--associated', spare], { encoding: 'utf8' }) !== '');
    execFileSync('losetup', [first.path, twin]);
    try {
      const ran = await spawned(folder, ['undo', 'saved']);
      expect(ran).toMatchObject({ status: 8, stdout: '' });
      expect(ran.stderr).toMatch(/its disk sequence is \d+, it was \d+ \(ERR_DEVICE_CHANGED\)/);
    } finally {
      execFileSync('losetup', ['--detach', first.path]);
    }
  });
});
