// Room: cli, pure part. Whether a spare can be handed over and has to be: asked before anything is saved, so that a
// refusal leaves no backup behind. `handover` itself asks again.
import { DmremapError } from '../base/errors.js';
import { geometries } from '../format/geometry.js';
import { handoverDoubts } from '../recovery/handover-doubts.js';
import { refuseDataInMetadata } from '../store/admission.js';
import type { ValidSlot } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { sameButIndex } from '../store/table.js';
import { ambiguousError } from './ambiguity.js';
import { commandLine } from './escape.js';
import { ExplainedError } from './failure.js';

/**
 * The copy that is handed over.
 * @throws DmremapError ERR_NO_METADATA, ERR_METADATA_AMBIGUOUS, ERR_IO, ERR_SINGLE_COPY, ERR_DATA_IN_METADATA.
 */
export function handoverSource(
  path: string,
  report: Report,
  options: { readonly allowUnsafe: boolean; readonly allowDataInMetadata: boolean },
): ValidSlot {
  const { shown, copies, activation } = report;
  if (shown === null) {
    const message = `${path}: there is no table to hand over. ${activation.reasons.join(' ')}`;
    throw new DmremapError('ERR_NO_METADATA', message.trim());
  }
  const ambiguities = handoverDoubts(report, shown);
  if (ambiguities.length > 0) {
    throw ambiguousError(
      { ...report, ambiguities },
      `${path}: `,
      `choose one first with ${commandLine('repair --apply --use copy=N', path)}`,
    );
  }
  for (const { copy, slot } of copies) {
    if (slot.state !== 'damaged' || slot.damage.fault !== 'unreadable') continue;
    const message = `${path}: copy ${copy} cannot be read (${slot.damage.errno}) and could outrank sequence 1`;
    throw new ExplainedError('ERR_IO', message, [
      `${commandLine('repair --apply --rewrite-unreadable', path)} rewrites it, and what it holds is lost`,
    ]);
  }
  const usable = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (usable === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (!options.allowDataInMetadata) refuseDataInMetadata(shown.slot.entries, geometries[report.geometry]);
  return shown;
}

/** Whether every copy that fits holds sequence 1 of one table already. */
export const isHandedOver = ({ copies }: Report, { slot }: ValidSlot): boolean =>
  slot.header.sequenceNumber === 1n &&
  copies.every(
    (copy) =>
      copy.slot.state === 'absent' ||
      (copy.slot.state === 'valid' && sameButIndex(copy.slot.bytes, slot.bytes)),
  );
