// Room: target, pure part. What happened on one device within the last while. Time comes in; memory is what it is from the
// start, and counting a success allocates nothing.

/** What happened within the window. */
interface WindowCounts {
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly failedSectors: number;
  readonly goodSectors: number;
}

/** The window moves in steps of a part: what it holds is at most one part too young. */
const parts = 96;

export class ErrorWindow {
  readonly #partMs: number;
  /** Number of the part that is being filled, counted from time 0. */
  #part = 0;
  readonly #readErrors = new Float64Array(parts);
  readonly #writeErrors = new Float64Array(parts);
  readonly #failedSectors = new Float64Array(parts);
  readonly #goodSectors = new Float64Array(parts);

  constructor(windowMs: number) {
    this.#partMs = windowMs / parts;
  }

  /** Moves the window to this time, which is not before the last one. */
  advance(nowMs: number): void {
    const part = Math.floor(nowMs / this.#partMs);
    for (let clear = Math.max(this.#part + 1, part - parts + 1); clear <= part; clear++) {
      const at = clear % parts;
      this.#readErrors[at] = 0;
      this.#writeErrors[at] = 0;
      this.#failedSectors[at] = 0;
      this.#goodSectors[at] = 0;
    }
    this.#part = part;
  }

  addError(kind: 'read' | 'write', sectors: number): void {
    add(kind === 'read' ? this.#readErrors : this.#writeErrors, this.#part, 1);
    add(this.#failedSectors, this.#part, sectors);
  }

  addSuccess(sectors: number): void {
    add(this.#goodSectors, this.#part, sectors);
  }

  counts(): WindowCounts {
    return {
      readErrors: sum(this.#readErrors),
      writeErrors: sum(this.#writeErrors),
      failedSectors: sum(this.#failedSectors),
      goodSectors: sum(this.#goodSectors),
    };
  }
}

function add(counts: Float64Array, part: number, by: number): void {
  const at = part % parts;
  counts[at] = (counts[at] as number) + by;
}

const sum = (counts: Float64Array): number => counts.reduce((all, one) => all + one, 0);
