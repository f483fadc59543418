// Room: target, pure part. Which requests make sense.
import { argumentError } from '../base/errors.js';

/** The longest request, in sectors: 16 MiB. */
const maxRequestSectors = 32_768;

/** @throws TypeError ERR_INVALID_ARG_TYPE. */
export function sectorOf(sector: bigint | number): bigint {
  if (typeof sector === 'bigint' || Number.isSafeInteger(sector)) return BigInt(sector);
  throw argumentError('ERR_INVALID_ARG_TYPE', 'sector must be a bigint or a whole number');
}

/**
 * The first sector of a request for whole blocks on main.
 * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE or ERR_UNALIGNED.
 */
export function checkRange(
  sector: bigint | number,
  count: number,
  mainSectors: bigint,
  blockSectors: number,
): bigint {
  const first = sectorOf(sector);
  if (!Number.isInteger(count) || count < 1 || count > maxRequestSectors) {
    throw argumentError('ERR_OUT_OF_RANGE', `a request is 1 to ${maxRequestSectors} whole sectors`);
  }
  if (first < 0n || first + BigInt(count) > mainSectors) {
    throw argumentError('ERR_OUT_OF_RANGE', `${count} sectors from ${first} do not lie on main`);
  }
  if (count % blockSectors !== 0 || first % BigInt(blockSectors) !== 0n) {
    const message = `requests begin and end at multiples of ${blockSectors} sectors`;
    throw argumentError('ERR_UNALIGNED', message);
  }
  return first;
}
