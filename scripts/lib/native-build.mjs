// What the native build needs, and how node-gyp is called. Plain Node: it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const root = dirname(dirname(dirname(new URL(import.meta.url).pathname)));

const includeFolders = ['/usr/include', '/usr/local/include'];

/** True when the compiler will find liburing's header. */
export const hasLiburing = () => includeFolders.some((folder) => existsSync(join(folder, 'liburing.h')));

export const liburingHint =
  'dmremap: liburing (2.3 or newer, with liburing.a) is missing: ' +
  'apt install liburing-dev | dnf install liburing-devel liburing-static | apk add liburing-dev';

/** Node's own headers where they stand beside it; without them node-gyp asks the network. */
function nodeDirectory() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function gypScript() {
  try {
    return createRequire(join(root, 'package.json')).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return process.env.npm_config_node_gyp; // npm's own, when dmremap is installed as a dependency.
  }
}

/** Where the addon is whose calls fail to order (native/faults.h). Beside the packages, as the stamps are. */
export const faultsFolder = 'node_modules/.cache/dmremap/faulty-addon';

/** The same sources once more, for the tests alone. Returns the exit status. */
export function buildFaults(folder = join(root, faultsFolder)) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const part of ['native', 'binding.gyp', 'package.json'])
    symlinkSync(join(root, part), join(folder, part));
  return buildNative(folder, ['-Dfaults=1']);
}

/** Builds build/Release/dmremap.node in this folder. Returns the exit status. */
export function buildNative(folder = root, gypOptions = []) {
  const script = gypScript();
  if (script === undefined) {
    console.error('dmremap: node-gyp is missing: run this through npm');
    return 1;
  }
  const arguments_ = [script, 'rebuild', '--loglevel=error', ...nodeDirectory(), '--', ...gypOptions];
  const { status, error } = spawnSync(process.execPath, arguments_, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MAKEFLAGS: process.env.MAKEFLAGS ?? '-j2' },
  });
  if (error !== undefined) console.error(`dmremap: ${error.message}`);
  return status ?? 1;
}
