// What each wall is called: an errno of a step, and what is known of the host, go in.
import { describe, expect, it } from 'vitest';
import { causes, type HostFacts, wallOf } from '../../lib/device/start-failure.js';

//  A host with nothing in the way.
const plain: HostFacts = {
  kernel: '6.12.0-amd64',
  seccompFilter: false,
  ioUringDisabled: 0,
  ioUringGroup: -1,
  groups: [1000, 27],
  sysAdmin: false,
  memlockBytes: 8_388_608,
  processes: 4096,
  openFiles: 256,
  pids: { current: 10, max: 100 },
  aio: { taken: 65_536, max: 65_536 },
};
const filtered = { seccompFilter: true };
const root = { sysAdmin: true, memlockBytes: Infinity, processes: Infinity };

const rows: readonly (readonly [
  step: string,
  errno: string,
  host: HostFacts,
  cause: string,
  says: RegExp,
])[] = [
  //  Too old, for whatever reason it says no.
  ['io_uring_setup', 'ENOSYS', { kernel: '4.19.0' }, 'kernel-too-old', /4\.19\.0; .* 5\.19/],
  ['io_uring_setup', 'EINVAL', { kernel: '5.18.19-x' }, 'kernel-too-old', /5\.18\.19-x/],
  ['io_uring_register(files)', 'EINVAL', { kernel: '5.10.0' }, 'kernel-too-old', /5\.10\.0/],
  ['io_uring_setup', 'ENOSYS', { kernel: '5.4.0', ...filtered }, 'kernel-too-old', /5\.4\.0/],
  ['io_uring_setup', 'EINVAL', { kernel: '10.0.0' }, 'kernel-too-old', /is too old/],
  ['io_uring_setup', 'EINVAL', { kernel: 'unreadable' }, 'kernel-too-old', /is too old/],

  //  EPERM: the setting, or the filter.
  ['io_uring_setup', 'EPERM', { ioUringDisabled: 2 }, 'io-uring-disabled', /is 2: nobody/],
  [
    'io_uring_setup',
    'EPERM',
    { ioUringDisabled: 2, ...root },
    'io-uring-disabled',
    /is 2: nobody may use it$/,
  ],
  [
    'io_uring_setup',
    'EPERM',
    { ioUringDisabled: 2, ...filtered },
    'io-uring-disabled',
    /filter is there too/,
  ],
  ['io_uring_setup', 'EPERM', { ioUringDisabled: 1 }, 'io-uring-disabled', /no group may/],
  ['io_uring_setup', 'EPERM', { ioUringDisabled: 1, ioUringGroup: 99 }, 'io-uring-disabled', /group 99 may/],
  ['io_uring_setup', 'EPERM', { ioUringDisabled: 1, ioUringGroup: 27, ...filtered }, 'seccomp', /filter/],
  ['io_uring_setup', 'EPERM', { ioUringDisabled: 1, ...root, ...filtered }, 'seccomp', /filter/],
  ['io_uring_setup', 'EPERM', filtered, 'seccomp', /filter forbids/],
  ['io_uring_setup', 'EPERM', { ...filtered, ioUringDisabled: undefined }, 'seccomp', /filter forbids/],
  ['io_uring_setup', 'EPERM', {}, 'security-module', /SELinux/],
  ['io_uring_setup', 'EACCES', {}, 'security-module', /SELinux/],

  //  The setting is asked at the setup only.
  ['io_uring_enter', 'EPERM', { ioUringDisabled: 2, ...filtered }, 'seccomp', /filter forbids/],
  ['io_uring_enter', 'ENOSYS', filtered, 'seccomp', /filter forbids/],
  ['io_uring_register(files)', 'EACCES', filtered, 'seccomp', /filter forbids/],
  ['io_uring_setup', 'ENOSYS', filtered, 'seccomp', /filter forbids/],
  ['io_uring_setup', 'ENOSYS', {}, 'not-built-in', /CONFIG_IO_URING/],
  ['io_uring_register(probe)', 'ENOTSUP', {}, 'missing-operation', /lacks/],
  ['io_uring_register(restrictions)', 'EINVAL', {}, 'missing-operation', /lacks/],

  ['io_uring_setup', 'ENOMEM', {}, 'memlock', /RLIMIT_MEMLOCK is 8388608/],
  ['io_uring_setup', 'ENOMEM', root, 'memory', /^memory is short$/],
  ['mmap', 'ENOMEM', {}, 'memory', /RLIMIT_AS/],
  ['io_uring_setup', 'EMFILE', {}, 'open-files', /RLIMIT_NOFILE is 256/],
  ['eventfd', 'ENFILE', {}, 'open-files', /fs\.file-max/],

  ['io_setup', 'EAGAIN', {}, 'aio-max-nr', /used up: 65536 of 65536/],
  ['io_setup', 'ENOSYS', {}, 'not-built-in', /CONFIG_AIO/],
  ['io_setup', 'ENOSYS', { kernel: '4.4.0' }, 'not-built-in', /CONFIG_AIO/],
  ['io_setup', 'EPERM', { ioUringDisabled: 2, ...filtered }, 'seccomp', /filter forbids/],
  ['io_submit', 'ENOSYS', filtered, 'seccomp', /filter forbids/],

  ['pthread_create', 'EAGAIN', { pids: { current: 100, max: 100 } }, 'pids-cgroup', /full, 100 of 100/],
  ['pthread_create', 'EAGAIN', {}, 'process-limit', /RLIMIT_NPROC is 4096/],
  ['pthread_create', 'EAGAIN', root, 'no-thread', /no thread could be started$/],
  ['pthread_create', 'EPERM', filtered, 'seccomp', /filter forbids/],
  ['io_uring_setup', 'EOVERFLOW', {}, 'unexpected', /unexpected/],
];

//  Where nothing is known of the host, it names what it can be.
const unknown: typeof rows = [
  ['io_uring_setup', 'EPERM', {}, 'forbidden', /kernel\.io_uring_disabled or a seccomp filter/],
  ['io_uring_enter', 'EPERM', {}, 'forbidden', /a seccomp filter or a security module/],
  ['io_uring_setup', 'ENOSYS', {}, 'not-built-in', /does not have it, or a seccomp filter hides it/],
  ['io_uring_setup', 'EINVAL', {}, 'kernel-too-old', /5\.19 or newer is needed/],
  ['io_uring_setup', 'ENOMEM', {}, 'memory', /or RLIMIT_MEMLOCK is too low/],
  ['io_uring_setup', 'EMFILE', {}, 'open-files', /^too many open files$/],
  ['io_setup', 'EAGAIN', {}, 'aio-max-nr', /^fs\.aio-max-nr is used up$/],
  ['pthread_create', 'EAGAIN', {}, 'no-thread', /no thread could be started/],
];

describe('a wall', () => {
  it.each(rows.map(([step, errno, host, cause, says]) => ({ step, errno, host, cause, says })))(
    '$step: $errno, $host: $cause',
    ({ step, errno, host, cause, says }) => {
      const wall = wallOf({ step, errno }, { ...plain, ...host });
      expect(wall).toMatchObject({ cause, reason: expect.stringMatching(says) });
      //  Who is told why is told what to do.
      expect(wall.remedies.length > 0).toBe(cause !== 'unexpected');
    },
  );

  it.each(unknown)('%s: %s, of a host of which nothing is known', (step, errno, host, cause, says) => {
    expect(wallOf({ step, errno }, host)).toMatchObject({ cause, reason: expect.stringMatching(says) });
  });

  it('of every cause is in the tables above', () => {
    const seen = new Set([...rows, ...unknown].map(([, , , cause]) => cause));
    expect([...causes].filter((cause) => !seen.has(cause))).toEqual([]);
  });

  it('has the system calls in its remedy that the engine needs, and a limit higher than the one that was hit', () => {
    const remedies = (step: string, errno: string, host: HostFacts) =>
      wallOf({ step, errno }, { ...plain, ...host }).remedies.join('\n');
    expect(remedies('io_uring_enter', 'EPERM', filtered)).toContain('io_uring_setup, io_uring_enter and');
    expect(remedies('io_submit', 'EPERM', filtered)).toContain('io_setup, io_submit, io_getevents,');
    expect(remedies('io_setup', 'EAGAIN', { aio: { taken: 9_000_000, max: 9_000_000 } })).toContain(
      '=18000000`',
    );
    expect(remedies('io_uring_setup', 'EPERM', { ioUringDisabled: 1 })).toContain('io_uring_group=1000`');
  });
});
