// Room: store, pure part. All lints of a spare, copies first.
import type { Geometry } from '../../format/geometry.js';
import { type CopyLintInput, copyLints } from './copy-lints.js';
import { entryLints } from './entry-lints.js';
import type { Lint } from './lint.js';
import { type ModuleLintInput, moduleLints } from './module-lints.js';

/** What a spare is judged by. */
interface LintInput extends CopyLintInput, ModuleLintInput {
  readonly geometry: Geometry;
}

/** Everything that `check` would complain about: the copies first, then the module, then entry by entry of the table shown. */
export function lintsOf(input: LintInput): Lint[] {
  const { shown, geometry, blockBytes } = input;
  const ofEntries =
    shown === null ? [] : entryLints(shown.slot.header, shown.slot.entries, geometry, blockBytes);
  return [...copyLints(input), ...moduleLints(input), ...ofEntries];
}
