// Who uses a device, by trees that stand for sysfs and procfs, and by programs that stand for dmsetup: this host has no device
// mapper. What the module prints there is upstream's: `dm-remap-v4 MAIN SPARE`, with its own name once more in front.
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DeviceInfo } from '../../lib/device/device.js';
import { inUse } from '../../lib/device/in-use.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();

type Files = Readonly<Record<string, string>>;
const disk: Files = {
  'sys/dev/block/8:16/uevent': 'MAJOR=8\nMINOR=16\nDEVNAME=sdb\n',
  'sys/block/sdb/dev': '8:16\n',
  'sys/module/dm_mod/version': '1\n',
};
const mapped: Files = { ...disk, 'sys/block/dm-0/dev': '253:0\n', 'sys/module/dm_remap/version': '4\n' };

interface Case {
  readonly files?: Files;
  /** A shell script that stands for dmsetup; none where it is not installed. */
  readonly dmsetup?: string | undefined;
  readonly timeoutMs?: number;
  readonly namespace?: string;
  readonly info?: Partial<DeviceInfo>;
  readonly signal?: AbortSignal;
}

/** What is learned of the disk 8:16 in such a world. */
async function learned({
  files = mapped,
  dmsetup,
  timeoutMs = 60_000,
  namespace = 'pid:[4026531836]',
  ...more
}: Case) {
  const root = mkdtempSync(join(folder, 'world-'));
  for (const [path, text] of Object.entries({ 'proc/1/comm': 'init\n', 'proc/locks': '', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  mkdirSync(join(root, 'proc/self/ns'), { recursive: true });
  mkdirSync(join(root, 'proc/1/fd'), { recursive: true });
  symlinkSync(namespace, join(root, 'proc/self/ns/pid'));
  const node = zeroFile(join(root, 'sdb'), 512);
  const program = join(root, 'dmsetup');
  if (dmsetup !== undefined) {
    writeFileSync(program, `#!/bin/sh\n${dmsetup}\n`);
    chmodSync(program, 0o755);
  }
  const { info } = new MemoryDevice(new Uint8Array(512));
  const identity = { deviceNumber: '8:16', inode: null, diskSequence: null };
  const device: DeviceInfo = { ...info, kind: 'block', path: node, identity, ...more.info };
  const sources = { sys: join(root, 'sys'), proc: join(root, 'proc'), dmsetup: [program], timeoutMs };
  return inUse(device, more.signal, sources);
}

const free = { state: 'free', by: null };
const unknown = { state: 'unknown', by: null };
const prints = (...lines: readonly string[]) => `cat <<'END'\n${lines.join('\n')}\nEND`;
const ours = { state: 'held', by: 'the kernel module has it in the mapped device disk' };

describe('a target of the module, which sysfs shows no holder of', () => {
  const rows: [name: string, dmsetup: string | undefined, use: object][] = [
    ['the module, as spare', prints('disk: 0 131072 dm-remap-v4 dm-remap-v4 8:0 8:16'), ours],
    ['the same without its name twice', prints('disk: 0 131072 dm-remap-v4 8:0 8:16'), ours],
    ['as main', prints('disk: 0 131072 dm-remap-v4 dm-remap-v4 8:16 8:0'), ours],
    ['one of several', prints('a: 0 9 dm-remap-v4 8:1 8:2', 'disk: 0 9 dm-remap-v4 8:3 8:16'), ours],
    ['others alone', prints('a: 0 9 dm-remap-v4 8:1 8:2', 'b: 0 9 dm-remap-v4 8:3 8:161'), free],
    ['none at all', prints('No devices found'), free],
    ['nothing', 'true', free],
    ['a target of another kind', prints('a: 0 9 linear 8:16 0'), free],
    ['a path that leads nowhere', prints('a: 0 9 dm-remap-v4 /dev/gone/1 /dev/gone/2'), unknown],
    ['a path that is no path', prints('a: 0 9 dm-remap-v4 sdb sdc'), unknown],
    ['too many words', prints(`a: 0 9 dm-remap-v4 ${'8:1 '.repeat(40)}8:16`), unknown],
    ['no devices', prints('a: 0 9 dm-remap-v4 '), unknown],
    ['a failure, as without root', 'echo Permission denied >&2; exit 1', unknown],
    ['a failure behind good lines', `${prints('disk: 0 9 dm-remap-v4 8:0 8:16')}\nexit 1`, unknown],
    ['more than a megabyte', 'yes "a: 0 9 dm-remap-v4 8:1 8:2"', unknown],
    ['more lines than anybody has', 'yes "a: 0 9 dm-remap-v4 8:1 8:2" | head -2000', unknown],
    ['no dmsetup', undefined, unknown],
  ];
  test.each(rows)('dmsetup tells of %s', async (_, dmsetup, use) => {
    expect(await learned({ dmsetup })).toEqual(use);
  });

  test('dmsetup is asked for these targets alone, with nothing of our environment', async () => {
    const dmsetup = 'echo "$# $1 $2 $3 $HOME-: 0 9 dm-remap-v4 8:0 8:16"';
    expect(await learned({ dmsetup })).toEqual({
      state: 'held',
      by: 'the kernel module has it in the mapped device 3 table --target dm-remap-v4 -',
    });
  });

  test('it is not asked where no module is loaded, or nothing is mapped', async () => {
    const dmsetup = prints('disk: 0 9 dm-remap-v4 8:0 8:16');
    const { 'sys/block/dm-0/dev': _, ...nothingMapped } = mapped;
    expect(await learned({ dmsetup, files: disk })).toEqual(free);
    expect(await learned({ dmsetup, files: nothingMapped })).toEqual(free);
    expect(await learned({ dmsetup, files: {} })).toEqual(unknown);
  });

  test('where it does not answer, it is given up: at the deadline, and with the command', async () => {
    expect(await learned({ dmsetup: 'exec sleep 1000', timeoutMs: 100 })).toEqual(unknown);
    const controller = new AbortController();
    const answer = learned({ dmsetup: 'exec sleep 1000', signal: controller.signal });
    controller.abort();
    expect(await answer).toEqual(unknown);
  });

  test('a partition of the disk, or the disk of a partition, counts', async () => {
    const files = {
      ...mapped,
      'sys/dev/block/8:16/sdb1/partition': '1\n',
      'sys/dev/block/8:16/sdb1/dev': '8:17\n',
    };
    expect(await learned({ files, dmsetup: prints('disk: 0 9 dm-remap-v4 8:0 8:17') })).toEqual(ours);
    const part = { ...mapped, 'sys/dev/block/8:16/partition': '1\n', 'sys/dev/block/dev': '8:0\n' };
    expect(await learned({ files: part, dmsetup: prints('disk: 0 9 dm-remap-v4 8:0 9:9') })).toEqual(ours);
  });

  const noLoop = whyNoLoop();
  test.skipIf(noLoop !== undefined)(
    `paths are followed to the device, also with blanks in them ${noLoop ?? ''}`,
    async () => {
      const loop = loopDevice(zeroFile(join(folder, 'loop.img'), 2 ** 20));
      await using device = await openDevice(loop.path, { mode: 'read' });
      const { deviceNumber = '' } = device.info.identity ?? {};
      const files = {
        ...mapped,
        [`sys/dev/block/${deviceNumber}/uevent`]: 'DEVNAME=loop0\n',
      };
      const link = join(folder, 'a spare with blanks');
      symlinkSync(loop.path, link);
      const of = (main: string, spare: string) =>
        learned({
          files,
          info: device.info,
          dmsetup: prints(`disk: 0 9 dm-remap-v4 dm-remap-v4 ${main} ${spare}`),
        });
      expect(await of('8:0', loop.path)).toEqual(ours);
      expect(await of('/dev/gone', link)).toEqual(ours);
      expect(await of(link, '/dev/gone')).toEqual(ours);
      expect(await of('8:0', '8:1')).toEqual(free);
      expect(await of('8:0', zeroFile(join(folder, 'no-device'), 512))).toEqual(unknown);
      loop.detach();
    },
  );
});

describe('everything else', () => {
  const rows: [name: string, more: Files, by: string][] = [
    ['a holder', { 'sys/dev/block/8:16/holders/md0': '' }, 'it is held by md0'],
    [
      'a mount',
      { 'proc/self/mountinfo': '1 2 8:16 / /srv/a\\040b rw - ext4 /dev/sdb rw\n' },
      'it is mounted on /srv/a b',
    ],
    ['swap', { 'proc/swaps': 'Filename\n/dev/sdb partition 1 0 -2\n' }, 'it is used as swap'],
    [
      'a loop device',
      { 'sys/block/loop3/loop/backing_file': '/dev/sdb\n', 'sys/block/loop3/dev': '7:3\n' },
      'it is the backing device of /dev/loop3',
    ],
  ];
  test.each(rows)('%s is named', async (_, more, by) => {
    expect(await learned({ files: { ...disk, ...more } })).toEqual({ state: 'held', by });
  });

  interface Opener {
    /** What its descriptor leads to; the device or file itself where it is left out. */
    readonly target?: string;
    readonly flags: string;
    readonly inode?: string;
    /** Of its own mount namespace. */
    readonly mounts?: string;
  }
  const block = { kind: 'block', inode: null } as const;
  const file = { kind: 'file', inode: 123n } as const;
  const loopOfSize = (sectors: number) => ({
    'sys/block/loop3/loop/backing_file': '/other/name\n',
    'sys/block/loop3/size': `${sectors}\n`,
  });
  const opens: [name: string, what: typeof block | typeof file, opener: Opener, more: Files, use: object][] =
    [
      [
        'writes to a device',
        block,
        { flags: '0100002' },
        {},
        { state: 'held', by: 'process 77 (qemu) has it open for writing' },
      ],
      ['reads a device, exclusively perhaps', block, { flags: '0100000' }, {}, unknown],
      ['writes to something else', block, { target: '/dev/sdc', flags: '0100002' }, {}, free],
      [
        'has the device mounted in a namespace of its own',
        block,
        { target: '/dev/sdc', flags: '0100002', mounts: '1 2 8:16 / /mnt rw - ext4 /dev/sdb rw\n' },
        {},
        { state: 'held', by: 'it is mounted in the mount namespace of process 77 (qemu)' },
      ],
      [
        'writes to a file without a lock',
        file,
        { flags: '0100002' },
        {},
        { state: 'held', by: 'process 77 (qemu) has it open for writing' },
      ],
      ['reads a file', file, { flags: '0100000' }, {}, free],
      [
        'writes to a file of the same inode under another name',
        file,
        { target: '/other/name', flags: '0100002', inode: '123' },
        {},
        unknown,
      ],
      ['writes to another file', file, { target: '/other/name', flags: '0100002', inode: '124' }, {}, free],
      [
        'writes elsewhere, and a loop device is as large as the file',
        file,
        { target: '/x', flags: '02' },
        loopOfSize(1),
        unknown,
      ],
      [
        'writes elsewhere, and a loop device is larger',
        file,
        { target: '/x', flags: '02' },
        loopOfSize(9),
        free,
      ],
    ];
  test.each(opens)('a process that %s', async (_, { kind, inode }, opener, more, use) => {
    const world = mkdtempSync(join(folder, 'open-'));
    const path = zeroFile(join(world, 'sdb'), 512);
    const { target = path, flags, inode: number = '1', mounts } = opener;
    const files = {
      ...disk,
      'proc/locks': '',
      'proc/77/comm': 'qemu\n',
      'proc/77/fdinfo/5': `flags:\t${flags}\nino:\t${number}\n`,
      'proc/77/mountinfo': mounts ?? '',
      ...more,
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(world, name)), { recursive: true });
      writeFileSync(join(world, name), text);
    }
    for (const process of ['self', '77']) mkdirSync(join(world, `proc/${process}/ns`), { recursive: true });
    mkdirSync(join(world, 'proc/77/fd'));
    symlinkSync(target, join(world, 'proc/77/fd/5'));
    symlinkSync('pid:[4026531836]', join(world, 'proc/self/ns/pid'));
    symlinkSync('mnt:[1]', join(world, 'proc/self/ns/mnt'));
    symlinkSync(mounts === undefined ? 'mnt:[1]' : 'mnt:[2]', join(world, 'proc/77/ns/mnt'));
    const { info } = new MemoryDevice(new Uint8Array(512));
    const identity = { deviceNumber: '8:16', inode, diskSequence: null };
    const sources = { sys: join(world, 'sys'), proc: join(world, 'proc'), dmsetup: [], timeoutMs: 1 };
    expect(await inUse({ ...info, kind, path, identity }, undefined, sources)).toEqual(use);
  });

  test('nobody is sure in a PID namespace, of a device in memory, or where the path leads nowhere', async () => {
    expect(await learned({ files: disk })).toEqual(free);
    expect(await learned({ files: disk, namespace: 'pid:[4026532000]' })).toEqual(unknown);
    expect(await learned({ files: disk, info: { kind: 'memory' } })).toEqual(unknown);
    expect(await learned({ files: disk, info: { path: join(folder, 'gone') } })).toEqual(unknown);
  });

  test('of a file: the lock, and what stands in the way of knowing it', async () => {
    const identity = { deviceNumber: '8:2', inode: 123n, diskSequence: null };
    const of = (locks: string) =>
      learned({ files: { 'proc/locks': locks, 'proc/9/comm': 'node\n' }, info: { kind: 'file', identity } });
    const line = (place: string) => `1: FLOCK  ADVISORY  WRITE 9 ${place} 0 EOF\n`;
    expect(await of(line('08:02:124'))).toEqual(free);
    expect(await of(line('08:02:123'))).toEqual({ state: 'held', by: 'process 9 (node) holds its lock' });
    //  btrfs: the number of the file system is another one there.
    expect(await of(line('00:2b:123'))).toEqual(unknown);
  });
});
