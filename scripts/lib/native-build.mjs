// What the native build needs, and how node-gyp is called. Plain Node: it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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

/** Builds build/Release/dmremap.node. Returns the exit status. */
export function buildNative() {
  const script = gypScript();
  if (script === undefined) {
    console.error('dmremap: node-gyp is missing: run this through npm');
    return 1;
  }
  const arguments_ = [script, 'rebuild', '--loglevel=error', ...nodeDirectory()];
  const { status, error } = spawnSync(process.execPath, arguments_, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MAKEFLAGS: process.env.MAKEFLAGS ?? '-j2' },
  });
  if (error !== undefined) console.error(`dmremap: ${error.message}`);
  return status ?? 1;
}
