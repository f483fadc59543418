// Every call of native/sys.h and native/sys_uring.h, the errnos that its man page lists, and what each failure may lead to.
// docs/native-faults.md has this table; the tests hold both to it.
import { errnoName } from '../../lib/device/errno.js';

export interface Call {
  /** The pages whose errnos these are. */
  readonly page: string;
  readonly errnos: readonly string[];
  /** Codes of the errors that it leads to; `success` where there is another way, or where it is tried again. */
  readonly leadsTo: readonly string[];
}

const call = (page: string, errnos: string, leadsTo: string): Call => ({
  page,
  errnos: errnos.split(' '),
  leadsTo: leadsTo.split(' '),
});

const pathErrnos = 'EACCES EBADF EFAULT ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW';
const registerErrnos = 'EACCES EBADF EBADFD EBUSY EFAULT EINVAL EMFILE ENOMEM ENXIO ENOTSUP';
const enterErrnos = 'EAGAIN EBADF EBADFD EBUSY EFAULT EINTR EINVAL ENXIO ENOTSUP';
const readErrnos = 'EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR';
const writeErrnos = 'EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE';
const offsetErrnos = 'ENOTSUP ENXIO EOVERFLOW ESPIPE';

export const calls: Readonly<Record<string, Call>> = {
  open: call(
    'open(2)',
    'EACCES EAGAIN EBADF EBUSY EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENXIO ENOTSUP EOVERFLOW EPERM EROFS ETXTBSY',
    'ERR_ACCESS ERR_DEVICE_BUSY ERR_DEVICE_NOT_FOUND ERR_DEVICE_READ_ONLY ERR_DEVICE_VANISHED ERR_DIRECT_UNSUPPORTED ERR_IO ERR_OUT_OF_MEMORY ERR_QUEUE_FULL success',
  ),
  close: call('close(2)', 'EBADF EINTR EIO ENOSPC EDQUOT', 'success'),
  stat: call('stat(2)', pathErrnos, 'ERR_IO success'),
  fstat: call('stat(2)', pathErrnos, 'ERR_ACCESS ERR_DEVICE_NOT_FOUND ERR_IO ERR_OUT_OF_MEMORY'),
  statx: call('statx(2)', `${pathErrnos} EINVAL`, 'success'),
  fstatfs: call('statfs(2)', 'EBADF EFAULT EINTR EIO ENOMEM ENOSYS EOVERFLOW', 'success'),
  ioctl: call('ioctl(2)', 'EBADF EFAULT EINVAL ENOTTY', 'ERR_IO success'),
  fcntl: call(
    'fcntl(2)',
    'EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK ENOTDIR EPERM',
    'ERR_IO ERR_QUEUE_FULL',
  ),
  flock: call('flock(2)', 'EBADF EINTR EINVAL ENOLCK EAGAIN', 'ERR_DEVICE_BUSY ERR_IO'),
  lseek: call('lseek(2)', 'EBADF EINVAL ENXIO EOVERFLOW ESPIPE', 'success'),
  fallocate: call(
    'fallocate(2)',
    'EBADF EFBIG EINTR EINVAL EIO ENODEV ENOSPC ENOSYS ENOTSUP EPERM ESPIPE ETXTBSY',
    'ERR_IO ERR_NO_SPACE success',
  ),
  opendir: call(
    'opendir(3)',
    'EACCES EBADF EMFILE ENFILE ENOENT ENOMEM ENOTDIR',
    'ERR_IO ERR_QUEUE_FULL success',
  ),
  readdir: call('readdir(3)', 'EBADF', 'ERR_IO'),
  closedir: call('closedir(3)', 'EBADF', 'success'),
  read: call('read(2)', readErrnos, 'ERR_IO success'),
  write: call('write(2)', writeErrnos, 'success'),
  preadv2: call('readv(2)', `${readErrnos} ${offsetErrnos}`, 'ERR_DEVICE_VANISHED ERR_IO success'),
  pwritev2: call(
    'readv(2)',
    `${writeErrnos} ${offsetErrnos}`,
    'ERR_DEVICE_VANISHED ERR_IO ERR_NO_SPACE success',
  ),
  fdatasync: call(
    'fdatasync(2)',
    'EBADF EDQUOT EINTR EINVAL EIO ENOSPC EROFS',
    'ERR_DEVICE_READ_ONLY ERR_IO ERR_NO_SPACE',
  ),
  eventfd: call('eventfd(2)', 'EINVAL EMFILE ENFILE ENODEV ENOMEM', 'ERR_ENGINE_UNAVAILABLE'),
  mmap: call('mmap(2)', 'EAGAIN EINVAL ENOMEM EOVERFLOW EPERM', 'ERR_OUT_OF_MEMORY'),
  munmap: call('munmap(2)', 'EINVAL ENOMEM', 'success'),
  madvise: call(
    'madvise(2)',
    'EACCES EAGAIN EBADF EFAULT EINVAL EIO ENOMEM EPERM',
    'ERR_OUT_OF_MEMORY success',
  ),
  pthread_create: call(
    'pthread_create(3)',
    'EAGAIN EINVAL EPERM',
    'ERR_ENGINE_UNAVAILABLE ERR_IO ERR_QUEUE_FULL success',
  ),
  uv_async_init: call('eventfd(2)', 'EINVAL EMFILE ENFILE ENODEV ENOMEM', 'ERR_ENGINE_UNAVAILABLE'),
  uv_poll_init: call(
    'epoll_ctl(2)',
    'EBADF EEXIST EINVAL ENOMEM ENOSPC EPERM',
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_queue_init_params: call(
    'io_uring_setup(2)',
    'EFAULT EINVAL EMFILE ENFILE ENOMEM EPERM ENOSYS',
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_ring_dontfork: call('madvise(2)', 'EAGAIN EINVAL ENOMEM', 'success'),
  io_uring_register_files: call(
    'io_uring_register(2)',
    registerErrnos,
    'ERR_IO ERR_OUT_OF_MEMORY ERR_QUEUE_FULL',
  ),
  io_uring_unregister_files: call('io_uring_register(2)', registerErrnos, 'success'),
  io_uring_register_buffers: call('io_uring_register(2)', registerErrnos, 'success'),
  io_uring_register_iowq_max_workers: call('io_uring_register(2)', registerErrnos, 'success'),
  io_uring_register_restrictions: call(
    'io_uring_register(2)',
    registerErrnos,
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_register_probe: call(
    'io_uring_register(2)',
    registerErrnos,
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_enable_rings: call(
    'io_uring_register(2)',
    registerErrnos,
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_enter: call(
    'io_uring_enter(2)',
    `${enterErrnos} EPERM ENOSYS`,
    'ERR_ENGINE_UNAVAILABLE ERR_QUEUE_FULL',
  ),
  io_uring_get_sqe: call('io_uring_get_sqe(3)', 'EAGAIN', 'success'),
  io_uring_submit: call('io_uring_enter(2)', enterErrnos, 'success'),
  io_uring_peek_cqe: call('io_uring_enter(2)', enterErrnos, 'success'),
  cqe: call(
    'io_uring_enter(2), readv(2), fdatasync(2)',
    `EACCES EBUSY EROFS ${writeErrnos} ${offsetErrnos}`,
    'ERR_DEVICE_READ_ONLY ERR_DEVICE_VANISHED ERR_IO ERR_NO_SPACE success',
  ),
  'cqe of a cancel': call('io_uring_prep_cancel(3)', 'ENOENT EINVAL EALREADY', 'success'),
  io_setup: call('io_setup(2)', 'EAGAIN EFAULT EINVAL ENOMEM ENOSYS', 'ERR_ENGINE_UNAVAILABLE'),
  io_submit: call(
    'io_submit(2)',
    'EAGAIN EBADF EFAULT EINVAL ENOSYS EPERM',
    'ERR_ENGINE_UNAVAILABLE ERR_IO success',
  ),
  io_getevents: call('io_getevents(2)', 'EFAULT EINTR EINVAL ENOSYS', 'ERR_ENGINE_UNAVAILABLE success'),
  io_destroy: call('io_destroy(2)', 'EFAULT EINVAL ENOSYS', 'success'),
  io_event: call(
    'io_getevents(2), readv(2), fdatasync(2)',
    `EROFS ${writeErrnos} ${offsetErrnos}`,
    'ERR_DEVICE_READ_ONLY ERR_DEVICE_VANISHED ERR_IO ERR_NO_SPACE success',
  ),
  new: call('operator new', 'ENOMEM', 'ERR_OUT_OF_MEMORY'),
};

export function errnoOf(name: string): number {
  for (let error = 1; error < 134; error++) if (errnoName(error) === name) return error;
  throw new Error(`no number is known of ${name}`);
}

/** The table as docs/native-faults.md has it. */
export function renderCalls(): string {
  const list = (words: readonly string[]) =>
    words.map((word) => (word === 'success' ? word : `\`${word}\``)).join(', ');
  const rows = Object.entries(calls).map(
    ([name, { page, errnos, leadsTo }]) =>
      `| \`${name}\` | ${page} | ${errnos.join(' ')} | ${list(leadsTo)} |`,
  );
  return ['| call | man page | errnos | leads to |', '|---|---|---|---|', ...rows].join('\n');
}
