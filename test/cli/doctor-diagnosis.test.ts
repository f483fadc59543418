// The judgement of the doctor, without any I/O: facts go in.
import { describe, expect, it, test } from 'vitest';
import {
  allIsWell,
  diagnoseHost,
  diagnosePath,
  type Probes,
} from '../../lib/cli/commands/doctor-diagnosis.js';
import { doctorText, summaryOf } from '../../lib/cli/print/doctor-text.js';
import type { DeviceInfo } from '../../lib/device/device.js';
import { engineNames, guaranteesOf } from '../../lib/device/engines.js';
import type { OpenedPath } from '../../lib/device/path-facts.js';
import type { Failure } from '../../lib/device/start-failure.js';

// Which engine `auto` takes is asked here: nobody else may name one.
delete process.env.DMREMAP_ENGINE;

const forbidden: Failure = { step: 'io_uring_setup', errno: 'EPERM' };
const threadless: Failure = { step: 'pthread_create', errno: 'EAGAIN' };
const host = { kernel: '6.12.0', seccompFilter: true, ioUringDisabled: 0 };
/** Every engine works, except these. */
const probes = (failed: Partial<Probes> = {}): Probes => ({
  ...(Object.fromEntries(engineNames.map((name) => [name, undefined])) as Probes),
  ...failed,
});
const none = Object.fromEntries(engineNames.map((name) => [name, forbidden])) as Probes;
const second = engineNames[1];

test.each([
  ['all work', probes(), undefined, 'io_uring', 'order', /works here, by io_uring$/],
  ['the first does not', probes({ io_uring: forbidden }), '', second, 'order', /; io_uring does not$/],
  [
    'only the last does',
    { ...none, threads: undefined },
    undefined,
    'threads',
    'order',
    /; .* and .* do not$/,
  ],
  ['none does', none, undefined, null, 'order', /no engine can be used/],
  ['auto is named', probes(), 'auto', 'io_uring', 'order', /io_uring/],
  ['one is named', probes(), 'threads', 'threads', 'DMREMAP_ENGINE', /by threads$/],
  [
    'the one that is named does not',
    probes({ io_uring: forbidden }),
    'io_uring',
    null,
    'DMREMAP_ENGINE',
    /io_uring, which/,
  ],
  ['what is named is none', probes(), 'epoll', null, 'DMREMAP_ENGINE', /names no engine: 'epoll'/],
  ['what is named steers a terminal', probes(), '\u001b[2J', null, 'DMREMAP_ENGINE', /'\\x1b\[2J'/],
  ['what is named is a property', probes(), 'constructor', null, 'DMREMAP_ENGINE', /'constructor'/],
  ['what is named has no end', probes(), 'x'.repeat(100_000), null, 'DMREMAP_ENGINE', /^.{400,600}$/],
  ['no thread is to be had', probes({ threads: threadless }), undefined, null, 'order', /thread of its own/],
] as const)('auto, where %s', (_, probed, variable, engine, decidedBy, says) => {
  const diagnosis = diagnoseHost(probed, host, variable);
  expect(diagnosis.auto).toMatchObject({ engine, decidedBy });
  expect(summaryOf(diagnosis, null)).toMatch(says);
  expect(allIsWell(diagnosis, null)).toBe(engine !== null);
  expect(diagnosis.engines.map(({ problem }) => problem === null)).toEqual(
    engineNames.map((name) => probed[name] === undefined),
  );
});

describe('a path', () => {
  const info: DeviceInfo = {
    path: '/x y',
    kind: 'file',
    identity: null,
    engine: 'io_uring',
    guarantees: guaranteesOf('io_uring'),
    sizeBytes: 2n ** 63n,
    logicalBlockSize: 512,
    physicalBlockSize: 4096,
    writable: false,
    direct: true,
  };
  const good: OpenedPath = {
    info,
    denied: undefined,
    readOnly: false,
    holder: undefined,
    loop: undefined,
    fileSystem: 'ext4',
    mountPoint: '/',
    inFlight: 0,
  };
  const block = { info: { ...info, kind: 'block' as const }, fileSystem: undefined, mountPoint: undefined };

  it.each([
    ['nothing', good, null, undefined],
    [
      'a read-only device',
      { ...good, ...block, readOnly: true },
      'ERR_DEVICE_READ_ONLY',
      "blockdev --setrw '/x y'",
    ],
    [
      'a read-only file system',
      { ...good, denied: 'EROFS', mountPoint: '/a b' },
      'ERR_DEVICE_READ_ONLY',
      "remount,rw '/a b'",
    ],
    ['its rights', { ...good, denied: 'EACCES' }, 'ERR_ACCESS', "sudo dmremap doctor '/x y'"],
    ['a bit or a cgroup', { ...good, denied: 'EPERM' }, 'ERR_ACCESS', "lsattr -d '/x y'"],
    [
      'a loop device',
      { ...good, loop: { path: '/dev/loop7', clause: 'it is the backing file of /dev/loop7' } },
      'ERR_DEVICE_BUSY',
      'losetup --detach /dev/loop7',
    ],
    ['a mount', { ...good, ...block, holder: 'it is mounted on /srv' }, 'ERR_DEVICE_BUSY', "umount '/x y'"],
  ] as const)('that %s keeps from being written', (_, facts, code, remedy) => {
    const { readable, writable, problem, target } = diagnosePath('/x y', facts, 'io_uring');
    expect({ readable, writable, code: problem?.code ?? null }).toEqual({
      readable: true,
      writable: code === null,
      code,
    });
    expect(target?.sizeBytes).toBe(2n ** 63n);
    if (remedy !== undefined) expect(problem?.remedies.join('\n')).toContain(remedy);
  });

  it.each([
    ['a block device', { ...good, ...block }, 'io_uring', 'yes'],
    ['a block device', { ...good, ...block }, 'threads', 'no'],
    ['a file on ext4', good, 'io_uring', 'unless-frozen'],
    ['a file on ext4', good, 'threads', 'no'],
    ['a file on NFS', { ...good, fileSystem: 'nfs4' }, 'io_uring', 'unknown'],
    ['a file on FUSE', { ...good, fileSystem: 'fuse.sshfs' }, 'io_uring', 'unknown'],
    ['a file without O_DIRECT', { ...good, info: { ...info, direct: false } }, 'io_uring', 'no'],
  ] as const)('that is %s, with %s', (what, facts, engine, leaves) => {
    const { writable, target, notes } = diagnosePath('/x y', facts, engine);
    expect({ writable, leaves: target?.leavesWhileStuck }).toEqual({ writable: true, leaves });
    expect(notes.some((note) => note.includes('--buffered'))).toBe(!facts.info.direct);
    expect(notes.some((note) => note.includes('FUSE'))).toBe(what.endsWith('FUSE'));
  });

  it('with writes in flight is told so', () => {
    const notes = (inFlight: number) => diagnosePath('/x', { ...good, ...block, inFlight }, 'io_uring').notes;
    expect([notes(0), notes(1).join(), notes(2).join()]).toEqual([
      [],
      expect.stringMatching(/^a write is in flight/),
      expect.stringMatching(/^2 writes are in flight/),
    ]);
  });

  it('of a hostile name, held by a process of another, cannot steer a terminal', () => {
    const path = '/a\u001b[31m\n\u202eb';
    const facts = { ...good, ...block, holder: 'process 7 (\u001b[2J) has it open for writing' };
    const diagnosis = diagnoseHost(probes(), host, undefined);
    for (const found of [
      facts,
      { refused: { code: 'ERR_IO', errno: 'EIO', message: `${path}: \u009b` } },
    ] as const) {
      const lines = doctorText(diagnosis, diagnosePath(path, found, 'io_uring'), (_, text) => text);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });
});
