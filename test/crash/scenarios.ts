// What the sector form starts from: drawn disks, and tables of every width from golden images.
import { slotBytes } from '../../lib/format/structure.js';
import { goldenBytes } from '../support/golden.js';
import { contentOf, drawnContent, type State } from './alphabet.js';
import type { Operation } from './operations.js';

export interface Scenario {
  readonly start: State;
  readonly operation: Operation;
}

const drawnState = (disk: string): State =>
  disk
    .split(' ')
    .filter((word) => word !== '.')
    .map(drawnContent);

const operations: readonly Operation[] = [
  { name: 'commit' },
  { name: 'repair' },
  { name: 'handover' },
  { name: 'create' },
];

/** Disks of which every kind of overwriting is one: known, stale, damaged, blank, a fork, the future, a regression. */
const disks = [
  '7 7 7 7 7',
  '7 x 7 - 6',
  'x 7 - m 7',
  '7 6 6 7f 8+',
  '7 6r 7 7 7',
  '8+ 8+ 7 7 x',
  '- - - - -',
  '4294967300 7 7 - 7', //  A sequence of more than 32 bits.
  'x x x x x',
  '7 7 7 x .',
  '7 x 7 . .',
  '7 6 . . .',
];

function drawnScenarios(list: readonly string[]): Scenario[] {
  return list.flatMap((disk) => {
    const start = drawnState(disk);
    const named = start.flatMap((content, copy) =>
      content.slot.state === 'valid' && start.indexOf(content) === copy
        ? [{ name: 'commit', copy } as const, { name: 'repair', copy } as const]
        : [],
    );
    return [...operations, ...named].map((operation) => ({ start, operation }));
  });
}

/** A golden table on all five copies, on some beside a blank, a damaged and a stale one. */
function goldenScenarios(name: string): Scenario[] {
  const slot = goldenBytes(name).slice(0, slotBytes);
  const intact = contentOf(slot, name);
  const hurt = slot.slice();
  hurt[40_000] = (hurt[40_000] as number) ^ 1;
  const damaged = contentOf(hurt, `${name} damaged`);
  const disksOf: State[] = [
    [intact, intact, intact, intact, intact],
    [intact, damaged, drawnContent('-'), drawnContent('1'), intact],
    [drawnContent('-'), drawnContent('-'), damaged],
  ];
  return disksOf.flatMap((start) =>
    operations.map((operation) => ({
      name: start.map((content) => content.name).join(' '),
      start,
      operation,
    })),
  );
}

export const sectorScenarios = (): Scenario[] => [
  ...drawnScenarios(disks),
  ...['u_one', 'u_hundred', 'u_max2048', 'real_three'].flatMap(goldenScenarios),
];

/** Every disk of three copies over these words, beside the others. */
export function allSectorScenarios(words: readonly string[]): Scenario[] {
  const three = words.flatMap((a) => words.flatMap((b) => words.map((c) => `${a} ${b} ${c} . .`)));
  return [...sectorScenarios(), ...drawnScenarios(three)];
}
