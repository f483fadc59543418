// Steps that are done once: each has a stamp over what it is made from, and is passed over while that stays the same.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './native-build.mjs';

// Beside the packages: `npm ci` and a removed node_modules take the stamps along, node-gyp's `build` does not.
const stampFile = (name) => join(root, 'node_modules/.cache/dmremap', name);

/** Files and folders, relative to the root, as one hash; the compiler's and Node's versions belong to it. */
export function fingerprint(paths) {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}`);
  const add = (path) => {
    const full = join(root, path);
    const entries = readdirSync(dirname(full), { withFileTypes: true });
    const entry = entries.find(({ name }) => join(dirname(full), name) === full);
    if (entry === undefined) return;
    if (entry.isDirectory()) for (const name of readdirSync(full).sort()) add(join(path, name));
    else hash.update(`\n${path}\n`).update(readFileSync(full));
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** Runs `work` unless the stamp says that it was done for the same inputs and `product` is still there. */
export function once(name, { inputs, product, work }) {
  const now = fingerprint(inputs);
  const stamp = stampFile(name);
  if (existsSync(join(root, product)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}
