// Another copy of the package in this program, as npm nests one: the compiled library in a folder of its own, of another version
// where that is asked for.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '../..');

export interface SecondCopyOptions {
  /** The version of what the copies share; default: the same. */
  readonly sharedVersion?: number;
}

/** @param folder a scratch folder, which must not exist yet. */
export async function secondCopy(
  folder: string,
  { sharedVersion }: SecondCopyOptions = {},
): Promise<typeof import('../../lib/index.js')> {
  mkdirSync(folder);
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'build/Release/dmremap.node'), join(folder, 'build/Release/dmremap.node'));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  if (sharedVersion !== undefined) {
    const path = join(folder, 'dist/base/shared.js');
    const text = readFileSync(path, 'utf8');
    const changed = text.replace(/sharedVersion = \d+/, `sharedVersion = ${sharedVersion}`);
    if (changed === text) throw new Error('there is no such version to change');
    writeFileSync(
      path,
      changed.replace('return parts', 'parts.ofTheFuture ??= new Map();\n    return parts'),
    );
  }
  return import(pathToFileURL(join(folder, 'dist/index.js')).href);
}
