// What was measured beside what is expected: cells, rows of them, and how many rows are the same.
import { type Cancelled, type CancelRow, type LeaveRow, reference, type Way, ways } from './expected.js';
import type { Leaving } from './leaving.js';

/** What was measured in one cell, or why it was not. */
export type Measured<T> =
  | { readonly value: T }
  | { readonly cannotBeMade: string }
  | { readonly failed: string };

export type Verdict = 'same' | 'differs' | 'unmeasured' | 'failed';

export interface Cell {
  readonly name: string;
  /** In table 1.1 the answer of the cancel and the completion of the write; null where it was not measured. */
  readonly measured: readonly string[] | null;
  readonly expected: readonly string[];
  /** As measured, with times. */
  readonly detail: readonly string[] | null;
  readonly verdict: Verdict;
  /** Why it was not measured. */
  readonly why: string | null;
}

export interface Row {
  readonly table: '1.1' | '1.3';
  readonly state: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly cells: readonly Cell[];
}

export interface Report {
  readonly schema: 1;
  readonly kernel: string;
  readonly liburing: string;
  readonly reference: string;
  readonly rows: readonly Row[];
  readonly counts: Readonly<Record<Verdict, number>>;
}

interface Found {
  readonly measured: readonly string[];
  readonly detail: readonly string[];
}

function cellOf(name: string, expected: readonly string[], found: Measured<Found>): Cell {
  const nothing = { name, measured: null, expected, detail: null };
  if ('cannotBeMade' in found) return { ...nothing, verdict: 'unmeasured', why: found.cannotBeMade };
  if ('failed' in found) return { ...nothing, verdict: 'failed', why: found.failed };
  const { measured, detail } = found.value;
  const same = measured.every((text, at) => text === expected[at]);
  return { name, measured, expected, detail, verdict: same ? 'same' : 'differs', why: null };
}

const foundIn = <T>(measured: Measured<T>, found: (value: T) => Found): Measured<Found> =>
  'value' in measured ? { value: found(measured.value) } : measured;

/** A row is as good as the worst of its cells. */
const order: readonly Verdict[] = ['failed', 'unmeasured', 'differs', 'same'];

function rowOf(
  table: Row['table'],
  { state, title }: { readonly state: string; readonly title: string },
  cells: readonly Cell[],
): Row {
  const verdict = order.find((each) => cells.some((cell) => cell.verdict === each)) ?? 'unmeasured';
  return { table, state, title, verdict, cells };
}

export function cancelRow(row: CancelRow, async: Measured<Cancelled> | null, sync: Measured<Cancelled>): Row {
  const cell = (name: string, expected: Cancelled, measured: Measured<Cancelled>) => {
    const columns = ({ answer, write }: Cancelled) => [answer, write];
    const found = foundIn(measured, (value) => ({ measured: columns(value), detail: columns(value) }));
    return cellOf(name, columns(expected), found);
  };
  return rowOf('1.1', row, [
    ...(row.async === null || async === null ? [] : [cell('ASYNC_CANCEL', row.async, async)]),
    cell('sync_cancel', row.sync, sync),
  ]);
}

const wayNames: Readonly<Record<Way, string>> = {
  exit: 'process exit',
  kill: 'kill -9',
  queue_exit: 'io_uring_queue_exit, exit',
  io_destroy: 'io_destroy (libaio), kill -9',
  thread: 'write in a thread, exit',
};

export function leaveRow(row: LeaveRow, measured: Readonly<Record<Way, Measured<Leaving>>>): Row {
  const cells = ways.map((way) => {
    const found = foundIn(measured[way], ({ outcome, detail }) => ({
      measured: [outcome],
      detail: [detail],
    }));
    return cellOf(wayNames[way], [row.leaves[way]], found);
  });
  return rowOf('1.3', row, cells);
}

export function reportOf(kernel: string, liburing: string, rows: readonly Row[]): Report {
  const counts = { same: 0, differs: 0, unmeasured: 0, failed: 0 };
  for (const { verdict } of rows) counts[verdict]++;
  return { schema: 1, kernel, liburing, reference, rows, counts };
}
