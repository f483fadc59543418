// What opening refuses, and in which words. Nothing is changed by a refusal.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { enginesToTry } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const mebibyte = 1024 * 1024;
const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;

describe('opening', () => {
  it('refuses what is neither a block device nor a regular file, and says what it is', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const [path, what] of [
      [folder, 'directory'],
      [fifo, 'FIFO'],
      ['/dev/null', 'character device'],
    ] as const) {
      for (const mode of ['read', 'write'] as const) {
        const opening = openDevice(path, { mode });
        await expect(opening).rejects.toMatchObject({
          code: 'ERR_NOT_A_DEVICE',
          message: expect.stringContaining(what),
        });
      }
    }
  });

  it('refuses paths that lead nowhere, and arguments that are none', async () => {
    const file = zeroFile(join(folder, 'plain'), 4096);
    const rows: readonly (readonly [() => Promise<unknown>, string])[] = [
      [() => openDevice(join(folder, 'nothing')), 'ERR_DEVICE_NOT_FOUND'],
      [() => openDevice(join(file, 'below')), 'ERR_DEVICE_NOT_FOUND'],
      [() => openDevice(`/${'x'.repeat(5000)}`), 'ERR_DEVICE_NOT_FOUND'],
      [() => openDevice(''), 'ERR_INVALID_ARG_VALUE'],
      [() => openDevice('a\0b'), 'ERR_INVALID_ARG_VALUE'],
      [() => openDevice(7 as never), 'ERR_INVALID_ARG_TYPE'],
      [() => openDevice(file, { window: 0 }), 'ERR_OUT_OF_RANGE'],
      [() => openDevice(file, { window: 257 }), 'ERR_OUT_OF_RANGE'],
      [() => openDevice(file, { mode: 'append' as never }), 'ERR_INVALID_ARG_VALUE'],
      [() => openDevice(file, { direct: false as never }), 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [call, code] of rows) await expect(call()).rejects.toMatchObject({ code });
  });

  it('a file that is open for writing cannot be opened for writing again, and can be read', async () => {
    const path = zeroFile(join(folder, 'locked'), 4096);
    await using _first = await openDevice(path, { mode: 'write' });
    await expect(openDevice(path, { mode: 'write' })).rejects.toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      errno: 'EAGAIN',
      message: expect.stringContaining('lock'),
    });
    await using reader = await openDevice(path);
    expect(reader.info.writable).toBe(false);
    await expect(reader.write(0n as never, new Uint8Array(4096))).rejects.toMatchObject({
      code: 'ERR_DEVICE_READ_ONLY',
    });
  });

  it('a closed device can be opened for writing at once', async () => {
    const path = zeroFile(join(folder, 'reopened'), 4096);
    for (let round = 0; round < 20; round++) {
      const device = await openDevice(path, { mode: 'write' });
      await device.write(0n as never, new Uint8Array(4096));
      expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
    }
  });

  it('an abort while opening settles, and leaves no lock behind', async () => {
    const path = zeroFile(join(folder, 'aborted'), 4096);
    for (let round = 0; round < 20; round++) {
      const opening = openDevice(path, { mode: 'write' });
      opening.cancel();
      await expect(opening).rejects.toMatchObject({ code: 'ABORT_ERR', outcome: 'untouched' });
      // The late descriptor is closed as soon as it comes: the lock is free again after that.
      let device: Awaited<typeof opening> | undefined;
      while (device === undefined) {
        device = await openDevice(path, { mode: 'write' }).catch((error) => {
          expect(error.code).toBe('ERR_DEVICE_BUSY');
          return undefined;
        });
      }
      await device.close();
    }
  });

  it('fills the holes of a sparse file when it is asked to, and changes neither size nor content', async () => {
    const path = join(folder, 'sparse');
    writeFileSync(path, 'abc');
    truncateSync(path, 2 * mebibyte);
    expect(statSync(path).blocks * 512).toBeLessThan(mebibyte);
    const device = await openDevice(path, { mode: 'write' });
    expect(statSync(path).blocks * 512).toBeLessThan(mebibyte);
    await device.allocate(mebibyte);
    await device.close();
    expect(statSync(path).size).toBe(2 * mebibyte);
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(mebibyte);
    const expected = Buffer.alloc(2 * mebibyte);
    expected.write('abc');
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0);
  });

  it('says so where O_DIRECT is refused, and reads buffered only if that was asked for', async () => {
    await expect(openDevice('/proc/version')).rejects.toMatchObject({ code: 'ERR_DIRECT_UNSUPPORTED' });
    await using device = await openDevice('/proc/version', { direct: 'prefer' });
    expect(device.info.direct).toBe(false);
  });
});

const noRoot = whyNoLoop();
describe.skipIf(noRoot !== undefined)(noRoot ?? 'opening, as root', () => {
  /** Runs a script in a mount namespace of its own, which goes with it. It prints one JSON value. */
  function inNamespace(prepare: string, script: string): unknown {
    const code = `import { openDevice, MetadataStore } from ${JSON.stringify(library)};
      const tell = (call) => call.then(() => 'done', ({ code, message }) => ({ code, message }));
      console.log(JSON.stringify(await (async () => { ${script} })()));`;
    const command = `set -e\n${prepare}\nexec "$NODE" --input-type=module -e "$SCRIPT"`;
    const env = { ...process.env, NODE: process.execPath, SCRIPT: code };
    const { stdout, stderr, status } = spawnSync('unshare', ['--mount', 'sh', '-c', command], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  it('refuses a mounted device, and says where it is mounted', () => {
    const loop = loopDevice(zeroFile(join(folder, 'mounted'), 8 * mebibyte));
    const place = join(folder, 'place');
    mkdirSync(place);
    const prepare = `mkfs.ext4 -q ${loop.path} && mount ${loop.path} ${place}`;
    const found = inNamespace(prepare, `return tell(openDevice('${loop.path}', { mode: 'write' }))`);
    loop.detach();
    expect(found).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message: expect.stringContaining(`mounted on ${place}`),
    });
  });

  it('refuses swap space, and says that it is', () => {
    const loop = loopDevice(zeroFile(join(folder, 'swap'), 8 * mebibyte));
    const code = `import { openDevice } from ${JSON.stringify(library)};
      const tell = ({ code, message }) => console.log(JSON.stringify({ code, message }));
      await openDevice('${loop.path}', { mode: 'write' }).then(tell, tell);`;
    const command = `set -e; mkswap -q ${loop.path}; swapon ${loop.path}; trap 'swapoff ${loop.path}' EXIT
      "$NODE" --input-type=module -e "$SCRIPT"`;
    const env = { ...process.env, NODE: process.execPath, SCRIPT: code };
    const { stdout } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
    loop.detach();
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message: expect.stringContaining('swap'),
    });
  });

  it('refuses a device that somebody else holds exclusively', async () => {
    const loop = loopDevice(zeroFile(join(folder, 'held'), mebibyte));
    const holder = await openDevice(loop.path, { mode: 'write' });
    const found = inNamespace(':', `return tell(openDevice('${loop.path}', { mode: 'write' }))`);
    await holder.close();
    expect(found).toMatchObject({ code: 'ERR_DEVICE_BUSY', message: expect.stringContaining('exclusively') });
    const device = await openDevice(loop.path, { mode: 'write' });
    expect(device.info).toMatchObject({ kind: 'block', sizeBytes: BigInt(mebibyte), logicalBlockSize: 512 });
    await device.close();
    loop.detach();
  });

  it.each([
    ['', 'backing'],
    [', whatever its name', 'back\ning\n'],
  ])('refuses a file that a loop device stands on%s: that would be two writers', async (_, name) => {
    const file = zeroFile(join(folder, name), mebibyte);
    const loop = loopDevice(file);
    await expect(openDevice(file, { mode: 'write' })).rejects.toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message: expect.stringContaining(loop.path),
    });
    await (await openDevice(file)).close();
    loop.detach();
  });

  it('tells a read-only device from a lack of rights', async () => {
    const loop = loopDevice(zeroFile(join(folder, 'read-only'), mebibyte), ['--read-only']);
    await expect(openDevice(loop.path, { mode: 'write' })).rejects.toMatchObject({
      code: 'ERR_DEVICE_READ_ONLY',
    });
    const reader = await openDevice(loop.path);
    await reader.close();
    loop.detach();
  });

  it('finds a full file system before a write, not in the middle of it', () => {
    const place = join(folder, 'full');
    mkdirSync(place);
    const prepare = `mount -t tmpfs -o size=64k none ${place} && truncate -s 1M ${place}/image`;
    const script = `const device = await openDevice('${place}/image', { mode: 'write', direct: 'prefer' });
      return tell(device.allocate(${mebibyte}))`;
    expect(inNamespace(prepare, script)).toMatchObject({ code: 'ERR_NO_SPACE' });
  });

  it('writes buffered, durable and reported as such, where O_DIRECT is refused and `prefer` was asked for', () => {
    const place = join(folder, 'ram');
    mkdirSync(place);
    const prepare = `mount -t ramfs none ${place} && head -c 1048576 /dev/zero > ${place}/image`;
    const script = `const path = '${place}/image';
      const refused = await tell(openDevice(path, { mode: 'write' }));
      const store = await MetadataStore.create(path, { mainSectors: 1000n, direct: 'prefer' });
      store.table.add(7, { spare: 1500 });
      const { degraded } = await store.commit();
      const { direct } = store.device.info;
      await store.close();
      const again = await MetadataStore.open(path, { direct: 'prefer' });
      return { refused, direct, degraded, found: String(again.table.lookup(7)) };`;
    expect(inNamespace(prepare, script)).toMatchObject({
      refused: { code: 'ERR_DIRECT_UNSUPPORTED' },
      direct: false,
      degraded: [],
      found: '1500',
    });
  });
});

describe('the identity of a device', () => {
  it('of a file is its inode and its file system, whatever the path', async () => {
    const file = zeroFile(join(folder, 'identity'), 655_360);
    const link = join(folder, 'identity-link');
    symlinkSync(file, link);
    const { dev, ino } = statSync(file, { bigint: true });
    await using plain = await openDevice(file);
    await using linked = await openDevice(link);
    const [major, minor] = execFileSync('stat', ['-c', '%Hd:%Ld', file], { encoding: 'utf8' })
      .trim()
      .split(':');
    expect(dev).toBeGreaterThan(0n);
    expect(plain.info.identity).toEqual({
      deviceNumber: `${major}:${minor}`,
      inode: ino,
      diskSequence: null,
    });
    expect(linked.info.identity).toEqual(plain.info.identity);
  });

  it.skipIf(whyNoLoop())('of a block device is its number and its disk sequence', async () => {
    const loop = loopDevice(zeroFile(join(folder, 'identity-loop'), 655_360));
    try {
      await using device = await openDevice(loop.path);
      const { identity } = device.info;
      const folderOf = `/sys/dev/block/${identity?.deviceNumber}`;
      expect(readFileSync(`${folderOf}/uevent`, 'utf8')).toContain(
        `DEVNAME=${loop.path.slice('/dev/'.length)}\n`,
      );
      expect(identity?.inode).toBeNull();
      expect(`${identity?.diskSequence}`).toBe(readFileSync(`${folderOf}/diskseq`, 'utf8').trim());
    } finally {
      loop.detach();
    }
  });
});

describe.skipIf(noRoot !== undefined).each(enginesToTry())(noRoot ?? 'with %s', (engine) => {
  it('a block device that becomes read-only while it is open says so, and not that it is bad', async () => {
    const loop = loopDevice(zeroFile(join(folder, `setro-${engine}`), 655_360));
    try {
      await using device = await openDevice(loop.path, { mode: 'write', engine });
      execFileSync('blockdev', ['--setro', loop.path]);
      const writing = device.write(0n, new Uint8Array(4096));
      await expect(writing).rejects.toMatchObject({ code: 'ERR_DEVICE_READ_ONLY', errno: 'EPERM' });
      expect(await device.read(0n, 4096)).toEqual(new Uint8Array(4096));
    } finally {
      execFileSync('blockdev', ['--setrw', loop.path]); //  It would stay so, for whoever gets it next.
      loop.detach();
    }
  });
});

describe('many devices', () => {
  // Opens files until one is refused, or all are open; writes to each that is open. Says how many, and of the refusal.
  const source = `
    const { openDevice } = await import(process.argv[1]);
    const devices = [];
    let refusal;
    for (const path of process.argv.slice(3)) {
      try {
        devices.push(await openDevice(path, { mode: 'write', engine: process.argv[2] }));
      } catch ({ code, message }) {
        refusal = { code, message };
        break;
      }
    }
    await Promise.all(devices.map((device) => device.write(0n, new Uint8Array(4096).fill(7))));
    const reports = await Promise.all(devices.map((device) => device.close()));
    const released = reports.filter(({ released }) => released).length;
    console.log(JSON.stringify({ open: devices.length, released, refusal, engine: devices[0].info.engine }));`;
  const paths = Array.from({ length: 256 }, (_, at) => join(folder, `many-${at}`));
  const openAll = (limits: string, engine: string, as: readonly string[] = []) => {
    for (const path of paths) writeFileSync(path, new Uint8Array(4096), { mode: 0o666 });
    const node = [...as, process.execPath, '--input-type=module', '-e', source, library, engine, ...paths];
    const words = ['-c', `${limits} && exec "$@"`, 'sh', ...node];
    const { stdout, stderr } = spawnSync('sh', words, { encoding: 'utf8' });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  };

  it.each(enginesToTry())('256 can be open at a time with %s, and each is written', (engine) => {
    expect(openAll('ulimit -n 1024', engine)).toEqual({ open: 256, released: 256, engine });
    for (const path of paths) expect(readFileSync(path).equals(Buffer.alloc(4096, 7))).toBe(true);
  });

  it.each(enginesToTry())(
    'one too many for RLIMIT_NOFILE is refused with %s, and the others work',
    (engine) => {
      const { open, released, refusal } = openAll('ulimit -n 128', engine);
      expect(open).toBeGreaterThan(30);
      expect(released).toBe(open);
      expect(refusal).toMatchObject({ code: 'ERR_QUEUE_FULL', message: expect.stringContaining('EMFILE') });
    },
  );
});

describe('filling the holes of a file', () => {
  it('is over when a close is told: the next open finds the file free, and the closed device refuses', async () => {
    const path = zeroFile(join(folder, 'holes'), 8 * 1024 * 1024);
    for (let round = 0; round < 50; round++) {
      const device = await openDevice(path, { mode: 'write' });
      const allocating = device.allocate(8 * 1024 * 1024);
      expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
      await allocating;
      await expect(device.allocate(4096)).rejects.toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
    }
  });
});
