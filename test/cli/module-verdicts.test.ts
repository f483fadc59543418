// What the commands say about the kernel module where the metadata itself is well: it refuses the devices, or does not use entries.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
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
