// Who is in the way of a writer is named, and nothing is written: by write commands, which find it when they open the
// spare, and by doctor, which only looks.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoopDevice, loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { mainFile } from './harness.js';

const scratch = scratchFolder();
const noLoop = whyNoLoop();
const loops: LoopDevice[] = [];
let count = 0;
let file = '';
let place = '';
let lower = '';

const stacked = (under: string): string => {
  const loop = loopDevice(under);
  loops.push(loop);
  return loop.path;
};

beforeEach(() => {
  const folder = join(scratch, `${++count}`);
  place = join(folder, 'a place');
  mkdirSync(place, { recursive: true });
  file = zeroFile(join(folder, 'disk.img'), 24 * 2 ** 20);
  if (noLoop === undefined) lower = stacked(file);
});
afterEach(() => {
  //  Upwards: what stands on another keeps it.
  for (const loop of loops.splice(0).reverse()) loop.detach();
});

/** Bash, in a mount namespace that goes with it; what else it does is undone by `undone` however it ends. */
function bash(prepare: string, undone: string, command: string) {
  const script = `trap 'set +e; ${undone}' EXIT\nset -e\n${prepare}\nset +e\n${command}`;
  const { PATH } = process.env;
  const env = { PATH, NODE: process.execPath, MAIN: mainFile, PLACE: place, LOWER: lower, HOME: scratch };
  const ran = spawnSync('unshare', ['--mount', 'bash', '-c', script], { env, encoding: 'utf8' });
  expect(ran.signal).toBeNull();
  return ran;
}

const create = (path: string) => `"$NODE" "$MAIN" create --force --no-backup --main=9 '${path}'`;
/** Its start, which a mounted ext4 leaves alone while it writes elsewhere by itself, and how many copies are on it. */
const contentOf = (path: string) =>
  `echo $(head -c 1024 '${path}' | sha256sum) $("$NODE" "$MAIN" examine --json '${path}' | grep -c '"valid"')`;
const doctor = (path: string) => `"$NODE" "$MAIN" doctor --json '${path}'`;

interface Held {
  readonly path: string;
  /** What is told of who holds it. */
  readonly says: string;
  readonly prepare?: string;
  readonly undone?: string;
}

const partitions = 'addpart "$LOWER" 1 2048 16384; addpart "$LOWER" 2 20480 16384';
const noPartitions = 'umount "$PLACE"; delpart "$LOWER" 1; delpart "$LOWER" 2';
const mount = (device: string) => `mkfs.ext4 -q -F ${device}; mount ${device} "$PLACE"`;

const rows: readonly (readonly [name: string, row: () => Held])[] = [
  [
    'a mounted device',
    () => ({ path: lower, prepare: mount('"$LOWER"'), says: `it is mounted on ${place}` }),
  ],
  [
    'the image of a mounted loop device',
    () => ({
      path: file,
      prepare: mount('"$LOWER"'),
      says: `it is the backing file of ${lower}, which is mounted on ${place}`,
    }),
  ],
  [
    'a device that is swap',
    () => ({
      path: lower,
      prepare: 'mkswap -q "$LOWER"; swapon "$LOWER"',
      undone: 'swapoff "$LOWER"',
      says: 'it is used as swap',
    }),
  ],
  [
    'the image of a loop device that is swap',
    () => ({
      path: file,
      prepare: 'mkswap -q "$LOWER"; swapon "$LOWER"',
      undone: 'swapoff "$LOWER"',
      says: `it is the backing file of ${lower}, which is used as swap`,
    }),
  ],
  [
    'a swap file',
    () => ({
      path: join(place, 'swap file'),
      prepare: `${mount('"$LOWER"')}
        dd if=/dev/zero of="$PLACE/swap file" bs=1M count=4 status=none; chmod 600 "$PLACE/swap file"
        mkswap -q "$PLACE/swap file"; swapon "$PLACE/swap file"`,
      undone: 'swapoff "$PLACE/swap file"',
      says: 'it is used as swap',
    }),
  ],
  [
    'a block device under a loop device',
    () => {
      const upper = stacked(lower);
      return { path: lower, says: `it is the backing device of ${upper}` };
    },
  ],
  [
    'a block device under a mounted loop device',
    () => {
      const upper = stacked(lower);
      return {
        path: lower,
        prepare: mount(upper),
        says: `it is the backing device of ${upper}, which is mounted on ${place}`,
      };
    },
  ],
  [
    'a disk with a mounted partition',
    () => ({
      path: lower,
      prepare: `${partitions}; ${mount('"$LOWER"p1')}`,
      undone: noPartitions,
      says: `it has the partition ${lower}p1, which is mounted on ${place}`,
    }),
  ],
  [
    'a partition of a mounted disk',
    () => ({
      path: `${lower}p1`,
      prepare: `${partitions}; ${mount('"$LOWER"')}`,
      undone: noPartitions,
      says: `it is a partition of ${lower}, which is mounted on ${place}`,
    }),
  ],
  [
    'a partition of a disk under a loop device',
    () => {
      const upper = stacked(lower);
      return {
        path: `${lower}p1`,
        prepare: partitions,
        undone: noPartitions,
        says: `it is a partition of ${lower}, which is the backing device of ${upper}`,
      };
    },
  ],
];

describe.skipIf(noLoop !== undefined)(noLoop ?? 'who is in the way is named', () => {
  test.each(rows)('%s', (_, row) => {
    const { path, says, prepare = '', undone = '' } = row();
    const { stdout, stderr } = bash(
      `${prepare}\n${contentOf(path)}`,
      undone,
      `${create(path)}; echo "ended with $?"; ${contentOf(path)}; ${doctor(path)}`,
    );
    expect(stderr).toContain(says);
    expect(stderr).toContain('(ERR_DEVICE_BUSY)\n');
    const [before, ended, after, ...report] = stdout.split('\n');
    expect(before).toMatch(/^[0-9a-f]{64} - 0$/);
    expect({ ended, after }).toEqual({ ended: 'ended with 8', after: before });
    expect(JSON.parse(report.join('\n'))).toMatchObject({
      path: { writable: false, problem: { code: 'ERR_DEVICE_BUSY', reason: expect.stringContaining(says) } },
    });
  });

  test('of a disk whose partition is under a loop device, and of that partition; its sibling is free', () => {
    const { stdout, stderr } = bash(
      `${partitions}\nUPPER=$(losetup -f --show "$LOWER"p1)`,
      `losetup -d "$UPPER"; ${noPartitions}`,
      ['', 'p1', 'p2'].map((part) => `${create(`${lower}${part}`)}; echo "ended with $?"`).join('\n') +
        '\necho "$UPPER"',
    );
    const upper = stdout.trim().split('\n').at(-1);
    expect(stdout.match(/ended with \d+/g)).toEqual(['ended with 8', 'ended with 8', 'ended with 0']);
    expect(stderr).toContain(`it has the partition ${lower}p1, which is the backing device of ${upper}`);
    expect(stderr).toContain(`${lower}p1: it is the backing device of ${upper}`);
  });

  test('a sibling of a mounted partition is free', () => {
    const { stdout } = bash(
      `${partitions}; ${mount('"$LOWER"p1')}`,
      noPartitions,
      `${create(`${lower}p2`)}; echo "ended with $?"`,
    );
    expect(stdout).toContain('ended with 0');
  });

  test('the device on top can be written, and is what lies below', () => {
    const upper = stacked(lower);
    expect(bash('', '', create(upper)).status).toBe(0);
    expect(readFileSync(upper).equals(readFileSync(file))).toBe(true);
  });
});
