// What may be found after a crash: guarantees A and B of format.md rule 8, and that a repair never makes a state
// worse. A table is judged by its active entries; which copy holds it, and under which sequence, is nobody's business.

import { activeRemapsOf } from '../../lib/format/structure.js';
import { electDriver, electOurs } from '../../lib/store/examine/election.js';
import { drawnNow } from '../support/disk.js';
import { type Content, copiesOf, keyOf, type State } from './alphabet.js';
import type { CrashState } from './crash-states.js';
import { mainSectors, type Operation, type OperationName } from './operations.js';

/** The table of a copy as a key; null for nobody's. */
export type Table = string | null;

const tables = new Map<Content, Table>();

/** Size and UUID of the main device that a copy names. */
const mainKey = (bytes: Uint8Array): string =>
  [bytes.subarray(120, 128), bytes.subarray(40, 77)]
    .map((part) => Buffer.from(part).toString('latin1'))
    .join('');

/** Raw, since the module may elect what we do not decode. The same entries of another main device are another table. */
const tableKey = (bytes: Uint8Array): string =>
  mainKey(bytes) +
  Buffer.from(bytes.buffer, bytes.byteOffset + 312, 40 * activeRemapsOf(bytes)).toString('latin1');

/** Whether valid copies name different main devices: then nothing may be written before one is named (format.md rule 2). */
export const isOfSeveralMains = (state: State): boolean =>
  new Set(state.filter(({ slot }) => slot.state === 'valid').map(({ bytes }) => mainKey(bytes))).size > 1;

export function tableOf(content: Content): Table {
  let table = tables.get(content);
  if (table === undefined) {
    table = content.slot.state === 'valid' ? tableKey(content.bytes) : null;
    tables.set(content, table);
  }
  return table;
}

export interface Found {
  readonly driver: Table;
  readonly ours: Table;
}

const found = new Map<string, Found>();

/** Which tables the elections find. */
export function find(state: State): Found {
  const key = keyOf(state);
  let result = found.get(key);
  if (result === undefined) {
    const copies = copiesOf(state);
    const driver = electDriver(copies, drawnNow);
    const ours = electOurs(copies);
    result = {
      driver: driver && tableKey(driver.bytes),
      ours: ours && tableKey(ours.slot.bytes),
    };
    found.set(key, result);
  }
  return result;
}

/** What an operation promises, from the state that it starts from. */
export interface Promised {
  readonly before: Found;
  /** The table that was opened or named. */
  readonly old: Table;
  /** The table that is written; the same for a repair and a handover. */
  readonly next: Table;
  /** Both elections find the old table in the beginning, so each finds old or new in every state. */
  readonly isA: boolean;
  /** One durable new copy outranks all others. Not so in a rewrite or a handover, which write one table throughout. */
  readonly outranks: boolean;
}

export function promisedBy(operation: Operation, start: State, end: State): Promised {
  const before = find(start);
  const old = operation.copy === undefined ? before.ours : tableOf(start[operation.copy] as Content);
  const next = nextOf(operation.name, old, end);
  const isA = before.driver === old && before.ours === old;
  return { before, old, next, isA, outranks: operation.name === 'commit' || operation.name === 'create' };
}

/** The table that has to come out, whatever the operation makes of it: of a commit only the added entry is taken from it. */
function nextOf(name: OperationName, old: Table, end: State): Table {
  switch (name) {
    case 'repair':
    case 'handover':
      return old;
    case 'create':
      return createdKey;
    case 'commit':
      return `${old}${find(end).ours?.slice(-40)}`;
  }
}

/** The empty table of the main device that a create is told. */
const createdKey = (() => {
  const header = new Uint8Array(312);
  new DataView(header.buffer).setBigUint64(120, mainSectors, true);
  return mainKey(header);
})();

/** What is wrong with a crash state; undefined where nothing is. */
export function violation(promised: Promised, { state, durable }: CrashState): string | undefined {
  const { before, old, next, isA, outranks } = promised;
  const { driver, ours } = find(state);
  const holds = (content: Content) => tableOf(content) === old || tableOf(content) === next;
  if (old !== null && state.length >= 3) {
    for (const [lost, was] of durable) {
      const left = state.some((content, slot) => holds(slot === lost ? was : content));
      if (!left) return `nothing is left if the write of copy ${lost} was lost`;
    }
  }
  if (outranks && durable.size > 0) {
    return driver === next && ours === next ? undefined : 'a new copy is durable and another table is found';
  }
  if (isA) {
    const legal = (table: Table) => table === old || table === next;
    return legal(driver) && legal(ours)
      ? undefined
      : 'an election finds neither the old table nor the new one';
  }
  // Where two copies fit and the driver rejects the named one, it finds nothing while the other is being written.
  const nothing = (table: Table) => table === null && state.length === 2;
  const known = (table: Table, was: Table) =>
    table === old || table === next || table === was || nothing(table);
  if (!known(driver, before.driver) || !known(ours, before.ours))
    return 'an election finds what nobody named and nobody found before';
  if (old === null) return undefined;
  return state.some(holds) ? undefined : 'neither the named table nor the new one is left';
}

/** What is wrong at the end of an operation that succeeded. */
export function violationAtEnd({ next }: Promised, end: State): string | undefined {
  const { driver, ours } = find(end);
  if (driver !== next || ours !== next) return 'it has succeeded, and the elections find another table';
  if (next === null) return 'it has succeeded, and there is no table';
  return end.every((content) => tableOf(content) === next)
    ? undefined
    : 'it has succeeded, and a copy was left out';
}
