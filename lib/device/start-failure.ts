// Why an engine cannot start: the walls that its first system calls run into, in words, and the way around each. Pure: an
// errno, and what is known of the host, go in. Nothing needs to be known: then the words say what it can be.

/** Which system call of an engine's start failed, as the native part names it, and how. */
export interface Failure {
  readonly step: string;
  /** Name of the errno. */
  readonly errno: string | undefined;
}

/** What a host says of itself. What could not be found out is undefined. */
export interface HostFacts {
  /** uname(2): `6.1.0-18-amd64`. */
  readonly kernel?: string | undefined;
  /** Whether a seccomp filter is on this process (proc_pid_status(5), Seccomp). */
  readonly seccompFilter?: boolean | undefined;
  /** kernel.io_uring_disabled: 0 nobody is kept out, 1 the unprivileged are, 2 everybody is. Not there before Linux 6.6. */
  readonly ioUringDisabled?: number | undefined;
  /** kernel.io_uring_group; -1 for none. */
  readonly ioUringGroup?: number | undefined;
  /** The groups of this process, the effective one first. */
  readonly groups?: readonly number[] | undefined;
  /** CAP_SYS_ADMIN in the first user namespace: the root of a container's own does not count. */
  readonly sysAdmin?: boolean | undefined;
  /** RLIMIT_MEMLOCK in bytes; Infinity also for who is not bound by it (CAP_IPC_LOCK). */
  readonly memlockBytes?: number | undefined;
  /** RLIMIT_NPROC; Infinity also for who is not bound by it. */
  readonly processes?: number | undefined;
  /** RLIMIT_NOFILE. */
  readonly openFiles?: number | undefined;
  /** The fullest pids cgroup that this process is in. */
  readonly pids?: { readonly current: number; readonly max: number } | undefined;
  /** fs.aio-nr of fs.aio-max-nr. */
  readonly aio?: { readonly taken: number; readonly max: number } | undefined;
}

export const causes = [
  'kernel-too-old',
  'not-built-in',
  'missing-operation',
  'io-uring-disabled',
  'seccomp',
  'security-module',
  'forbidden',
  'memlock',
  'memory',
  'open-files',
  'aio-max-nr',
  'pids-cgroup',
  'process-limit',
  'no-thread',
  'unexpected',
] as const;
/** `forbidden` and `no-thread` where it is not known by whom, or by what. */
export type Cause = (typeof causes)[number];

/** What stands in the way, and what to do about it: clauses, with commands in backticks. */
interface Wall {
  readonly cause: Cause;
  readonly reason: string;
  readonly remedies: readonly string[];
}

/** The kernel that has everything that the ring asks for: IORING_SETUP_COOP_TASKRUN (io_uring_setup(2)). */
const oldest = [5, 19] as const;

interface Rule {
  readonly cause: Cause;
  /** What the failed step begins with. */
  readonly step: string;
  readonly errnos: readonly string[];
  /** On top of the step and the errno. */
  readonly when?: (host: HostFacts) => boolean;
  readonly reason: (host: HostFacts, step: string) => string;
  /** Missing where the cause is not known. */
  readonly remedies?: (host: HostFacts, step: string) => readonly string[];
}

//  The first that fits. Where facts are not known, `when` is false, and a later one names what it can be.
const rules: readonly Rule[] = [
  {
    cause: 'kernel-too-old',
    step: 'io_uring_',
    errnos: ['ENOSYS', 'EINVAL'],
    when: ({ kernel }) => isTooOld(kernel),
    reason: ({ kernel }) => `this kernel is too old: ${kernel}; io_uring is used from ${oldest.join('.')} on`,
    remedies: () => [`boot a kernel of ${oldest.join('.')} or newer`],
  },
  {
    cause: 'io-uring-disabled',
    step: 'io_uring_setup',
    errnos: ['EPERM'],
    when: ({ ioUringDisabled }) => ioUringDisabled === 2,
    reason: (host) => `kernel.io_uring_disabled is 2: nobody may use it${filterToo(host)}`,
    remedies: () => ['as root of the host: `sysctl -w kernel.io_uring_disabled=0`'],
  },
  {
    cause: 'io-uring-disabled',
    step: 'io_uring_setup',
    errnos: ['EPERM'],
    when: (host) => host.ioUringDisabled === 1 && !isPrivileged(host),
    reason: (host) =>
      `kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and ${groupText(host)} may use it${filterToo(host)}`,
    remedies: ({ ioUringGroup = -1, groups = [] }) => [
      'run it as root of the host',
      ioUringGroup >= 0
        ? `or as a member of group ${ioUringGroup}: \`usermod -aG ${ioUringGroup} USER\``
        : `or name a group of this user, as root: \`sysctl -w kernel.io_uring_group=${groups[0] ?? 'GID'}\``,
    ],
  },
  {
    cause: 'seccomp',
    step: '',
    errnos: ['EPERM', 'EACCES', 'ENOSYS'],
    when: ({ seccompFilter }) => seccompFilter === true,
    reason: () => 'a seccomp filter forbids it, as in most containers',
    remedies: (_, step) => {
      const { calls, group } = interfaceOf(step);
      return [
        `let the filter allow ${calls}`,
        'in a container: `docker run --security-opt seccomp=PROFILE.json`, or podman',
        `in a systemd unit: SystemCallFilter=${group}`,
      ];
    },
  },
  {
    cause: 'not-built-in',
    step: 'io_',
    errnos: ['ENOSYS'],
    when: ({ seccompFilter }) => seccompFilter === false,
    reason: (_, step) => `this kernel was built without it (${interfaceOf(step).option})`,
    remedies: (_, step) => [
      `boot a kernel with ${interfaceOf(step).option}=y, or leave the sandbox that hides it`,
    ],
  },
  {
    cause: 'security-module',
    step: '',
    errnos: ['EPERM', 'EACCES'],
    when: ({ seccompFilter }) => seccompFilter === false,
    reason: () => 'it is forbidden, and not by seccomp: by a security module such as SELinux, then',
    remedies: () => ["ask the kernel's log: `journalctl -k --grep=denied`"],
  },
  {
    cause: 'forbidden',
    step: 'io_uring_setup',
    errnos: ['EPERM'],
    reason: () => 'kernel.io_uring_disabled or a seccomp filter forbids it',
  },
  {
    cause: 'forbidden',
    step: '',
    errnos: ['EPERM', 'EACCES'],
    reason: () => 'a seccomp filter or a security module forbids it',
  },
  {
    cause: 'not-built-in',
    step: '',
    errnos: ['ENOSYS'],
    reason: () => 'this kernel does not have it, or a seccomp filter hides it',
  },
  {
    cause: 'missing-operation',
    step: 'io_uring_register',
    errnos: ['EOPNOTSUPP', 'ENOTSUP', 'EINVAL'], //  The first two are one number.
    reason: () => "this kernel's io_uring lacks an operation or a restriction that is needed",
    remedies: () => [`boot a kernel of ${oldest.join('.')} or newer, with all of io_uring`],
  },
  {
    cause: 'kernel-too-old',
    step: 'io_uring_',
    errnos: ['EINVAL'],
    reason: () => `this kernel is too old (${oldest.join('.')} or newer is needed)`,
    remedies: () => [`boot a kernel of ${oldest.join('.')} or newer`],
  },
  {
    //  Not every kernel charges a ring; Linux 6.18 does, and not those of CAP_IPC_LOCK.
    cause: 'memlock',
    step: 'io_uring_',
    errnos: ['ENOMEM'],
    when: ({ memlockBytes }) => memlockBytes !== undefined && memlockBytes !== Number.POSITIVE_INFINITY,
    reason: ({ memlockBytes }) =>
      `memory that may be locked is used up: RLIMIT_MEMLOCK is ${memlockBytes} bytes`,
    remedies: () => [
      'as root, in the shell that starts it: `ulimit -l 8192` (KiB)',
      'in a systemd unit: LimitMEMLOCK=8M; `docker run --ulimit memlock=8388608`',
    ],
  },
  {
    cause: 'memory',
    step: 'io_uring_',
    errnos: ['ENOMEM'],
    reason: ({ memlockBytes }) =>
      `memory is short${memlockBytes === undefined ? ', or RLIMIT_MEMLOCK is too low' : ''}`,
    remedies: () => ['look for who has the memory: `free -m`; in a container, its limit'],
  },
  {
    cause: 'memory',
    step: '',
    errnos: ['ENOMEM'],
    reason: () => 'memory is short, or RLIMIT_AS is too low',
    remedies: () => ['look for who has the memory: `free -m`, `ulimit -v`; in a container, its limit'],
  },
  {
    cause: 'open-files',
    step: '',
    errnos: ['EMFILE'],
    reason: ({ openFiles }) =>
      `too many open files${openFiles === undefined ? '' : `: RLIMIT_NOFILE is ${openFiles}`}`,
    remedies: () => ['in the shell that starts it: `ulimit -n 1024`; in a systemd unit: LimitNOFILE=1024'],
  },
  {
    cause: 'open-files',
    step: '',
    errnos: ['ENFILE'],
    reason: () => 'too many open files in the whole system (fs.file-max)',
    remedies: () => ['as root of the host: `sysctl fs.file-nr fs.file-max`, and raise the latter'],
  },
  {
    cause: 'aio-max-nr',
    step: 'io_setup',
    errnos: ['EAGAIN'],
    reason: ({ aio }) =>
      `fs.aio-max-nr is used up${aio === undefined ? '' : `: ${aio.taken} of ${aio.max} are taken`}`,
    remedies: ({ aio }) => [
      `as root of the host: \`sysctl -w fs.aio-max-nr=${Math.max(1_048_576, 2 * (aio?.max ?? 0))}\``,
    ],
  },
  {
    cause: 'pids-cgroup',
    step: 'pthread_create',
    errnos: ['EAGAIN'],
    when: ({ pids }) => pids !== undefined && pids.current >= pids.max,
    reason: ({ pids }) =>
      `no thread could be started: the pids cgroup is full, ${pids?.current} of ${pids?.max}`,
    remedies: () => ['raise it: TasksMax= of the systemd unit, `docker run --pids-limit=N`'],
  },
  {
    cause: 'process-limit',
    step: 'pthread_create',
    errnos: ['EAGAIN'],
    when: ({ processes }) => processes !== undefined && processes !== Number.POSITIVE_INFINITY,
    reason: ({ processes }) =>
      `no thread could be started: RLIMIT_NPROC is ${processes}, over all processes of this user`,
    remedies: () => [
      'in the shell that starts it: `ulimit -u 4096`; in a systemd unit: LimitNPROC=4096',
      "or end some of this user's: `ps -LU $(id -u)`",
    ],
  },
  {
    cause: 'no-thread',
    step: 'pthread_create',
    errnos: ['EAGAIN'],
    reason: () => 'no thread could be started',
    remedies: () => ['as root of the host: `sysctl kernel.threads-max kernel.pid_max`, `free -m`'],
  },
];

/** Why the start of an engine failed, as far as that is known. */
export function wallOf({ step, errno }: Failure, host: HostFacts = {}): Wall {
  const rule = rules.find(
    (one) =>
      step.startsWith(one.step) &&
      one.errnos.includes(errno ?? '') &&
      (one.when === undefined || one.when(host)),
  );
  if (rule === undefined) return { cause: 'unexpected', reason: 'unexpected', remedies: [] };
  return { cause: rule.cause, reason: rule.reason(host, step), remedies: rule.remedies?.(host, step) ?? [] };
}

function isTooOld(kernel: string | undefined): boolean {
  const [major, minor] =
    /^(\d+)\.(\d+)/
      .exec(kernel ?? '')
      ?.slice(1)
      .map(Number) ?? [];
  if (major === undefined || minor === undefined) return false;
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
}

const isPrivileged = ({ sysAdmin, groups, ioUringGroup }: HostFacts): boolean =>
  sysAdmin === true || (ioUringGroup !== undefined && groups?.includes(ioUringGroup) === true);

const groupText = ({ ioUringGroup = -1 }: HostFacts): string =>
  ioUringGroup < 0 ? 'no group' : `group ${ioUringGroup}`;

const filterToo = ({ seccompFilter }: HostFacts): string =>
  seccompFilter === true ? '; a seccomp filter is there too, and may forbid it as well' : '';

/** What a step belongs to: the kernel's option, its system calls, and systemd's name for them. */
function interfaceOf(step: string) {
  if (step.startsWith('io_uring_')) {
    const calls = 'io_uring_setup, io_uring_enter and io_uring_register';
    return { option: 'CONFIG_IO_URING', calls, group: '@aio' };
  }
  if (step.startsWith('io_')) {
    const calls = 'io_setup, io_submit, io_getevents, io_cancel and io_destroy';
    return { option: 'CONFIG_AIO', calls, group: '@aio' };
  }
  return { option: '', calls: 'clone, clone3, eventfd2 and mmap', group: '@system-service' };
}
