// Room: cli. Where more than one copy could be the right one: who reads the error sees which there are, and how to choose.
import { DmremapError } from '../../base/errors.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { Context } from '../context.js';
import type { Spare } from '../spare/spare.js';
import { ambiguityClauses } from './election-text.js';
import { copyTable } from './examine-text.js';
import { ExplainedError } from './failure.js';

/** The refusal, with the copies to choose from. `way` says how. */
export function ambiguousError(
  report: Report,
  about = '',
  way = 'name the copy to go on from with --copy N',
): ExplainedError {
  const message = `${about}${ambiguityClauses(report).join('; ')}: ${way}`;
  return new ExplainedError('ERR_METADATA_AMBIGUOUS', message, copyTable(report));
}

/** Explains the refusal of an opening. */
export async function explainAmbiguity<T>(
  context: Context,
  { device, path, limits }: Spare,
  opening: Promise<T>,
): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof DmremapError && error.code === 'ERR_METADATA_AMBIGUOUS') {
      const report = await examineDevice(device, { geometry: 'driver', now: context.now(), ...limits() });
      throw ambiguousError(report, `${path}: `);
    }
    throw error;
  }
}
