// Room: cli. A change of the table, durable in one commit or not made at all: what `remap add` and `remap remove` share.
import type { UnixSeconds } from '../base/units.js';
import type { CommitReport } from '../store/commit-report.js';
import { MetadataStore } from '../store/metadata-store.js';
import type { RemapTable } from '../store/remap-table.js';
import { explainAmbiguity } from './ambiguity.js';
import type { Args } from './args.js';
import { type Backup, backupChoice, planAndWrite } from './backup.js';
import { dataInMetadataOption, jsonOption, writeOptions } from './command.js';
import type { Context } from './context.js';
import { copyOption } from './numbers.js';
import { type ReadBack, readBack } from './read-back.js';
import type { HeldSpare } from './spare.js';

export const changeOptions = {
  copy: { value: 'N', help: 'go on from copy N (0 to 4), where more than one could be the right one' },
  ...dataInMetadataOption,
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
  change: (table: RemapTable, now: UnixSeconds) => T,
): Promise<Changed<T>> {
  const { limits } = spare;
  const { command, spacing } = options;
  const copy = copyOption(args, command);
  const { result, backup } = await planAndWrite(context, spare, {
    command,
    backup: backupChoice(args, command),
    operate: async (device, now) => {
      const opening = MetadataStore.open(device, { mode: 'write', copy, spacing, now, ...limits() });
      await using store = await explainAmbiguity(context, { ...spare, device }, opening);
      const result = change(store.table, now());
      const commit = await store.commit({
        allowUnsafe: args.flags.has('allow-single-copy'),
        allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
        ...limits(),
      });
      return { result, commit };
    },
  });
  return { ...result, backup, ...(await readBack(context, spare)) };
}
