// npm run truth: what this kernel does to a write that is cancelled, and to a process that leaves while one is stuck, beside
// what is expected.
import { release } from 'node:os';
import { measureCancel } from './cancels.js';
import { cancelRows, leaveRows, type Way, ways } from './expected.js';
import { type Leaving, measureLeaving } from './leaving.js';
import { NotHere } from './places.js';
import { cancelRow, leaveRow, type Measured, reportOf } from './report.js';
import { print, verdictOf } from './words.js';

const usage = 'usage: npm run truth -- [--json] [--strict]';

/** So many at a time: they wait more than they work. */
const atATime = 6;

let running = 0;
const waiting: (() => void)[] = [];

/** Measures when it is its turn. */
async function measured<T>(what: () => Promise<T>): Promise<Measured<T>> {
  if (running === atATime) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return { value: await what() };
  } catch (error) {
    const { message } = error as Error;
    return error instanceof NotHere ? { cannotBeMade: message } : { failed: message };
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

let liburing = 'unknown';

async function cancels(row: (typeof cancelRows)[number]) {
  const ask = (command: 'cancel' | 'sync-cancel') =>
    measured(async () => {
      const { cancelled, liburing: version } = await measureCancel(row.state, command);
      liburing = version;
      return cancelled;
    });
  const [async, sync] = await Promise.all([row.async === null ? null : ask('cancel'), ask('sync-cancel')]);
  return cancelRow(row, async, sync);
}

async function leaving(row: (typeof leaveRows)[number]) {
  const cells = await Promise.all(
    ways.map(async (way) => [way, await measured(() => measureLeaving(row.state, way))] as const),
  );
  return leaveRow(row, Object.fromEntries(cells) as Record<Way, Measured<Leaving>>);
}

/** Returns the exit status. */
export async function main(words: readonly string[]): Promise<number> {
  const unknown = words.find((word) => word !== '--json' && word !== '--strict');
  if (unknown !== undefined) {
    console.error(`truth: what is ${unknown}? ${usage}`);
    return 2;
  }
  const rows = await Promise.all([...cancelRows.map(cancels), ...leaveRows.map(leaving)]);
  const report = reportOf(release(), liburing, rows);
  if (words.includes('--json'))
    console.log(JSON.stringify({ ...report, verdict: verdictOf(report) }, null, 2));
  else print(report);
  const { same, differs, unmeasured, failed } = report.counts;
  if (failed > 0 || same + differs === 0) return 1;
  return words.includes('--strict') && differs + unmeasured > 0 ? 1 : 0;
}
