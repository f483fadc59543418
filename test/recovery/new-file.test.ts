// A file that is either there, whole and durable, or not there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeNewFile } from '../../lib/recovery/new-file.js';
import { folder } from '../support/own-folder.js';
import { whyNoLoop } from '../support/scratch.js';

describe('a new file', () => {
  it.each([0, 1, 4096, 300_001, 700_416])(
    'of %i bytes is there with all of them, and nothing beside it',
    async (size) => {
      const bytes = new Uint8Array(size).map((_, at) => at % 251);
      const path = join(folder, 'new');
      await writeNewFile(path, bytes);
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(statSync(path).mode & 0o7777).toBe(0o400);
      expect(readdirSync(folder)).toEqual(['new']);
    },
  );

  it('takes the place of nothing: no file, no folder, no link that leads nowhere', async () => {
    writeFileSync(join(folder, 'file'), 'mine');
    mkdirSync(join(folder, 'folder'));
    symlinkSync('nowhere', join(folder, 'link'));
    for (const name of ['file', 'folder', 'link']) {
      const writing = writeNewFile(join(folder, name), new Uint8Array(4096));
      await expect(writing).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS', errno: 'EEXIST' });
    }
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder', 'link']);
  });

  it.skipIf(whyNoLoop())('is not there in part where the file system is full', async () => {
    const small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    try {
      const writing = writeNewFile(join(small, 'new'), new Uint8Array(128 * 1024));
      await expect(writing).rejects.toMatchObject({ code: 'ERR_NO_SPACE', errno: 'ENOSPC' });
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  it('is written all the same, and over nothing, where the file system has no hard links', () => {
    const library = join(import.meta.dirname, '../../dist/recovery/new-file.js');
    const script = `
      import { writeNewFile } from ${JSON.stringify(library)};
      await writeNewFile('new', new Uint8Array(8192).fill(7));
      const again = await writeNewFile('new', new Uint8Array(8192)).catch(({ code }) => code);
      console.log(again);`;
    const filter = join(import.meta.dirname, '../fixtures/without-io-uring.py');
    const node = [process.execPath, '--input-type=module', '--eval', script];
    const said = execFileSync('python3', [filter, 'link=EPERM', ...node], { cwd: folder, encoding: 'utf8' });
    expect(said).toBe('ERR_FILE_EXISTS\n');
    expect(readFileSync(join(folder, 'new')).equals(Buffer.alloc(8192, 7))).toBe(true);
    expect(readdirSync(folder)).toEqual(['new']);
  });
});
