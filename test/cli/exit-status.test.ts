import { expect, test } from 'vitest';
import { argumentError, DmremapError, type ErrorCode, errorCodes } from '../../lib/base/errors.js';
import { codeOf, exitBits, statusOf } from '../../lib/cli/print/exit-status.js';

test('every code leads to bits that cli.md knows, and most to a failed operation', () => {
  const codes = (status: number) =>
    Object.keys(errorCodes).filter((code) => statusOf(new DmremapError(code as ErrorCode)) === status);
  expect(codes(32)).toEqual(['ABORT_ERR', 'ERR_TIMEOUT']);
  expect(codes(12)).toEqual(['ERR_METADATA_AMBIGUOUS', 'ERR_CLOCK_BEHIND']);
  expect(codes(16)).toEqual(
    expect.arrayContaining([
      'ERR_USAGE',
      'ERR_INVALID_ARG_TYPE',
      'ERR_INVALID_ARG_VALUE',
      'ERR_OUT_OF_RANGE',
      'ERR_DEVICE_NOT_FOUND',
      'ERR_NOT_A_DEVICE',
      'ERR_TABLE_FULL',
      'ERR_ORIGINAL_MAPPED',
      'ERR_SPARE_IN_USE',
    ]),
  );
  expect(codes(8)).toEqual(
    expect.arrayContaining([
      'ERR_ACCESS',
      'ERR_DEVICE_BUSY',
      'ERR_IO',
      'ERR_DEVICE_READ_ONLY',
      'ERR_DEVICE_TOO_SMALL',
      'ERR_METADATA_EXISTS',
      'ERR_NO_METADATA',
      'ERR_COMMIT_PARTIAL',
      'ERR_SINGLE_COPY',
      'ERR_DATA_IN_METADATA',
      'ERR_ADDON_MISSING',
      'ERR_ENGINE_UNAVAILABLE',
    ]),
  );
  expect([8, 12, 16, 32].flatMap(codes)).toHaveLength(Object.keys(errorCodes).length);
});

test('what is not ours is a failed operation without a code', () => {
  for (const error of [
    new Error('x'),
    Object.assign(new Error('x'), { code: 'toString' }),
    'x',
    null,
    undefined,
  ]) {
    expect([statusOf(error), codeOf(error)]).toEqual([exitBits.failed, undefined]);
  }
  expect(statusOf(argumentError('ERR_OUT_OF_RANGE', 'x'))).toBe(exitBits.usage);
});
