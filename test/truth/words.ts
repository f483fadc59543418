// The report for people: the two tables, a line for each cell, and the verdict last.
import { reference } from './expected.js';
import type { Cell, Report, Row, Verdict } from './report.js';

const marks: Readonly<Record<Verdict, string>> = {
  same: 'same',
  differs: 'DIFFERS',
  unmeasured: 'not measured',
  failed: 'FAILED',
};

const headings: Readonly<Record<Row['table'], readonly string[]>> = {
  '1.1': ['state of the write', 'cancel', 'its answer', 'the write', reference],
  '1.3': ['the write is', 'who leaves', 'and', reference],
};

const titles: Readonly<Record<Row['table'], string>> = {
  '1.1': '1.1 What a cancel does',
  '1.3': '1.3 Who can leave while a write is stuck',
};

function markOf({ verdict, expected, why }: Cell): string {
  if (why !== null) return `${marks[verdict]}: ${why}`;
  return verdict === 'differs'
    ? `${marks[verdict]}, expected ${expected.join(', the write ')}`
    : marks[verdict];
}

/** A cell that was not measured has empty columns: its reason, which may be long, comes last. */
function linesOf(row: Row): string[][] {
  return row.cells.map((cell, at) => [
    at === 0 ? row.title : '',
    cell.name,
    ...(cell.detail ?? cell.expected.map(() => '')),
    markOf(cell),
  ]);
}

/** Columns as wide as their widest, the last as it is. */
function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  return lines.map((line) =>
    line
      .map((text, at) => text.padEnd(at === line.length - 1 ? 0 : (widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function verdictOf({ counts }: Report): string {
  const parts = [
    `${counts.same} rows as on ${reference}`,
    `${counts.differs} differ`,
    ...(counts.unmeasured > 0 ? [`${counts.unmeasured} not measured`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} FAILED`] : []),
  ];
  return `truth: ${parts.join(', ')}`;
}

export function print(report: Report): void {
  console.log(`Linux ${report.kernel}, liburing ${report.liburing}, expected: as on ${report.reference}`);
  for (const table of ['1.1', '1.3'] as const) {
    const lines = report.rows.filter((row) => row.table === table).flatMap(linesOf);
    console.log(`\n${titles[table]}\n`);
    for (const line of aligned([headings[table], ...lines])) console.log(line);
  }
  console.log(`\n${verdictOf(report)}`);
}
