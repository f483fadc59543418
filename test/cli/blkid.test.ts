// blkid beside the built-in table: util-linux is essential on Debian, so the real one is asked here too.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blkidProbe, kindIn, type Probe } from '../../lib/cli/spare/blkid.js';
import { inflate, recordedImage } from '../format/signatures/images.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf } from './harness.js';

const folder = scratchFolder();
const never = new AbortController().signal;

function inflated(name: string): string {
  const path = join(folder, `${name}.img`);
  inflate(recordedImage(name), path);
  return path;
}

let made = 0;
function script(text: string): string {
  made += 1;
  const path = join(folder, `blkid-${made}`);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the blkid of this host', () => {
  test.each([
    'xfs',
    'minix',
    'jfs',
    'udf',
    'bcache-backing',
    'swap-64k',
    'luks2-second',
    'md-1.0',
    'zfs',
    'refs',
    'sun',
  ])('says of %s what it said of the whole image', async (name) => {
    const { blkid } = recordedImage(name);
    expect(await blkidProbe()(inflated(name), never)).toBe(`${blkid}, as blkid says`);
  });

  test('has nothing to say of zeros, nor of what is not there', async () => {
    const path = join(folder, 'zeros');
    writeFileSync(path, new Uint8Array(2 ** 20));
    expect(await blkidProbe()(path, never)).toBeUndefined();
    expect(await blkidProbe()(join(folder, 'none'), never)).toBeUndefined();
    expect(await blkidProbe()('relative', never)).toBeUndefined();
  });
});

describe('a blkid that is not what it should be has said nothing', () => {
  const asked = (...programs: string[]) => blkidProbe({ programs, timeoutMs: 60_000 })('/dev/null', never);

  test('missing, or no program', async () => {
    expect(await asked('/nowhere/blkid')).toBeUndefined();
    const plain = join(folder, 'plain');
    writeFileSync(plain, 'text');
    expect(await asked(plain)).toBeUndefined();
    expect(await asked('/nowhere/blkid', script('echo TYPE=xfs'))).toBe('xfs, as blkid says');
  });

  test('killed, failed, or ambivalent', async () => {
    expect(await asked(script('echo TYPE=xfs; kill -9 $$'))).toBeUndefined();
    expect(await asked(script('echo TYPE=xfs; exit 2'))).toBeUndefined();
    expect(await asked(script('exit 8'))).toBe('marks of more than one kind of data, as blkid says');
  });

  test('that hangs is killed at the deadline, and when the command is interrupted', async () => {
    const pidFile = join(folder, 'pid');
    const hangs = script(`echo $$ >${pidFile}; exec sleep 100000`);
    const isGone = () => {
      const pid = readFileSync(pidFile, 'utf8').trim();
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(' Z ');
      } catch {
        return true;
      }
    };
    const begun = async () => {
      for (;;) {
        try {
          if (readFileSync(pidFile, 'utf8').endsWith('\n')) return;
        } catch {}
        await new Promise(setImmediate);
      }
    };
    const controller = new AbortController();
    const asking = blkidProbe({ programs: [hangs], timeoutMs: 2 ** 30 })('/dev/null', controller.signal);
    await begun();
    controller.abort();
    expect(await asking).toBeUndefined();
    while (!isGone()) await new Promise(setImmediate);
    expect(await blkidProbe({ programs: [hangs], timeoutMs: 1 })('/dev/null', never)).toBeUndefined();
    expect(await blkidProbe({ programs: [hangs] })('/dev/null', AbortSignal.abort())).toBeUndefined();
  });

  test('that floods is stopped', async () => {
    expect(await asked(script('while :; do echo TYPE=xfs; done'))).toBeUndefined();
  });

  test('is given no shell, no PATH and no environment', async () => {
    const shows = script(`printf 'TYPE=%s\\n' "$(echo "$#$5\${HOME+h}\${DMREMAP_X+x}" | tr / _)"`);
    process.env.DMREMAP_X = '1';
    const said = await blkidProbe({ programs: [shows] })('/dev/null', never);
    delete process.env.DMREMAP_X;
    expect(said).toBe('5_dev_null, as blkid says');
  });

  test.each([
    ['TYPE=xfs\n', 'xfs, as blkid says'],
    ['DEVNAME=/dev/sda\nPTTYPE=dos\n', 'dos, as blkid says'],
    ['LABEL=a\\\nTYPE=b\n', 'b, as blkid says'],
    ['TYPE=\u001b[31mxfs\n', undefined],
    ['TYPE=a b\n', undefined],
    ['TYPE=\n', undefined],
    [`TYPE=${'x'.repeat(41)}\n`, undefined],
    ['XTYPE=xfs\n', undefined],
    ['', undefined],
  ])('%j is %j', (text, kind) => {
    expect(kindIn(text)).toBe(kind);
  });
});

describe('what it says counts beside what the table of marks sees', () => {
  const spare = join(folder, 'spare.img');
  const blank = () => writeFileSync(spare, new Uint8Array(2 ** 22));
  const create = (probe: Probe, ...more: string[]) =>
    dmremap(folder, ['create', '--main=16384', ...more, spare], { probe });

  test('create wants --force for what it alone knows', async () => {
    blank();
    const asked: string[] = [];
    const probe: Probe = async (path) => {
      asked.push(path);
      return 'exotic, as blkid says';
    };
    const refused = await create(probe);
    expect(refused.stderr).toContain(
      'it holds exotic, as blkid says (ERR_DATA_PRESENT)\n  --force overwrites it',
    );
    expect(asked).toEqual([spare]);
    const check = await dmremap(folder, ['check', '--json', spare], { probe });
    expect(documentOf(check.stdout)).toMatchObject({
      lints: [{ id: 'foreign-signature', message: 'The device holds exotic, as blkid says.', copies: [] }],
    });
    expect((await dmremap(folder, ['check', spare], { probe })).stdout).not.toContain('dmremap create');
    expect((await create(probe, '--force')).status).toBe(0);
    //  From now on it is ours.
    expect((await dmremap(folder, ['check', spare], { probe })).stdout).not.toContain('exotic');
  });

  test('nothing that it says, or does not, takes away what the table sees', async () => {
    writeFileSync(spare, readFileSync(inflated('jfs')).subarray(0, 2 ** 22));
    const refused = await create(async () => undefined);
    expect(refused.stderr).toContain('it holds a JFS file system');
    expect((await create(async () => 'swap, as blkid says')).stderr).toContain('it holds a JFS file system');
    blank();
    expect((await create(async () => undefined)).status).toBe(0);
  });

  test('a spare that holds copies is not put to it', async () => {
    blank();
    expect((await create(async () => undefined)).status).toBe(0);
    const probe: Probe = async () => {
      throw new Error('it was asked');
    };
    expect((await dmremap(folder, ['check', spare], { probe })).status).toBe(0);
  });
});
