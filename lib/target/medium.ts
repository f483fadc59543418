// Room: target. A device as the target sees it: sectors, requests of any length, and errors of the medium narrowed down, by
// halving, to the logical blocks that have them. Every other error ends the request.
import { OperationError } from '../base/errors.js';
import { type Device, maxTransferBytes, type WriteOptions } from '../device/device.js';
import { allOf, type Effects, type InFlight } from './effects.js';

export const sectorBytes = 512;

/** A logical block that failed, by its first sector on the device. */
export interface FailedBlock {
  readonly sector: bigint;
  readonly error: OperationError;
}

export interface MediumEvent {
  readonly device: 'main' | 'spare';
  readonly kind: 'read' | 'write';
  readonly sector: bigint;
  readonly count: number;
}

/** Hears of every transfer that has ended, for the analysis of errors. */
export interface MediumListener {
  failed(event: MediumEvent): void;
  succeeded(device: 'main' | 'spare', sectors: number): void;
}

/**
 * Errors that say that these sectors are bad, and not the device, the path to it or the request: what the kernel makes of
 * BLK_STS_IOERR, _MEDIUM, _TARGET and _PROTECTION (block/blk-core.c).
 */
const mediumErrnos = new Set(['EIO', 'ENODATA', 'EREMOTEIO', 'EILSEQ']);

function isOfMedium(error: unknown): error is OperationError {
  if (!(error instanceof OperationError)) return false;
  return (
    error.code === 'ERR_SHORT_TRANSFER' || (error.code === 'ERR_IO' && mediumErrnos.has(error.errno ?? ''))
  );
}

export class Medium {
  readonly device: Device;
  readonly #name: 'main' | 'spare';
  readonly #blockSectors: number;
  readonly #listener: MediumListener;
  readonly #inFlight: InFlight;

  /** @param blockSectors what a transfer cannot be smaller than: 1 or 8. */
  constructor(
    name: 'main' | 'spare',
    device: Device,
    blockSectors: number,
    listener: MediumListener,
    inFlight: InFlight,
  ) {
    this.device = device;
    this.#name = name;
    this.#blockSectors = blockSectors;
    this.#listener = listener;
    this.#inFlight = inFlight;
  }

  /** Whether a write that was given up may still land there. */
  isUnsettled(sector: bigint, count: number): boolean {
    return this.device.isUnsettled(sector * BigInt(sectorBytes), count * sectorBytes);
  }

  /** Fills `into`; returns the blocks that could not be read, which stay as they are. */
  read(sector: bigint, into: Uint8Array, signal: AbortSignal): Promise<FailedBlock[]> {
    return this.#transfer('read', sector, into, async (at, bytes) => {
      bytes.set(await this.device.read(at, bytes.length, { signal }));
    });
  }

  /** Returns the blocks that could not be written: what is there now is not known. */
  write(
    sector: bigint,
    bytes: Uint8Array,
    options: WriteOptions & { readonly signal: AbortSignal },
    effects: Effects,
  ): Promise<FailedBlock[]> {
    return this.#transfer('write', sector, bytes, async (at, part) => {
      try {
        await this.device.write(at, part, options);
        effects.wrote('written');
      } catch (error) {
        // It counts although it is tried again in halves: a half that is not begun has been written to by this.
        if (error instanceof OperationError) effects.wrote(error.outcome, error);
        throw error;
      }
    });
  }

  /** Makes durable what was written. */
  async flush(effects: Effects, signal: AbortSignal): Promise<void> {
    try {
      await this.device.flush({ signal });
    } catch (error) {
      if (error instanceof OperationError) {
        this.#inFlight.note(error);
        effects.wrote(error.outcome, error);
      }
      throw error;
    }
  }

  async #transfer(
    kind: 'read' | 'write',
    sector: bigint,
    bytes: Uint8Array,
    run: (offset: bigint, part: Uint8Array) => Promise<void>,
  ): Promise<FailedBlock[]> {
    const parts: Promise<FailedBlock[]>[] = [];
    for (let at = 0; at < bytes.length; at += maxTransferBytes) {
      const part = bytes.subarray(at, at + maxTransferBytes);
      parts.push(this.#narrow(kind, sector + BigInt(at / sectorBytes), part, run));
    }
    return (parts.length === 1 ? await (parts[0] as Promise<FailedBlock[]>) : await allOf(parts)).flat();
  }

  async #narrow(
    kind: 'read' | 'write',
    sector: bigint,
    bytes: Uint8Array,
    run: (offset: bigint, part: Uint8Array) => Promise<void>,
  ): Promise<FailedBlock[]> {
    const count = bytes.length / sectorBytes;
    try {
      await run(sector * BigInt(sectorBytes), bytes);
      this.#listener.succeeded(this.#name, count);
      return [];
    } catch (error) {
      if (error instanceof OperationError) this.#inFlight.note(error);
      if (!isOfMedium(error)) throw error;
      const blocks = count / this.#blockSectors;
      if (blocks <= 1) {
        this.#listener.failed({ device: this.#name, kind, sector, count });
        return [{ sector, error }];
      }
      const half = Math.ceil(blocks / 2) * this.#blockSectors;
      const middle = half * sectorBytes;
      const halves = [
        this.#narrow(kind, sector, bytes.subarray(0, middle), run),
        this.#narrow(kind, sector + BigInt(half), bytes.subarray(middle), run),
      ];
      return (await allOf(halves)).flat();
    }
  }
}
