// Room: cli. What is said when a command fails: one line with the code, and after a failed commit, copy by copy, what is
// on the disk.
import { setTimeout as delay } from 'node:timers/promises';
import { DmremapError, type ErrorCode, type OperationError, type Outcome } from '../../base/errors.js';
import { assertNever, type Sequence } from '../../base/units.js';
import { BatchError, overallOutcome, type WriteReport } from '../../device/device.js';
import { slotBytes } from '../../format/structure.js';
import { CommitError, type CopyOutcome, type Finds } from '../../store/commit/commit-report.js';
import type { Context } from '../context.js';
import { UsageError } from '../options/args.js';
import { escapeMessage } from './escape.js';
import { codeOf, statusOf } from './exit-status.js';

/** Prints what went wrong and returns the exit status. Waits a moment for the writes of a failed commit to drain. */
export async function reportFailure(context: Context, error: unknown): Promise<number> {
  const { stderr } = context;
  stderr.write(`${errorLine(error)}\n`);
  for (const line of explanation(error)) stderr.write(`  ${line}\n`);
  if (error instanceof UsageError) stderr.write(`${helpHint(error.command)}\n`);
  if (error instanceof CommitError) await reportCommit(context, error);
  else if (error instanceof BatchError && error.outcome !== 'untouched') await reportUndo(context, error);
  return statusOf(error);
}

/** An error with lines that help to decide what to do. */
export class ExplainedError extends DmremapError {
  constructor(
    code: ErrorCode,
    message: string,
    readonly lines: readonly string[],
  ) {
    super(code, message);
  }
}

//  The option that lets a refusal pass, for those who know what they do.
const waysOn: Partial<Record<ErrorCode, string>> = {
  ERR_METADATA_EXISTS: '--force replaces it',
  ERR_DATA_PRESENT: '--force overwrites it',
  ERR_SINGLE_COPY: '--allow-single-copy writes all the same',
  ERR_DATA_IN_METADATA:
    '`dmremap relocate` moves it out; --allow-data-in-metadata writes all the same, and may destroy it',
  ERR_SPARE_HELD: '--allow-held takes it all the same: the data there, which may be wanted back, is given up',
  ERR_DIRECT_UNSUPPORTED: '--buffered goes on without it',
};

export function explanation(error: unknown): readonly string[] {
  if (error instanceof ExplainedError) return error.lines;
  const way = waysOn[codeOf(error) ?? 'ERR_USAGE'];
  return way === undefined ? [] : [way];
}

/** What went wrong, on one line, with its code. */
export function errorLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  //  Without a code it is our mistake: the name tells whoever gets the report.
  const code = codeOf(error) ?? `unexpected ${error instanceof Error ? error.name : typeof error}`;
  return `dmremap: ${escapeMessage(message)} (${code})`;
}

const helpHint = (command: string): string => `Try 'dmremap ${command === '' ? '' : `${command} `}--help'.`;

/** What it has come to once nothing is in flight, or undefined, which is told, where that takes too long. */
async function drainedWithin<T>(
  stderr: Context['stderr'],
  waitMs: number,
  error: OperationError<T>,
): Promise<T | undefined> {
  const ended = new AbortController();
  const late = delay(waitMs, undefined, { signal: ended.signal }).catch(() => undefined);
  const final = await Promise.race([error.drained, late]);
  ended.abort();
  stderr.write(
    final === undefined
      ? '  writes are still in flight and may land later; until then the spare is busy for other writers\n'
      : '  nothing is in flight any more; finally:\n',
  );
  return final;
}

/** An undo writes what was saved, whatever that is: no copy of a new table. */
async function reportUndo({ stderr, drainWaitMs }: Context, error: BatchError): Promise<void> {
  const told = (writes: readonly WriteReport[], when: string) => {
    for (const copy of [0, 1, 2, 3, 4]) {
      const own = writes.filter(({ offset }) => offset / BigInt(slotBytes) === BigInt(copy));
      if (own.length > 0) stderr.write(`  copy ${copy}  ${undoneText(overallOutcome(own))}\n`);
    }
    const finds =
      overallOutcome(writes) === 'written'
        ? 'what was put back'
        : 'the table from before, or the one that is put back; the same command again goes on';
    stderr.write(`  a reader ${when}: ${finds}\n`);
  };
  told(error.writes, 'would find now');
  if (!error.writes.some(({ outcome }) => outcome === 'unknown')) return;
  const final = await drainedWithin(stderr, drainWaitMs, error);
  if (final !== undefined) told(final, 'finds');
}

function undoneText(outcome: Outcome): string {
  switch (outcome) {
    case 'written':
      return 'written: as it was saved, durable';
    case 'unknown':
      return 'unknown: as it was, disarmed, torn, or as it was saved';
    case 'untouched':
      return 'untouched';
    default:
      return assertNever(outcome);
  }
}

async function reportCommit({ stderr, drainWaitMs }: Context, error: CommitError): Promise<void> {
  const { sequence, copies, finds } = error;
  const words = error.sameTable ? sameTableWords : commitWords;
  for (const line of copyLines(copies, words)) stderr.write(`  ${line}\n`);
  stderr.write(`  a reader would find now: ${words.finds(finds, sequence)}\n`);
  if (!copies.some(({ outcome }) => outcome === 'unknown')) return;

  const final = await drainedWithin(stderr, drainWaitMs, error);
  if (final === undefined) return;
  for (const line of copyLines(final.copies, words)) stderr.write(`  ${line}\n`);
  stderr.write(`  a reader finds: ${words.finds(final.finds, sequence)}\n`);
}

/** Copy by copy, in words. */
const copyLines = (copies: readonly CopyOutcome[], words: Words): string[] =>
  copies.map(({ copy, outcome, disarmed, reason }) => {
    const why = reason === undefined ? '' : ` (${reason})`;
    return `copy ${copy}  ${outcomeText(outcome, disarmed, words)}${why}`;
  });

interface Words {
  readonly written: string;
  readonly unknown: string;
  finds(finds: Finds, sequence: Sequence): string;
}

const commitWords: Words = {
  written: 'written: the new table, durable',
  unknown: 'unknown: old, new or torn',
  finds: (finds, sequence) => {
    switch (finds) {
      case 'old':
        return 'the old table';
      case 'new':
        return `the new table (sequence ${sequence})`;
      case 'either':
        return `the old table or the new one (sequence ${sequence})`;
      case 'other':
        return `the new table (sequence ${sequence}), the one that was named, or what won before`;
      default:
        return assertNever(finds);
    }
  },
};

const sameTableWords: Words = {
  written: 'written: the elected table, durable',
  unknown: 'unknown: as it was, rewritten or torn',
  finds: (finds) =>
    finds === 'other'
      ? 'the table that was named, or what won before; the same command again goes on'
      : 'the elected table; the same command again goes on',
};

function outcomeText(outcome: CopyOutcome['outcome'], disarmed: boolean, words: Words): string {
  switch (outcome) {
    case 'written':
      return words.written;
    case 'unknown':
      return words.unknown;
    case 'untouched':
      return disarmed ? 'disarmed: its first block is zero, or may be' : 'untouched';
    default:
      return assertNever(outcome);
  }
}
