// The devices that hang (test/stuck), as plain JavaScript for scripts: transpiled, since they import nothing but each other.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './native-build.mjs';

/** @returns the fixtures, by the names of test/stuck. */
export async function loadFixtures() {
  // It takes a second to load, and some only import those who call this.
  const { default: ts } = await import('typescript');
  const from = join(root, 'test/stuck');
  const folder = join(root, 'node_modules/.cache/dmremap/fixtures');
  process.env.DMREMAP_STUCK ??= join(root, 'node_modules/.cache/dmremap/stuck-devices');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  const names = readdirSync(from).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  for (const name of names) {
    const { outputText } = ts.transpileModule(readFileSync(join(from, name), 'utf8'), { compilerOptions });
    writeFileSync(join(folder, name.replace(/ts$/, 'js')), outputText);
  }
  const load = (name) => import(pathToFileURL(join(folder, name)).href);
  const modules = [
    'stuck-file.js',
    'loop.js',
    'frozen-file.js',
    'full-pipe.js',
    'reasons.js',
    'uring-writer.js',
  ];
  return Object.assign({}, ...(await Promise.all(modules.map(load))));
}
