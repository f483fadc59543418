// What a device of somebody else's proves when it rejects. Nothing but an error of this package, of whatever copy, that lists its
// writes one by one, or says of a single one that it is untouched, is taken at its word: everything else leaves each write in
// doubt. Pure; whatever is thrown, it never throws.
import { constants } from 'node:os';
import { type ErrorCode, isErrorCode, OperationError, type Outcome } from '../base/errors.js';
import { BatchError, type WriteReport, type WriteStep } from './device.js';
import { codeOfErrnoName, errnoName } from './errno.js';

export type Groups = readonly (readonly WriteStep[])[];

/** What went wrong, in words that can be shown. */
interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly errno: string | undefined;
}

const maxMessageLength = 1000;

/** A property of whatever was thrown; undefined where there is none, or asking for it throws. */
export function propertyOf(thrown: unknown, name: PropertyKey): unknown {
  try {
    return typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, name) : undefined;
  } catch {
    return undefined;
  }
}

/** ERR_IO without an errno where nothing says what it was: no sector is believed to be bad for that. */
export function faultOf(thrown: unknown): Fault {
  const code = propertyOf(thrown, 'code');
  const errno = errnoNameIn(propertyOf(thrown, 'errno')) ?? errnoNameIn(code);
  const text = propertyOf(thrown, 'message');
  const message = (typeof text === 'string' && text !== '' ? text : textOf(thrown)).slice(
    0,
    maxMessageLength,
  );
  if (isErrorCode(code)) return { code, message, errno };
  return { code: errno === undefined ? 'ERR_IO' : codeOfErrnoName(errno), message, errno };
}

/** As this package names it (`EIO`), or as Node.js numbers it (-5). */
function errnoNameIn(value: unknown): string | undefined {
  if (typeof value === 'string') return Object.hasOwn(constants.errno, value) ? value : undefined;
  return typeof value === 'number' && Number.isInteger(value) ? errnoName(-value) : undefined;
}

function textOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  return thrown === null || typeof thrown !== 'object'
    ? `it threw ${typeof thrown}`
    : 'it threw an object without a message';
}

/** What a rejection of `writeOrdered(groups)` proves, write by write, in their order. */
export function writesProven(thrown: unknown, groups: Groups): readonly WriteReport[] {
  if (is(thrown, BatchError))
    return reportsIn(propertyOf(thrown, 'writes'), groups) ?? allOf(groups, 'unknown');
  //  Of a device that hands on one write after the other it speaks of the last of them alone.
  return allOf(groups, isProvenUntouched(thrown) && isSingle(groups) ? 'untouched' : 'unknown');
}

const isSingle = (groups: Groups): boolean => groups.flat().length === 1;

/** Whether an error of this package says so of the operation as a whole. That of a batch is worth what its list is. */
export const isProvenUntouched = (thrown: unknown): boolean =>
  is(thrown, OperationError) && !is(thrown, BatchError) && propertyOf(thrown, 'outcome') === 'untouched';

/** What its `drained` has resolved to. */
export const writesFinally = (final: unknown, groups: Groups): readonly WriteReport[] =>
  reportsIn(final, groups) ?? allOf(groups, isOutcome(final) && isSingle(groups) ? final : 'unknown');

/** A list of what became of exactly these writes; undefined where it is something else. */
function reportsIn(value: unknown, groups: Groups): readonly WriteReport[] | undefined {
  const steps = allOf(groups, 'unknown');
  if (!Array.isArray(value) || value.length !== steps.length) return undefined;
  const reports = steps.map((step, at): WriteReport | undefined => {
    const given: unknown = value[at];
    const outcome = propertyOf(given, 'outcome');
    const isSame = propertyOf(given, 'offset') === step.offset && propertyOf(given, 'length') === step.length;
    if (!isSame || !isOutcome(outcome)) return undefined;
    return { ...step, outcome, errno: errnoNameIn(propertyOf(given, 'errno')) };
  });
  return reports.every((report) => report !== undefined) ? reports : undefined;
}

export const allOf = (groups: Groups, outcome: Outcome): readonly WriteReport[] =>
  groups.flatMap((steps, group) =>
    steps.map(({ offset, bytes }) => ({ group, offset, length: bytes.length, outcome, errno: undefined })),
  );

const isOutcome = (value: unknown): value is Outcome =>
  value === 'untouched' || value === 'written' || value === 'unknown';

function is(thrown: unknown, kind: typeof BatchError | typeof OperationError): boolean {
  try {
    return thrown instanceof kind;
  } catch {
    return false;
  }
}
