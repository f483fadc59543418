// Which engine is taken, what is said of one that cannot be used, and what the others cannot promise.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { stuckLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { whenStuck } from '../stuck/threads.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

// Which engine `auto` takes is asked here: nobody else may name one.
delete process.env.DMREMAP_ENGINE;

const folder = scratchFolder();
const fixtures = join(import.meta.dirname, '../fixtures');
const main = join(import.meta.dirname, '../../dist/cli/main.js');
const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
let files = 0;
const newFile = () => zeroFile(join(folder, `image-${++files}`), 1024 * 1024);

const forbidden = [join(fixtures, 'without-io-uring.py'), process.execPath];
const run = async (command: string, words: readonly string[], env: Record<string, string> = {}) => {
  const { stdout } = await promisify(execFile)(command, words, { env: { ...process.env, ...env } });
  return stdout;
};
const asked = async (engine: string, env?: Record<string, string>, filter: readonly string[] = []) => {
  const [command = process.execPath, ...words] = filter.length > 0 ? ['python3', ...filter] : [];
  const script = [join(fixtures, 'which-engine.mjs'), library, newFile(), engine];
  return JSON.parse(await run(command, [...words, ...script], env));
};

describe('the engine', () => {
  it.each(engineNames)('is %s where that is asked for', async (engine) => {
    expect(await asked(engine)).toMatchObject({ engine, leftInFlight: 0 });
  });

  it('is what DMREMAP_ENGINE names where nothing else is asked for', async () => {
    expect(await asked('auto', { DMREMAP_ENGINE: 'threads' })).toMatchObject({ engine: 'threads' });
    expect(await asked('io_uring', { DMREMAP_ENGINE: 'threads' })).toMatchObject({ engine: 'io_uring' });
    expect(await asked('auto', { DMREMAP_ENGINE: '' })).toMatchObject({ engine: 'io_uring' });
  });

  it('is an error where there is none of that name, and says who named it', async () => {
    expect(await asked('epoll')).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^engine must be/),
    });
    expect(await asked('auto', { DMREMAP_ENGINE: 'epoll' })).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^DMREMAP_ENGINE must be/),
    });
  });

  it('is libaio where io_uring is forbidden, and io_uring alone says why it cannot be used', async () => {
    expect(await asked('auto', {}, forbidden)).toMatchObject({ engine: 'libaio', leftInFlight: 0 });
    expect(await asked('io_uring', {}, forbidden)).toMatchObject({
      code: 'ERR_ENGINE_UNAVAILABLE',
      message: expect.stringMatching(/io_uring_setup: EPERM: .*seccomp/),
    });
  });

  it('makes no difference to the command: created, examined and checked without io_uring', async () => {
    const path = newFile();
    const dmremap = (...words: string[]) => run('python3', [...forbidden, main, ...words]);
    await dmremap('create', '--main', '16384', path);
    expect(JSON.parse(await dmremap('examine', '--json', path))).toMatchObject({
      elections: { agree: true },
    });
  });

  it('can be another one for each device of a process', async () => {
    const paths = engineNames.map(newFile);
    const bytes = Buffer.alloc(4096, 7);
    const devices = await Promise.all(
      engineNames.map((engine, index) => openDevice(paths[index] as string, { mode: 'write', engine })),
    );
    await Promise.all(
      devices.flatMap((device) =>
        Array.from({ length: 64 }, (_, index) => device.write(BigInt(index * 4096), bytes)),
      ),
    );
    await Promise.all(devices.map((device) => device.close()));
    for (const path of paths)
      expect(
        readFileSync(path)
          .subarray(0, 64 * 4096)
          .equals(Buffer.alloc(64 * 4096, 7)),
      ).toBe(true);
    const guarantees = devices.map(({ info }) => [info.engine, info.guarantees]);
    expect(Object.fromEntries(guarantees)).toEqual({
      io_uring: { leavesWhileStuck: true, workersAlwaysLeave: false, freesOtherDevices: true },
      libaio: { leavesWhileStuck: false, workersAlwaysLeave: true, freesOtherDevices: false },
      threads: { leavesWhileStuck: false, workersAlwaysLeave: true, freesOtherDevices: false },
    });
  });
});

const no = whyNo('stuckLoop');
describe.skipIf(no !== undefined)(no ?? 'a process with threads, on a device that hangs', () => {
  it('cannot leave before the device answers, as its guarantees say, and the write lands', async () => {
    await using disk = await stuckLoop();
    await disk.stall('write');
    const child = fork(join(fixtures, 'ghost.mjs'), [library, disk.path, 'threads']);
    const gone = once(child, 'exit');
    let left = false;
    void gone.then(() => {
      left = true;
    });
    await disk.held(1, 'write');
    child.kill('SIGKILL');
    await whenStuck(1, child.pid as number);
    expect(left).toBe(false);
    await disk.pass();
    await disk.release();
    expect(await gone).toEqual([null, 'SIGKILL']);
    expect(disk.medium().subarray(0, 4096).equals(Buffer.alloc(4096, 1))).toBe(true);
  });
});
