// Room: cli, pure part. Which copy is handed over and whether that can be: asked before anything is saved, so that a refusal
// leaves no backup behind. `handover` itself asks again.
import { DmremapError } from '../../base/errors.js';
import { sequence } from '../../base/units.js';
import { geometries } from '../../format/geometry.js';
import { handoverDoubts } from '../../recovery/handover-doubts.js';
import { halfHandedOver, namedSource } from '../../recovery/handover-stages.js';
import { copyOfSequence } from '../../recovery/named-table.js';
import { refuseDataInMetadata } from '../../store/commit/admission.js';
import type { Findings, Report } from '../../store/examine/examine.js';
import { type ValidSlot, validCopies } from '../../store/table/copies.js';
import type { UseOfSpare } from '../options/use-option.js';
import { ambiguousError } from '../print/ambiguity.js';
import { commandLine } from '../print/escape.js';
import { ExplainedError } from '../print/failure.js';

/**
 * The copy that `--use` names; undefined where it is not given. A sequence that no copy has any more is that of the copies which
 * an interrupted handover has overwritten, where there is but one table left.
 * @throws DmremapError ERR_COPY_NOT_VALID, ERR_METADATA_AMBIGUOUS.
 */
export function copyToHandOver(report: Findings, use: UseOfSpare | undefined): number | undefined {
  if (use === undefined) return undefined;
  if (use.kind === 'copy') return namedSource(report, use.copy).copy;
  const isThere = validCopies(report.copies).some(({ slot }) => slot.header.sequenceNumber === use.sequence);
  const half = isThere ? null : halfHandedOver(report);
  return half?.copy ?? copyOfSequence(report, sequence(use.sequence));
}

/**
 * The copy that is handed over.
 * @throws DmremapError ERR_NO_METADATA, ERR_METADATA_AMBIGUOUS, ERR_IO, ERR_SINGLE_COPY, ERR_DATA_IN_METADATA.
 */
export function handoverSource(
  path: string,
  report: Report,
  options: {
    readonly copy: number | undefined;
    readonly allowUnreadable: boolean;
    readonly allowUnsafe: boolean;
    readonly allowDataInMetadata: boolean;
  },
): ValidSlot {
  const { copies } = report;
  const source = options.copy === undefined ? electedSource(path, report) : namedSource(report, options.copy);
  for (const { copy, slot } of options.allowUnreadable ? [] : copies) {
    if (slot.state !== 'damaged' || slot.damage.fault !== 'unreadable') continue;
    const message = `${path}: copy ${copy} cannot be read (${slot.damage.errno}) and could outrank sequence 1`;
    throw new ExplainedError('ERR_IO', message, [
      `${commandLine('repair --apply --rewrite-unreadable', path)} rewrites it, and what it holds is lost`,
      '--leave-unreadable goes on without it, where no repair can be made',
    ]);
  }
  const usable = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (usable === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (!options.allowDataInMetadata) refuseDataInMetadata(source.slot.entries, geometries[report.geometry]);
  return source;
}

function electedSource(path: string, report: Report): ValidSlot {
  const { shown, activation } = report;
  if (shown === null) {
    const message = `${path}: there is no table to hand over. ${activation.reasons.join(' ')}`;
    throw new DmremapError('ERR_NO_METADATA', message.trim());
  }
  const ambiguities = handoverDoubts(report, shown);
  if (ambiguities.length === 0) return shown;
  const way = `name the one to hand over, all others are given up: ${commandLine('handover --use copy=N', path)}`;
  throw ambiguousError({ ...report, ambiguities }, `${path}: `, way);
}
