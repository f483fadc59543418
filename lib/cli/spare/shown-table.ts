// Room: cli. The table of a spare for commands that only read: the elected one, or that of the copy which is named.
import { DmremapError } from '../../base/errors.js';
import type { Report } from '../../store/examine/examine.js';
import type { ValidSlot } from '../../store/table/copies.js';
import type { Context } from '../context.js';
import type { Args } from '../options/args.js';
import { copyOption } from '../options/numbers.js';
import { ambiguityClauses } from '../print/election-text.js';
import { escapeMessage } from '../print/escape.js';
import { codeOf, exitBits } from '../print/exit-status.js';
import { reportFailure } from '../print/failure.js';
import { examineSpare } from './live.js';

/** What is shown, and where it comes from. */
export interface ShownTable {
  readonly report: Report;
  readonly shown: ValidSlot;
  /** The bit for a spare that did not come to rest while it was read. */
  readonly status: number;
}

/** Reads it. Warns where another table could be the right one, or somebody writes; fails where there is none. */
export async function readTable(
  context: Context,
  args: Args,
  path: string,
  command: string,
): Promise<ShownTable> {
  const copy = copyOption(args, command);
  const { report, status } = await examineSpare(context, path, { now: context.now(), copy });
  const { shown, ambiguities } = report;
  if (shown === null) {
    const reasons = report.activation.reasons.join(' ');
    throw new DmremapError('ERR_NO_METADATA', `${path}: there is no table. ${reasons}`.trim());
  }
  if (ambiguities.length > 0 && copy === undefined) {
    const text = `${path}: ${ambiguityClauses(report).join('; ')}: this is copy ${shown.copy}, --copy N takes another`;
    context.stderr.write(`dmremap: warning: ${escapeMessage(text)}\n`);
  }
  return { report, shown, status };
}

/** The same for commands that are nothing without a table: where there is none, that is damage, and said as such (4). */
export async function withTable(
  context: Context,
  args: Args,
  path: string,
  command: string,
  use: (table: ShownTable) => number,
): Promise<number> {
  try {
    const table = await readTable(context, args, path, command);
    return use(table) | table.status;
  } catch (error) {
    if (codeOf(error) !== 'ERR_NO_METADATA') throw error;
    await reportFailure(context, error);
    return exitBits.damageLeft;
  }
}
