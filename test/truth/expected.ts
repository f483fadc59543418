// The two tables as they were measured on Linux 6.18: what a cancel does to a write, by its state, and who can leave while
// one is stuck. Plain data; how each state is made is in states.ts.

export const reference = 'Linux 6.18';

/** A result of the kernel: a number, or the name of an errno with a minus before it. */
type Result = string;

/** What came of a cancel; with `after release` where nothing came before that. */
export interface Cancelled {
  /** The cancel's own answer. */
  readonly answer: Result;
  /** The completion of the write itself. */
  readonly write: Result;
}

/** By user_data, without IORING_ASYNC_CANCEL_ALL or _ANY. */
export interface CancelRow {
  readonly state: CancelState;
  readonly title: string;
  /** IORING_OP_ASYNC_CANCEL; null where there is nothing to ask. */
  readonly async: Cancelled | null;
  /** io_uring_register_sync_cancel, with a timeout of one second. */
  readonly sync: Cancelled;
}

export type CancelState =
  | 'unsubmitted'
  | 'linked'
  | 'drained'
  | 'queued'
  | 'frozen'
  | 'page'
  | 'fsync'
  | 'interruptible'
  | 'loop'
  | 'throttled'
  | 'fuse'
  | 'poll'
  | 'poll-async';

const withdrawn = '-ECANCELED';
const later = 'written after release';

export const cancelRows: readonly CancelRow[] = [
  {
    state: 'unsubmitted',
    title: 'not yet submitted',
    async: null,
    sync: { answer: '-ENOENT', write: later },
  },
  {
    state: 'linked',
    title: 'linked behind another',
    async: { answer: '-ENOENT', write: '-ECANCELED after release' },
    sync: { answer: '-ENOENT', write: '-ECANCELED after release' },
  },
  {
    state: 'drained',
    title: 'behind IOSQE_IO_DRAIN',
    async: { answer: '-ENOENT after release', write: later },
    sync: { answer: '-ENOENT', write: later },
  },
  {
    state: 'queued',
    title: 'queued on io-wq, no worker yet',
    async: { answer: '0', write: withdrawn },
    sync: { answer: '0', write: withdrawn },
  },
  {
    state: 'frozen',
    title: 'on io-wq, frozen file system',
    async: { answer: '-EALREADY', write: later },
    sync: { answer: '-ETIME', write: later },
  },
  {
    state: 'page',
    title: 'on io-wq, fault on the source page',
    async: { answer: '-EALREADY', write: later },
    sync: { answer: '-ETIME', write: later },
  },
  {
    state: 'fsync',
    title: 'on io-wq, fsync',
    async: { answer: '-EALREADY', write: 'done after release' },
    sync: { answer: '-ETIME', write: 'done after release' },
  },
  {
    state: 'interruptible',
    title: 'on io-wq, interruptible (FUSE)',
    async: { answer: '-EALREADY', write: '-EINTR' },
    sync: { answer: '0', write: '-EINTR' },
  },
  {
    state: 'loop',
    title: 'in flight on a loop device',
    async: { answer: '-ENOENT', write: later },
    sync: { answer: '-ENOENT', write: later },
  },
  {
    state: 'throttled',
    title: 'in flight, throttled loop device',
    async: { answer: '-ENOENT', write: later },
    sync: { answer: '-ENOENT', write: later },
  },
  {
    state: 'fuse',
    title: 'in flight, O_DIRECT on FUSE',
    async: { answer: '-ENOENT', write: later },
    sync: { answer: '-ENOENT', write: later },
  },
  {
    state: 'poll',
    title: 'armed on poll (full pipe)',
    async: { answer: '0', write: withdrawn },
    sync: { answer: '0', write: withdrawn },
  },
  {
    state: 'poll-async',
    title: 'full pipe, with IOSQE_ASYNC',
    async: { answer: '0', write: withdrawn },
    sync: { answer: '0', write: withdrawn },
  },
];

/**
 * What is said of each way: `gone` before the release, or `held` until then, `in D` where a thread of it is in uninterruptible
 * sleep; and before that of the call that closes the ring or the context, `returns` or `blocks`.
 */
export type LeaveState = 'loop' | 'fuse' | 'frozen' | 'fsync';

export const ways = ['exit', 'kill', 'queue_exit', 'io_destroy', 'thread'] as const;
export type Way = (typeof ways)[number];

export interface LeaveRow {
  readonly state: LeaveState;
  readonly title: string;
  readonly leaves: Readonly<Record<Way, string>>;
}

const inFlight: LeaveRow['leaves'] = {
  exit: 'gone',
  kill: 'gone',
  queue_exit: 'returns, gone',
  io_destroy: 'blocks, held in D',
  thread: 'held in D',
};

export const leaveRows: readonly LeaveRow[] = [
  { state: 'loop', title: 'in flight on a block device', leaves: inFlight },
  { state: 'fuse', title: 'in flight, O_DIRECT on FUSE', leaves: inFlight },
  {
    state: 'frozen',
    title: 'frozen file system',
    leaves: {
      exit: 'held in D',
      kill: 'held in D',
      queue_exit: 'returns, held in D',
      io_destroy: 'submit blocks, held in D',
      thread: 'held in D',
    },
  },
  {
    state: 'fsync',
    title: 'fsync stuck in io-wq',
    leaves: {
      exit: 'held in D',
      kill: 'held in D',
      queue_exit: 'returns, held in D',
      io_destroy: 'blocks, held in D',
      thread: 'held in D',
    },
  },
];
