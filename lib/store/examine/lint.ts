// Room: store, pure part. The lints by name: what a report may complain about, and how gravely (cli.md).

export type Severity = 'error' | 'warning' | 'info';

/** Every lint and its severity. */
export const lintSeverities = {
  'other-main': 'error',
  'duplicate-spare': 'error',
  'spare-inside-metadata': 'error',
  'original-out-of-range': 'error',
  'spare-out-of-range': 'error',
  'size-mismatch': 'error',
  'misdirected-copy': 'error',
  'sequence-regression': 'error',
  fork: 'error',
  'damaged-copies': 'error',
  'future-timestamp': 'error',
  'module-refuses': 'warning',
  'pending-entries': 'warning',
  'unaligned-entries': 'warning',
  'foreign-signature': 'warning',
  'duplicate-original': 'warning',
  'spare-neighbour': 'warning',
  'stale-copies': 'warning',
  'structure-size': 'warning',
  'missing-copies': 'warning',
  'clock-behind': 'warning',
  ghosts: 'info',
  handover: 'info',
} as const satisfies Record<string, Severity>;

export type LintId = keyof typeof lintSeverities;

interface LintBase {
  readonly id: LintId;
  readonly severity: Severity;
  /** One sentence for people. */
  readonly message: string;
}

/** A lint about one entry of the table shown. */
export interface EntryLint extends LintBase {
  /** Index of the entry. */
  readonly entry: number;
}

/** A lint about copies. */
export interface CopyLint extends LintBase {
  /** Numbers of the copies, rising. */
  readonly copies: readonly number[];
}

export type Lint = EntryLint | CopyLint;

export const entryLint = (id: LintId, entry: number, message: string): EntryLint => ({
  id,
  severity: lintSeverities[id],
  entry,
  message,
});

export const copyLint = (id: LintId, copies: readonly number[], message: string): CopyLint => ({
  id,
  severity: lintSeverities[id],
  copies,
  message,
});
