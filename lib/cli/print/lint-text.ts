// Room: cli, pure part. Lints for people: the gravest first, one a line.
import type { Lint, Severity } from '../../store/examine/lint.js';
import { counted, type Tone } from './text.js';

const severities: readonly Severity[] = ['error', 'warning', 'info'];
const shownLints = 20;

/** The lints, gravest first and otherwise in their order. */
const bySeverity = (lints: readonly Lint[]): Lint[] =>
  lints.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));

/** One line each; without `all` the first 20 and how many more. */
export function lintLines(
  lints: readonly Lint[],
  paint: (tone: Tone, text: string) => string,
  all: boolean,
): string[] {
  const listed = all ? bySeverity(lints) : bySeverity(lints).slice(0, shownLints);
  const width = Math.max(0, ...listed.map(({ id }) => id.length));
  const more = lints.length - listed.length;
  return [
    ...listed.map(
      ({ severity, id, message }) =>
        `${paint(severity, severity)}${' '.repeat(9 - severity.length)}${id.padEnd(width)}  ${message}`,
    ),
    ...(more > 0 ? [`... and ${more} more (--all lists them)`] : []),
  ];
}

/** `2 errors, 1 warning`; empty where there is nothing. Notes (info) are counted only where nothing else is. */
export function lintCounts(lints: readonly Lint[]): string {
  const count = (severity: Severity) => lints.filter((lint) => lint.severity === severity).length;
  const words = { error: 'error', warning: 'warning', info: 'note' } as const;
  return severities
    .map((severity) => ({ number: count(severity), word: words[severity] }))
    .filter(({ number }) => number > 0)
    .map(({ number, word }) => counted(number, word))
    .join(', ');
}
