// Room: cli, pure part. What `check` recommends where remaps have their data in the metadata region (format.md rule 14): it
// is moved out first, where that can be, since every write of a copy could destroy it, and is refused.
import { geometries, touchesMetadata } from '../../format/geometry.js';
import { planRelocation, type RelocateOptions } from '../../recovery/relocate-plan.js';
import { isExhausted } from '../../store/commit/exhausted.js';
import type { Report } from '../../store/examine/examine.js';
import { underStructures } from '../../store/examine/strangers.js';
import type { ValidSlot } from '../../store/table/copies.js';
import { pick } from '../../store/table/phrases.js';
import { effectiveEntries } from '../../store/table/table.js';
import type { Advice } from '../print/advice.js';
import { commandLine } from '../print/escape.js';
import { unreadableCopies } from './repair-steps.js';

/** What the other commands have to do about it. */
export interface DataInside {
  readonly advice: readonly Advice[];
  /** They would be refused until it is moved. */
  readonly isWaitedFor: boolean;
  /** What has to be allowed where it cannot be moved: with a space in front, or nothing. */
  readonly option: string;
}

/** For the table shown, where it is not in doubt. */
export function dataInside(report: Report, path: string): DataInside {
  const { shown } = report;
  if (shown === null || !isRepairable(report) || !hasDataInside(shown))
    return { advice: [], isWaitedFor: false, option: '' };
  const count = report.lints.filter(({ id }) => id === 'spare-inside-metadata').length;
  const what = `relocate: ${count} ${pick(count, 'remap has its', 'remaps have their')} data where the copies are`;
  const way = wayWith(report, shown);
  if (way.moves !== null) {
    const doubt = way.moves.includes('--doubtful') ? '; some of it may be overwritten already' : '';
    const commands = [commandLine(`relocate${way.moves}`, path)];
    return { advice: [{ says: `${what}${doubt}`, commands }], isWaitedFor: true, option: '' };
  }
  const why = way.isLost
    ? 'it is overwritten already, or lies behind the structures, which no command touches'
    : 'it cannot be moved, and what writes to the copies may destroy it';
  return {
    advice: [{ says: `${what}: ${why}`, commands: [] }],
    isWaitedFor: !way.isLost,
    option: allowOption,
  };
}

const allowOption = ' --allow-data-in-metadata';

/** With what the table of a copy is committed: by moving the data, or else, where that destroys nothing, by a repair. */
export function commandsOfTable(report: Report, table: ValidSlot, path: string): string[] {
  const { moves, isLost } = wayWith(report, table);
  if (moves !== null) return [commandLine(`relocate --copy ${table.copy}${moves}`, path)];
  const lost = unreadableCopies(report).length === 0 ? '' : ' --rewrite-unreadable';
  const options = `${lost}${allowOption}${singleOption(report)}`;
  return isLost ? [commandLine(`repair --use copy=${table.copy}${options}`, path)] : [];
}

/**
 * `moves`: the options with which `relocate` moves the data of a table; null where it cannot: that takes a commit, and free places.
 * `isLost`: none of it is where a write of a copy could destroy it.
 */
function wayWith(report: Report, table: ValidSlot): { moves: string | null; isLost: boolean } {
  const shown = { ...report, shown: table };
  const plan = (options: RelocateOptions) => planRelocation(shown, report.sizeBytes / 512n, options);
  const { inside } = plan({});
  const isLost = inside.every(({ holds, part }) => holds === 'metadata' || part === 'slack');
  if (isExhausted(report.copies) || unreadableCopies(report).length > 0) return { moves: null, isLost };
  //  What is known to be metadata is no data: moved, it would be taken for some.
  const doubts = inside.some(({ holds }) => holds === 'doubtful') ? [false, true] : [false];
  const found = [false, true]
    .flatMap((allowDataInMetadata) => doubts.map((doubtful) => ({ allowDataInMetadata, doubtful })))
    .find((options) => {
      const { moves, refusal } = plan({ ...options, allowUnsafe: true });
      return moves.length > 0 && refusal === null;
    });
  if (found === undefined) return { moves: null, isLost };
  const doubtful = found.doubtful ? ' --doubtful' : '';
  const allow = found.allowDataInMetadata ? allowOption : '';
  return { moves: `${doubtful}${allow}${singleOption(report)}`, isLost };
}

/** format.md rule 14: then a commit of it would destroy data, and is refused. */
export function hasDataInside({ slot: { entries } }: ValidSlot): boolean {
  const effective = effectiveEntries(entries);
  return entries.some(
    ({ spareSector }, at) => effective[at] && touchesMetadata(geometries.driver, spareSector),
  );
}

/** Repair and handover write at the driver's places only. */
export const isRepairable = ({ geometry }: Report): boolean => geometry === 'driver';

/** What has to be allowed where a crash while the one copy is written could leave none. */
export const singleOption = ({ copies }: Report): string =>
  copies.filter(({ slot }) => slot.state !== 'absent').length === 1 ? ' --allow-single-copy' : '';

/** What has to be typed where a mark of other data lies over a copy. */
export const nameOption = ({ strangers, geometry }: Report): string =>
  underStructures(strangers.marks, geometries[geometry]).length === 0 ? '' : ' --yes=NAME';
