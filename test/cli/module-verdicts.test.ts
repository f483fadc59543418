// What the commands say about the kernel module where the metadata itself is well: it refuses the devices, or does not use entries.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoopDevice, loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { dmremap, documentOf } from './harness.js';

const folder = scratchFolder();
const mib = 2 ** 20;
const inFolder = () => mkdtempSync(join(folder, 'case-'));

describe('a spare of 1 MiB for a main of 131,072 sectors', () => {
  const refused = 'refuses to create the target (ENOSPC): the spare has 2048 sectors';

  test('create makes it, and says that the module refuses it', async () => {
    const cwd = inFolder();
    const spare = zeroFile(join(cwd, 'spare.img'), mib);
    const text = await dmremap(cwd, ['create', '--main=131072', spare]);
    expect(text).toMatchObject({ status: 0, stdout: expect.stringContaining('created') });
    expect(text.stderr).toContain(`dmremap: warning: ${spare}: The kernel module ${refused}`);
    const json = await dmremap(cwd, ['create', '--json', '--force', '--main=131072', spare]);
    expect(documentOf(json.stdout)).toMatchObject({
      admission: {
        accepts: false,
        reasons: [expect.stringContaining(refused)],
        neededSectors: '3549',
        assumedOverheadPercent: 2,
      },
    });
  });

  test('check and examine say it beside the verdict, which stays; export to dmsetup too', async () => {
    const cwd = inFolder();
    const spare = zeroFile(join(cwd, 'spare.img'), mib);
    await dmremap(cwd, ['create', '--main=131072', spare]);
    const check = await dmremap(cwd, ['check', spare]);
    expect(check.status).toBe(0);
    expect(check.stdout).toMatch(/CLEAN.*\[1 warning\]/);
    expect(check.stdout).toContain('the module creates no target: see module-refuses');
    expect(check.stdout).toMatch(/warning {2}module-refuses {2}The kernel module refuses/);
    const json = documentOf((await dmremap(cwd, ['check', '--json', spare])).stdout);
    expect(json).toMatchObject({
      verdict: 'clean',
      activation: { verdict: 'keeps', reasons: [], admission: { accepts: false, neededSectors: '3549' } },
      lints: [{ id: 'module-refuses', severity: 'warning', copies: [0] }],
    });
    const examine = await dmremap(cwd, ['examine', spare]);
    expect(examine.stdout.replace(/\s+/g, ' ')).toContain(refused);
    expect((await dmremap(cwd, ['remap', 'add', spare, '1000'])).status).toBe(0);
    const handover = await dmremap(cwd, ['handover', spare]);
    expect(handover.stderr).toContain(refused);
    expect(handover.stdout).not.toContain('the kernel module can take it');
    const dmsetup = await dmremap(cwd, ['export', '--format=dmsetup', '--main=/dev/sda', spare]);
    expect(dmsetup.stderr).toContain(`dmremap: note: The kernel module ${refused}`);
  });

  test('a sector more or less than it needs decides', async () => {
    for (const [sectors, accepts] of [
      [3549, true],
      [3548, false],
    ] as const) {
      const cwd = inFolder();
      const spare = zeroFile(join(cwd, 'spare.img'), sectors * 512);
      const made = await dmremap(cwd, ['create', '--json', '--main=131072', spare]);
      expect(documentOf(made.stdout)).toMatchObject({ admission: { accepts } });
      expect(made.stderr.includes('ENOSPC')).toBe(!accepts);
    }
  });
});

const reason = whyNoLoop();
test.skipIf(reason !== undefined)(
  `create says that the module refuses logical blocks that differ ${reason ?? ''}`,
  async () => {
    const cwd = inFolder();
    const main = loopDevice(zeroFile(join(cwd, 'main.img'), 16 * mib), ['--sector-size', '4096']);
    const spare = loopDevice(zeroFile(join(cwd, 'spare.img'), 8 * mib));
    try {
      const made = await dmremap(cwd, ['create', '--json', `--main=${main.path}`, spare.path]);
      expect(made.stderr).toContain('(EINVAL): main has logical blocks of 4096 bytes, and the spare of 512.');
      expect(documentOf(made.stdout)).toMatchObject({
        admission: { accepts: false, reasons: [expect.stringContaining('EINVAL')] },
      });
      //  Of a file nobody knows what blocks its disk will have.
      const again = await dmremap(cwd, [
        'create',
        '--json',
        '--force',
        `--main=${main.path}`,
        zeroFile(join(cwd, 'image'), 8 * mib),
      ]);
      expect(documentOf(again.stdout)).toMatchObject({ admission: { accepts: true, reasons: [] } });
    } finally {
      main.detach();
      spare.detach();
    }
  },
);

describe.skipIf(reason !== undefined)(`a spare with logical blocks of 4096 bytes ${reason ?? ''}`, () => {
  const cwd = inFolder();
  let loop: LoopDevice;
  const run = (...argv: readonly string[]) => dmremap(cwd, argv);
  const group = (first: number) => Array.from({ length: 8 }, (_, at) => `${first + at}`);
  const metadata = () => readFileSync(loop.path).subarray(0, 655_360).toString('latin1');
  beforeAll(async () => {
    loop = loopDevice(zeroFile(join(cwd, 'spare.img'), 8 * mib), ['--sector-size', '4096']);
    expect((await run('create', '--main=131072', loop.path)).status).toBe(0);
  });
  afterAll(() => loop.detach());

  async function refused(sectors: string, ...argv: readonly string[]) {
    const before = metadata();
    const ran = await run(...argv);
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr).toMatch(
      new RegExp(
        `^dmremap: .* original sectors? ${sectors} would be remapped without the rest .*ERR_TABLE_UNALIGNED`,
        'm',
      ),
    );
    expect(ran.stderr).toContain('--allow-unaligned writes all the same');
    expect(ran.stderr).toContain('nothing was written');
    expect(metadata() === before).toBe(true);
  }

  test('takes whole blocks alone, gives them places together, and keeps them whole', async () => {
    await refused('9001', 'remap', 'add', loop.path, '9001');
    await refused('9000', 'remap', 'add', loop.path, '9000');
    await refused('9000', 'remap', 'add', loop.path, '9000:1280', ...group(4000));
    await refused(
      '9004, 9005, 9006, 9007, 9008, 9009, 9010 and 9011',
      'remap',
      'add',
      loop.path,
      ...group(9004),
    );

    const added = await run('remap', 'add', '--json', loop.path, ...group(9000), ...group(4000).toReversed());
    expect(added.status).toBe(0);
    expect(documentOf(added.stdout).added).toEqual([
      ...group(9000).map((original, at) => ({ original, spare: `${1280 + at}` })),
      ...group(4000)
        .map((original, at) => ({ original, spare: `${1296 + at}` }))
        .toReversed(),
    ]);
    const check = documentOf((await run('check', '--json', loop.path)).stdout);
    expect(check).toMatchObject({ verdict: 'clean', lints: [{ id: 'handover' }] });

    await refused('9000, 9001, 9002, 9004, 9005, 9006 and 9007', 'remap', 'remove', loop.path, '9003');
    writeFileSync(join(cwd, 'remaps.csv'), 'original,spare\r\n8001,4096\r\n');
    await refused('8001', 'remap', 'import', loop.path, join(cwd, 'remaps.csv'));
  });

  test('writes what it is told to, and check warns from then on', async () => {
    const ran = await run('remap', 'add', '--allow-unaligned', loop.path, '9101');
    expect(ran.status).toBe(0);
    const check = await run('check', loop.path);
    expect(check.status).toBe(0);
    expect(check.stdout).toMatch(/warning {2}unaligned-entries {2}The device has logical blocks of 4096/);
    const dump = await run('dump', '--json', loop.path);
    writeFileSync(join(cwd, 'table.json'), dump.stdout);
    const restored = await run('restore', '--dump', join(cwd, 'table.json'), loop.path);
    expect(restored.status, restored.stderr).toBe(0);
    expect(restored.stderr).toContain('warning: ');
    expect(restored.stderr).toContain('no whole group of 8');
    //  What is broken already is in nobody's way.
    expect((await run('remap', 'add', loop.path, ...group(6000))).status).toBe(0);
    expect((await run('remap', 'remove', loop.path, '9101')).status).toBe(0);
    expect((await run('remap', 'remove', loop.path, ...group(6000))).status).toBe(0);
    expect((await run('check', loop.path)).stdout).not.toContain('unaligned');
  });
});
