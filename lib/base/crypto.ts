// What we need of node:crypto, which is loaded when it is first asked for: of a command that hashes nothing that would be a tenth of
// the start.
import type { Hash } from 'node:crypto';

const crypto = () => process.getBuiltinModule('node:crypto');

export const sha256 = (): Hash => crypto().createHash('sha256');

/** In hexadecimal. */
export const sha256Of = (bytes: Uint8Array): string => sha256().update(bytes).digest('hex');

/** So many random bytes in hexadecimal. */
export const randomHex = (bytes: number): string => crypto().randomBytes(bytes).toString('hex');
