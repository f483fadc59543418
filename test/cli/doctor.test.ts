// The doctor in real processes, behind real walls.
import { execFile, execFileSync, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { stuckLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, mainFile, type Ran, spawned, stateOf } from './harness.js';

// Which engine `auto` takes is asked here: nobody else may name one.
delete process.env.DMREMAP_ENGINE;

const folder = scratchFolder();
const image = goldenFile(folder, 'u_one');
const fixtures = join(import.meta.dirname, '../fixtures');

interface Doctor {
  readonly exitStatus: number;
  readonly engines: readonly {
    engine: string;
    works: boolean;
    problem: { cause: string; step: string } | null;
  }[];
  readonly auto: { engine: string | null; decidedBy: string };
  readonly path: {
    readable: boolean;
    writable: boolean;
    problem: { code: string; reason: string } | null;
    notes: readonly string[];
  } | null;
}
const doctorOf = ({ stdout, status }: Ran): Doctor => {
  const document = documentOf(stdout) as unknown as Doctor;
  expect(document.exitStatus).toBe(status);
  return document;
};
/** Each engine, with the cause where it does not work. */
const causesOf = ({ engines }: Doctor) =>
  Object.fromEntries(engines.map(({ engine, problem }) => [engine, problem?.cause ?? 'works']));
const works = Object.fromEntries(engineNames.map((name) => [name, 'works']));
const first = (...without: string[]) => engineNames.find((name) => !without.includes(name));

const ranAs = (file: string, argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(file, argv, { env }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });

test('where nothing is in the way, every engine works, and the first is taken', async () => {
  const doctor = doctorOf(await spawned(folder, ['doctor', '--json', image]));
  expect(causesOf(doctor)).toEqual(works);
  expect(doctor).toMatchObject({
    exitStatus: 0,
    auto: { engine: engineNames[0], decidedBy: 'order', problem: null },
    path: { path: image, readable: true, writable: true, problem: null },
  });
  expect(doctorOf(await spawned(folder, ['doctor', '--json'])).path).toBe(null);
});

test('DMREMAP_ENGINE decides, or is wrong', async () => {
  const of = async (DMREMAP_ENGINE: string) =>
    doctorOf(await dmremap(folder, ['doctor', '--json', image], { env: { DMREMAP_ENGINE } }));
  expect(await of('threads')).toMatchObject({ auto: { engine: 'threads', decidedBy: 'DMREMAP_ENGINE' } });
  //  The path is another question.
  expect(await of('epoll')).toMatchObject({
    exitStatus: 8,
    auto: { engine: null },
    path: { writable: true },
  });
});

describe('behind a seccomp filter', () => {
  const rows = [
    ['io_uring_setup=EPERM', 'io_uring', 'seccomp', 'io_uring_setup'],
    ['io_uring_setup=ENOSYS', 'io_uring', 'seccomp', 'io_uring_setup'],
    ['io_uring_enter=EPERM', 'io_uring', 'seccomp', 'io_uring_enter'],
    ['io_uring_register=EPERM', 'io_uring', 'seccomp', 'io_uring_register(probe)'],
    //  The kernel is not asked which operations there are, so none is.
    ['io_uring_register:8=0', 'io_uring', 'missing-operation', 'io_uring_register(probe)'],
    ['io_setup=EPERM', 'libaio', 'seccomp', 'io_setup'],
    ['io_setup=ENOSYS', 'libaio', 'seccomp', 'io_setup'],
    ['io_submit=EPERM', 'libaio', 'seccomp', 'io_submit'],
    ['io_getevents=EPERM', 'libaio', 'seccomp', 'io_getevents'],
    ['io_setup=EAGAIN', 'libaio', 'aio-max-nr', 'io_setup'],
  ].filter(([, engine]) => (engineNames as readonly string[]).includes(engine ?? ''));
  test.each(rows)('%s, %s is not used: %s', async (filter, engine, cause, step) => {
    const words = [join(fixtures, 'without-io-uring.py'), filter ?? '', process.execPath, mainFile];
    const ran = await ranAs('python3', [...words, 'doctor', '--json', image]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const doctor = doctorOf(ran);
    expect(causesOf(doctor)).toEqual({ ...works, [engine ?? '']: cause });
    expect(doctor.engines.find((one) => one.engine === engine)?.problem).toMatchObject({ step });
    expect(doctor).toMatchObject({ auto: { engine: first(engine ?? '') }, path: { writable: true } });
  });
});

const noRoot = whyNoLoop();
describe.skipIf(noRoot !== undefined)(noRoot ?? 'behind a limit', () => {
  const behind = async (walls: string, env: NodeJS.ProcessEnv = {}) => {
    const words = [join(fixtures, 'doctor-behind.mjs'), dirname(dirname(mainFile)), walls, '--json', shared];
    const ran = await ranAs(process.execPath, words, { ...process.env, ...env });
    expect(ran.stderr).toBe('');
    return doctorOf(ran);
  };
  //  Nobody may reach and write it.
  const shared = zeroFile(join(folder, 'shared'), 1024 * 1024);
  chmodSync(folder, 0o755);
  chmodSync(shared, 0o666);

  test('none, a user without rights needs nothing', async () => {
    const doctor = await behind('unprivileged');
    expect(causesOf(doctor)).toEqual(works);
    expect(doctor).toMatchObject({ exitStatus: 0, path: { writable: true } });
  });

  test('of locked memory, io_uring is not used where the kernel charges a ring, as Linux 6.18 does', async () => {
    const doctor = await behind('memlock,unprivileged');
    const { io_uring, ...others } = causesOf(doctor);
    expect({ io_uring: 'works', ...others }).toEqual(works);
    expect(io_uring).toMatch(/^(works|memlock)$/);
    expect(doctor).toMatchObject({
      exitStatus: 0,
      auto: { engine: io_uring === 'works' ? engineNames[0] : first('io_uring') },
    });
  });

  test('of open files, nothing is', async () => {
    const doctor = await behind('files');
    expect(new Set(Object.values(causesOf(doctor)))).toEqual(new Set(['open-files']));
    expect(doctor).toMatchObject({
      exitStatus: 8,
      auto: { engine: null },
      path: { problem: { code: 'ERR_ENGINE_UNAVAILABLE' } },
    });
  });

  test('of threads, nothing can be opened, whatever engine works', async () => {
    const doctor = await behind('threads,unprivileged');
    expect(causesOf(doctor)).toMatchObject({ io_uring: 'works', threads: 'process-limit' });
    expect(doctor).toMatchObject({
      exitStatus: 8,
      auto: { engine: null },
      path: { readable: false, problem: { code: 'ERR_QUEUE_FULL' } },
    });
  });

  const version1 = '/sys/fs/cgroup/pids';
  const noPids = existsSync(version1) ? undefined : 'the pids controller of cgroup version 1 is not there';
  if (noPids !== undefined && process.env.CI) throw new Error(noPids);
  test.skipIf(noPids !== undefined)(
    noPids ?? 'of a pids cgroup, that is the one which is named',
    async () => {
      const CGROUP = join(version1, basename(folder));
      mkdirSync(CGROUP);
      try {
        expect(causesOf(await behind('pids', { CGROUP }))).toMatchObject({ threads: 'pids-cgroup' });
      } finally {
        rmdirSync(CGROUP);
      }
    },
  );
});

const doctorOfPath = async (path: string) =>
  doctorOf(await dmremap(folder, ['doctor', '--json', '--', path]));

describe('a path', () => {
  const pathOf = async (path: string) => {
    const { exitStatus, path: found } = await doctorOfPath(path);
    return {
      exitStatus,
      readable: found?.readable,
      writable: found?.writable,
      code: found?.problem?.code,
      found,
    };
  };
  const unreadable = { exitStatus: 16, readable: false, writable: false };

  test('that is neither device nor file, or nothing, is told on stdout, and an input error', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const steering = join(folder, 'a\u001b[31m\n\u202eb');
    for (const [path, code] of [
      [folder, 'ERR_NOT_A_DEVICE'],
      [fifo, 'ERR_NOT_A_DEVICE'],
      ['/dev/null', 'ERR_NOT_A_DEVICE'],
      [join(folder, 'nothing'), 'ERR_DEVICE_NOT_FOUND'],
      [join(image, 'below'), 'ERR_DEVICE_NOT_FOUND'],
      ['-', 'ERR_DEVICE_NOT_FOUND'],
      ['a'.repeat(100_000), 'ERR_DEVICE_NOT_FOUND'],
      [steering, 'ERR_DEVICE_NOT_FOUND'],
    ] as const) {
      expect(await pathOf(path)).toMatchObject({ ...unreadable, code });
      const { status, stdout, stderr } = await dmremap(folder, ['doctor', '--', path]);
      expect({ status, stderr }).toEqual({ status: 16, stderr: '' });
      expect(stdout).toContain(`(${code})`);
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  test('without O_DIRECT needs --buffered', async () => {
    const { found } = await pathOf('/proc/version');
    expect(found).toMatchObject({
      writable: true,
      target: { fileSystem: 'proc', direct: false, leavesWhileStuck: 'no' },
      notes: [expect.stringContaining('--buffered')],
    });
  });

  test('whose lock somebody holds is busy, and says who; afterwards it is not', async () => {
    const path = zeroFile(join(folder, 'locked'), 4096);
    const device = await openDevice(path, { mode: 'write' });
    const busy = await pathOf(path);
    expect(busy).toMatchObject({ exitStatus: 8, readable: true, writable: false, code: 'ERR_DEVICE_BUSY' });
    expect(busy.found?.problem?.reason).toContain(`process ${process.pid} (`);
    await device.close();
    expect(await pathOf(path)).toMatchObject({ exitStatus: 0, writable: true });
  });

  describe.skipIf(noRoot !== undefined)(noRoot ?? 'of root', () => {
    test('that is a loop device tells its blocks, and who writes to it; its file belongs to it', async () => {
      const file = zeroFile(join(folder, 'back\ning\n'), 1024 * 1024);
      const loop = loopDevice(file, ['--sector-size', '4096']);
      expect(await pathOf(loop.path)).toMatchObject({
        exitStatus: 0,
        found: { target: { kind: 'block', fileSystem: null, logicalBlockSize: 4096, sizeBytes: '1048576' } },
      });
      expect(await pathOf(file)).toMatchObject({
        writable: false,
        found: { problem: { code: 'ERR_DEVICE_BUSY', reason: expect.stringContaining(loop.path) } },
      });
      const device = await openDevice(loop.path, { mode: 'write' });
      expect(await pathOf(loop.path)).toMatchObject({
        readable: true,
        writable: false,
        code: 'ERR_DEVICE_BUSY',
        found: { problem: { reason: expect.stringContaining(`process ${process.pid} (`) } },
      });
      await device.close();
      expect(await pathOf(loop.path)).toMatchObject({ writable: true });
      loop.detach();
    });

    test('that is set read-only cannot be written', async () => {
      const loop = loopDevice(zeroFile(join(folder, 'read-only'), 1024 * 1024), ['--read-only']);
      expect(await pathOf(loop.path)).toMatchObject({
        readable: true,
        writable: false,
        code: 'ERR_DEVICE_READ_ONLY',
      });
      loop.detach();
    });

    test('on a file system that is read-only, or a mounted device, says where that is', () => {
      const loop = loopDevice(zeroFile(join(folder, 'mounted'), 8 * 1024 * 1024));
      const place = join(folder, 'a place');
      mkdirSync(place);
      const prepare = `set -e; mkfs.ext4 -q $LOOP; mount $LOOP "$PLACE"; head -c 1M /dev/zero > "$PLACE/image"
        mount -o remount,ro "$PLACE"; for path in "$PLACE/image" $LOOP; do
        "$NODE" "$MAIN" doctor --json "$path" || echo; done`;
      const env = { ...process.env, LOOP: loop.path, PLACE: place, NODE: process.execPath, MAIN: mainFile };
      const { stdout } = spawnSync('unshare', ['--mount', 'sh', '-c', prepare], { env, encoding: 'utf8' });
      loop.detach();
      const [file, device] = stdout
        .trim()
        .split('\n\n')
        .map((text) => documentOf(text) as unknown as Doctor);
      expect(file?.path).toMatchObject({
        writable: false,
        target: { fileSystem: 'ext4', leavesWhileStuck: 'unless-frozen' },
        problem: { code: 'ERR_DEVICE_READ_ONLY', remedies: [expect.stringContaining(`'${place}'`)] },
      });
      expect(device?.path).toMatchObject({
        writable: false,
        problem: { code: 'ERR_DEVICE_BUSY', reason: expect.stringContaining('mounted on') },
      });
    });
  });
});

const no = whyNo('stuckLoop');
test.skipIf(no !== undefined)(no ?? 'a write that a dead process has left in flight is seen', async () => {
  await using disk = await stuckLoop();
  const notesOf = async () => (await doctorOfPath(disk.path)).path?.notes;
  expect(await notesOf()).toEqual([]);
  await disk.stall('write');
  const library = join(dirname(dirname(mainFile)), 'index.js');
  const ghost = fork(join(fixtures, 'ghost.mjs'), [library, disk.path]);
  const gone = once(ghost, 'exit');
  await disk.held(1, 'write');
  ghost.kill('SIGKILL');
  await gone;
  expect(await notesOf()).toEqual([expect.stringMatching(/^a write is in flight there/)]);
  await disk.pass();
  await disk.release();
  //  The kernel counts it a moment longer.
  while ((await notesOf())?.length !== 0);
});

test('it leaves the file as it was, and a writer in peace', async () => {
  const before = stateOf(image);
  await using writer = await openDevice(image, { mode: 'write' });
  await spawned(folder, ['doctor', image]);
  await spawned(folder, ['doctor', '--json', image]);
  expect(stateOf(image)).toEqual(before);
  //  Nothing of it stands in the way of the writer that has the lock.
  const bytes = await writer.read(0n, 4096);
  await writer.write(0n, bytes);
});

test('the verdict comes first, and no line of its own is wider than 80 columns', async () => {
  const short = join(folder, 'x');
  writeFileSync(short, new Uint8Array(4096));
  const words = [join(fixtures, 'without-io-uring.py'), process.execPath, mainFile, 'doctor', 'x'];
  const walled = await new Promise<string>((resolve) => {
    execFile('python3', words, { cwd: folder }, (_, stdout) => resolve(stdout));
  });
  expect(walled).toMatch(/^dmremap works here, by \w+; io_uring does not\n\nengine +here/);
  expect(walled).toContain('x: can be used\n');
  const wrong = await dmremap(folder, ['doctor', image], { env: { DMREMAP_ENGINE: 'epoll' } });
  expect(wrong.stdout).toMatch(/^dmremap does not work here: DMREMAP_ENGINE names no engine: 'epoll'\n/);
  for (const line of `${walled}${wrong.stdout}`.split('\n').filter((one) => !one.includes(folder))) {
    expect(line.length, line).toBeLessThanOrEqual(80);
  }
});
