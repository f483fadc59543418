// What reads of each sector may find, while many requests overlap and some are aborted. Requests on the same sectors keep the order
// of their calls, so a read finds what the last write before it has left; where that one was not acknowledged, what it had to find
// before counts too, back to the last that was.

type Fate = 'pending' | 'acknowledged' | 'unknown' | 'untouched';
interface Write {
  readonly value: number;
  fate: Fate;
}

export class SectorLog {
  readonly #sectors: Write[][];

  constructor(sectors: number, value: number) {
    this.#sectors = Array.from({ length: sectors }, () => [{ value, fate: 'acknowledged' }]);
  }

  /** A write is called; the returned function tells how it ended. */
  write(first: number, values: readonly number[]): (fate: Fate) => void {
    const writes = values.map((value): Write => ({ value, fate: 'pending' }));
    for (const [at, write] of writes.entries()) this.#of(first + at).push(write);
    return (fate) => {
      for (const write of writes) write.fate = fate;
    };
  }

  /** A read is called; the returned function gives, at its end, what each sector may hold. */
  read(first: number, count: number): () => readonly ReadonlySet<number>[] {
    const lengths = Array.from({ length: count }, (_, at) => this.#of(first + at).length);
    return () => lengths.map((length, at) => possible(this.#of(first + at).slice(0, length)));
  }

  #of(sector: number): Write[] {
    return this.#sectors[sector] ?? [];
  }
}

function possible(writes: readonly Write[]): ReadonlySet<number> {
  const values = new Set<number>();
  for (const { value, fate } of writes.toReversed()) {
    if (fate !== 'untouched') values.add(value);
    if (fate === 'acknowledged') break;
  }
  return values;
}
