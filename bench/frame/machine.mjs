// Room: bench. What the figures were measured on, and with what.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** @param path what was measured on, or null. @param withEngine whether the engine that `auto` takes plays a part. */
export async function header({ path, withEngine, quick }) {
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    machine: {
      cpu: cpus()[0]?.model.trim() || 'unknown',
      // Those that this process may run on: a container can have less than the machine.
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      kernel: release(),
      architecture: arch(),
      product: fileText('/sys/class/dmi/id/product_name'),
    },
    versions: {
      dmremap: ownVersion(),
      'Node.js': process.versions.node,
      V8: process.versions.v8,
      zlib: process.versions.zlib,
    },
    engine: withEngine ? await engineName() : null,
    path: path ?? null,
    loadAverage: loadavg(),
    quick,
  };
}

/** The version, and the commit where this is a clone: `+` where it has changes that are not committed. */
function ownVersion() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const words = ['describe', '--always', '--dirty=+', '--exclude=*'];
  const { status, stdout } = spawnSync('git', words, { cwd: root, encoding: 'utf8' });
  return status === 0 ? `${version} (${stdout.trim()})` : version;
}

/** The engine that opening a device takes here. @throws DmremapError where there is none. */
async function engineName() {
  const { openDevice } = await import('../../dist/index.js');
  const device = await openDevice(import.meta.filename, { mode: 'read', direct: 'prefer' });
  try {
    return device.info.engine;
  } finally {
    await device.close();
  }
}

function fileText(path) {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}
