// Who can leave while a write is stuck. Each process is watched from outside: it is gone before the release, or it is not.
import { performance } from 'node:perf_hooks';
import { stuckThreads } from '../stuck/threads.js';
import type { LeaveState, Way } from './expected.js';
import { makePlace, type Place } from './places.js';
import { boundMs, hold, Probe, patienceMs, within } from './probe.js';

export interface Leaving {
  /** As in the table of what is expected. */
  readonly outcome: string;
  /** With the times. */
  readonly detail: string;
}

const engines: Record<Way, string> = {
  exit: 'uring',
  kill: 'uring',
  queue_exit: 'uring',
  io_destroy: 'aio',
  thread: 'thread',
};

const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;

export async function measureLeaving(state: LeaveState, way: Way): Promise<Leaving> {
  await using place = await makePlace(state);
  const operation = state === 'fsync' ? 'fsync' : 'write';
  const probe = await Probe.start('leave_probe', [engines[way], operation, place.path]);
  try {
    await place.stall();
    probe.order('submit');
    await hold(place, probe);
    const { outcome, detail, kill } = await close(probe, way);
    const left = await leave(probe, place, kill);
    return { outcome: [...outcome, left.outcome].join(', '), detail: [...detail, left.detail].join(', ') };
  } finally {
    await place.release().catch(() => {});
    await within(patienceMs, probe.end());
  }
}

/** What goes before leaving: closing the ring or the context, where the way has that. */
async function close(probe: Probe, way: Way) {
  if (way === 'exit' || way === 'thread') return { outcome: [], detail: [], kill: false };
  if (way === 'kill') return { outcome: [], detail: [], kill: true };
  if ((await probe.event('submitted')) === undefined) {
    return { outcome: ['submit blocks'], detail: ['io_submit blocks'], kill: true };
  }
  probe.order('close');
  const microseconds = await probe.event('closed');
  if (microseconds === undefined) return { outcome: ['blocks'], detail: ['blocks'], kill: true };
  return {
    outcome: ['returns'],
    detail: [`returns in ${milliseconds(Number(microseconds) / 1000)}`],
    kill: false,
  };
}

async function leave(probe: Probe, place: Place, kill: boolean): Promise<Leaving> {
  const start = performance.now();
  if (kill) probe.kill();
  const end = probe.end();
  const gone = await within(boundMs, end);
  if (gone !== undefined) return { outcome: 'gone', detail: `gone in ${milliseconds(gone - start)}` };
  const state = (stuckThreads(probe.pid) ?? []).length > 0 ? 'held in D' : 'held';
  const release = performance.now();
  await place.release();
  const late = await within(patienceMs, end);
  if (late === undefined) throw new Error('it is not gone after the release');
  return { outcome: state, detail: `${state}; gone ${milliseconds(late - release)} after release` };
}
