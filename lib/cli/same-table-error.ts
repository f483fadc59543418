// Room: cli. How a repair or a handover ends that does not end well. It writes the table that is elected already, so
// there is no old table and no new one: whatever happened, a reader finds the elected table, and it is told like that.
import { CommitError } from '../store/commit-report.js';

export class SameTableError extends CommitError {
  constructor(error: CommitError) {
    const { code, message, cause, errno, sequence, copies, finds, drained } = error;
    super(code, message, { cause, errno, sequence, copies, finds, drained });
  }
}

/** Waits for work that writes the elected table. */
export async function ofSameTable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof CommitError ? new SameTableError(error) : error;
  }
}
