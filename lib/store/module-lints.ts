// Room: store, pure part. What the kernel module would make of this spare although its copies are as they should be.
import type { ValidSlot } from './copies.js';
import { type CopyLint, copyLint } from './lint.js';
import type { Admission } from './module-admission.js';

/** What the module is judged by. */
export interface ModuleLintInput {
  /** Our elected copy. */
  readonly ours: ValidSlot | null;
  /** Null where nothing is known. */
  readonly admission: Admission | null;
}

/** Warnings: the metadata is no worse for any of them. */
export function moduleLints(input: ModuleLintInput): CopyLint[] {
  return [...refusals(input)];
}

function refusals({ ours, admission }: ModuleLintInput): CopyLint[] {
  if (ours === null || admission === null || admission.accepts) return [];
  return [copyLint('module-refuses', [ours.copy], admission.reasons.join(' '))];
}
