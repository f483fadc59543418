// Room: store. After a repair, a handover and each step of one everything is read again (format.md rule 9). An abort of that
// reading must not look as if nothing had been written.
import { OperationError } from '../../base/errors.js';
import type { Report } from '../examine/examine.js';
import { CommitError, type CommitReport } from './commit-report.js';

/** What `read` finds. @throws CommitError that says what was written, where the reading is aborted. */
export async function readBack(commit: CommitReport, read: () => Promise<Report>): Promise<Report> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const { sequence, copies, finds } = commit;
    throw new CommitError(error.code, `${error.message}; what was written until then is not read back`, {
      cause: error.cause,
      errno: error.errno,
      sequence,
      copies,
      finds,
      // A commit of another table that succeeded finds the new one.
      sameTable: finds === 'old',
      drained: Promise.resolve({ copies, finds }),
    });
  }
}
