// Room: target. Entries that an earlier table has left behind it stand where the remaps of a target would be written, and their
// data where it would write: before a target is active they are given up, or it is not opened (format.md rule 12).
import { DmremapError } from '../base/errors.js';
import type { MetadataStore } from '../store/metadata-store.js';
import { pick } from '../store/table/phrases.js';

/** @throws DmremapError ERR_GHOST_ENTRIES where they are not to be forgotten; CommitError as of a commit where they are. */
export async function settleGhosts(
  store: MetadataStore,
  forget: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { table } = store;
  //  Durably, and first: what is written to their places must not be taken for their data after a crash.
  const others = table.ghostsElsewhere.length;
  if (forget && table.forgetGhosts().length + others > 0) await store.commit({ signal });
  const count = table.ghosts.length + table.ghostsElsewhere.length;
  if (count === 0) return;
  const left = `an earlier table has left ${count} ${pick(count, 'entry', 'entries')} behind, where remaps would be written`;
  const message = `${store.device.info.path}: ${left}: take them back with 'dmremap repair --ghosts', or give them up with 'dmremap remap forget' or { ghosts: 'forget' }`;
  throw new DmremapError('ERR_GHOST_ENTRIES', message);
}
