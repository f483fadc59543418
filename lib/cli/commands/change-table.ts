// Room: cli. A change of the table, durable in one commit or not made at all: what `remap add` and `remap remove` share.
import type { UnixSeconds } from '../../base/units.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import type { Report } from '../../store/examine/examine.js';
import { blockBytesOf } from '../../store/examine/inspect.js';
import { MetadataStore } from '../../store/metadata-store.js';
import { listOf, pick } from '../../store/table/phrases.js';
import type { RemapTable } from '../../store/table/remap-table.js';
import { brokenBlocks } from '../../store/table/whole-blocks.js';
import { dataInMetadataOption, jsonOption, writeOptions } from '../command.js';
import type { Context } from '../context.js';
import type { Args } from '../options/args.js';
import { copyOption } from '../options/numbers.js';
import { explainAmbiguity } from '../print/ambiguity.js';
import { codeOf } from '../print/exit-status.js';
import { ExplainedError } from '../print/failure.js';
import { ghostsError } from '../print/held-text.js';
import { type ReadBack, readBack } from '../print/read-back.js';
import { type Backup, backupChoice, carryOut, type WriteJob } from '../spare/backup.js';
import { refuseMixedMains, yesOption } from '../spare/other-main.js';
import type { HeldSpare } from '../spare/spare.js';
import { planByName } from '../spare/strangers.js';

export const changeOptions = {
  copy: { value: 'N', help: 'go on from copy N (0 to 4), where more than one could be the right one' },
  ...yesOption,
  ...dataInMetadataOption,
  'allow-unaligned': {
    help: 'where logical blocks have 4096 bytes, leave remaps of parts of one: the kernel module uses no such remap',
  },
  ...writeOptions,
  ...jsonOption,
} as const;

export interface Changed<T> extends ReadBack {
  /** What `change` returned. */
  readonly result: T;
  readonly commit: CommitReport;
  readonly backup: Backup | null;
}

/** Opens the table, lets `change` change it, commits and reads back: planned and saved before. What `change` throws ends it. */
export async function changeTable<T>(
  context: Context,
  args: Args,
  spare: HeldSpare,
  options: { readonly command: string; readonly spacing?: 8 | 1 },
  change: (table: RemapTable, now: UnixSeconds, report: Report) => T,
): Promise<Changed<T>> {
  const { limits } = spare;
  const { command, spacing } = options;
  const copy = copyOption(args, command);
  const blockSectors = blockSectorsOf(spare);
  const { job, plan } = await planByName(
    context,
    args,
    spare,
    command,
    (isNamed): WriteJob<Pick<Changed<T>, 'result' | 'commit'>> => ({
      command,
      backup: backupChoice(args, command),
      operate: async (device, now) => {
        const opening = MetadataStore.open(device, { mode: 'write', copy, spacing, now, ...limits() });
        await using store = await explainAmbiguity(context, { ...spare, device }, opening);
        if (!isNamed) refuseMixedMains(spare.path, store.report);
        const before = brokenBlocks(store.table, blockSectors);
        const result = explainGhosts(store.report, spare.path, copy, () =>
          change(store.table, now(), store.report),
        );
        if (!args.flags.has('allow-unaligned')) refuseBroken(spare, store.table, before, blockSectors);
        const commit = await store.commit({
          allowUnsafe: args.flags.has('allow-single-copy'),
          allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
          ...limits(),
        });
        return { result, commit };
      },
    }),
  );
  const { result, backup } = await carryOut(context, spare, job, plan);
  return { ...result, backup, ...(await readBack(context, spare)) };
}

/** Who is refused because of ghosts sees the commands that are the ways on. */
export function explainGhosts<T>(report: Report, path: string, copy: number | undefined, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (codeOf(error) === 'ERR_GHOST_ENTRIES') throw ghostsError(report, path, copy);
    throw error;
  }
}

/** Sectors of a logical block of the spare. */
export const blockSectorsOf = ({ device }: HeldSpare): bigint =>
  BigInt((blockBytesOf(device.info) ?? 512) / 512);

/** What was in parts before may stay so. @throws ExplainedError ERR_TABLE_UNALIGNED. */
function refuseBroken(
  { path }: HeldSpare,
  table: RemapTable,
  before: readonly bigint[],
  blockSectors: bigint,
): void {
  const known = new Set(before);
  const broken = brokenBlocks(table, blockSectors).filter((original) => !known.has(original));
  const [one] = broken;
  if (one === undefined) return;
  const first = one - (one % blockSectors);
  const list = listOf([
    ...broken.slice(0, 8).map(String),
    ...(broken.length > 8 ? [`${broken.length - 8} more`] : []),
  ]);
  const message =
    `${path}: its logical blocks have ${blockSectors * 512n} bytes, and original ${pick(broken.length, 'sector', 'sectors')} ` +
    `${list} would be remapped without the rest of the block`;
  throw new ExplainedError('ERR_TABLE_UNALIGNED', message, [
    `a block is remapped as a whole, here ${first} to ${first + blockSectors - 1n}, and on the spare they follow each other from a multiple of ${blockSectors} on`,
    '--allow-unaligned writes all the same: the kernel module uses no such remap',
  ]);
}
