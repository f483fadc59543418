// The model: what each sector may hold. A write that was called is a candidate, in the order of the calls:
//
//   it is acknowledged             what was called before it is gone
//   its outcome is `unknown`       it may show, now or later, or never
//   its outcome is `untouched`     it must never show, and must not have shown
//   it was read                    what was called before it does not come back
//   the power goes                 what is left is what was durable, or came after that
//
// A read under `remap-zero` is a write of zeros that takes its turn whenever its sectors cannot be read: until it has ended
// its zeros can follow anything.
import { zeros } from './values.js';

interface Candidate {
  /** Number of the call; infinite while it can come after any other. */
  order: number;
  /** What a sector of it holds. */
  readonly value: number;
  readonly durable: boolean;
  seen: boolean;
  untouched: boolean;
}

interface Sector {
  /** What a read may return. */
  live: readonly Candidate[];
  /** What it may return after a power cut. */
  disk: readonly Candidate[];
  /** The last call that was told as written. */
  told: number;
}

/** What a read that is under way may return, sector by sector: what was there when it was called, and what comes meanwhile. */
export interface View {
  readonly order: number;
  /** Of calls before this one it can have come behind. */
  readonly before: number;
  readonly first: number;
  readonly sectors: (readonly Candidate[])[];
}

/** A promise that was not kept. */
export class Violation extends Error {}

const since = (candidates: readonly Candidate[], order: number) =>
  candidates.filter((candidate) => candidate.order >= order);

export class Expected {
  readonly #sectors: Sector[];
  readonly #views = new Set<View>();

  /** @param value what all of main holds, durable. */
  constructor(sectors: number, value: number) {
    this.#sectors = Array.from({ length: sectors }, () => {
      const only = [{ order: value, value, durable: true, seen: false, untouched: false }];
      return { live: only, disk: only, told: value };
    });
  }

  /** A write was called. */
  begin(order: number, first: number, count: number, durable: boolean): void {
    this.#range(first, count).forEach((sector, at) => {
      const candidate = add(sector, order, order, durable);
      //  Also where it is gone again when the read ends: that one has read twice, and this can have come in between.
      for (const { before, sectors, first: start } of this.#views) {
        const own = sectors[first + at - start];
        if (before === Number.POSITIVE_INFINITY && own !== undefined)
          sectors[first + at - start] = [...own, candidate];
      }
    });
  }

  /**
   * A read was called that may leave zeros.
   * @returns what ends that: which of its sectors may have been zeroed, and the number of the last call.
   */
  mayZero(first: number, count: number): (may: (sector: number) => boolean, now: number) => void {
    const sectors = this.#range(first, count);
    const added = sectors.map((sector) => add(sector, Number.POSITIVE_INFINITY, zeros, true));
    return (may, now) =>
      added.forEach((candidate, at) => {
        candidate.order = now;
        if (!may(first + at) && !candidate.seen) remove(sectors[at] as Sector, candidate);
      });
  }

  /** It was told as written: at its end, or `late`, when it had drained after an abort. */
  written(order: number, first: number, count: number, durable: boolean, late = false): void {
    for (const sector of this.#range(first, count)) {
      sector.live = since(sector.live, order);
      if (durable) sector.disk = since(sector.disk, order);
      sector.told = Math.max(sector.told, order);
    }
    // An aborted one keeps nobody waiting: who is under way may have read before it landed.
    if (late) return;
    // Requests for the same sectors keep the order of their calls: who came later finds it.
    for (const view of this.#views) {
      if (view.order < order) continue;
      view.sectors.forEach((candidates, at) => {
        const sector = view.first + at;
        if (sector >= first && sector < first + count) view.sectors[at] = since(candidates, order);
      });
    }
  }

  /** It was told as untouched. */
  untouched(order: number, first: number, count: number): void {
    this.#range(first, count).forEach((sector, at) => {
      const mine = sector.disk.find((candidate) => candidate.value === order);
      if (mine === undefined) return;
      if (mine.seen)
        throw new Violation(`write ${order} is untouched, and sector ${first + at} was read with it`);
      mine.untouched = true;
      remove(sector, mine);
    });
  }

  /** A read was called. @param twice it reads once more what it cannot read, and calls of after it can come in between. */
  view(order: number, first: number, count: number, twice: boolean): View {
    const sectors = this.#range(first, count).map(({ live }) => live);
    const view = { order, before: twice ? Number.POSITIVE_INFINITY : order, first, sectors };
    this.#views.add(view);
    return view;
  }

  end(view: View): void {
    this.#views.delete(view);
  }

  /** A read has returned this value, undefined for bytes that nobody has written. */
  saw(view: View, at: number, value: number | undefined): void {
    const sector = this.#sectors[view.first + at] as Sector;
    const own = view.sectors[at] as readonly Candidate[];
    // What was called later has waited for this read.
    const fits = ({ value: of, order, untouched }: Candidate) =>
      of === value && !untouched && (of === zeros || order < view.before);
    // Zeros of a read that is under way came after what was called before this one.
    const orderOf = ({ order }: Candidate) => (Number.isFinite(order) ? order : view.order);
    // Whose zeros they are cannot be told: those that came first say the least of the rest.
    const [now] = sector.live.filter(fits).sort((a, b) => orderOf(a) - orderOf(b));
    const found = now ?? own.findLast(fits);
    if (found === undefined) {
      const list = (candidates: readonly Candidate[]) => candidates.map(name).join(' ') || 'none';
      const what = value === undefined ? 'bytes that nobody has written' : name({ value });
      throw new Violation(
        `sector ${view.first + at} is read with ${what}; it may hold ${list(sector.live)}, or as it was at the call ${list(own)}`,
      );
    }
    found.seen = true;
    if (now === undefined) return;
    const order = orderOf(now);
    sector.live = since(sector.live, order);
    if (now.durable) sector.disk = since(sector.disk, order);
  }

  /** What a flush that is called now makes durable. */
  told(): number[] {
    return this.#sectors.map(({ told }) => told);
  }

  flushed(told: readonly number[]): void {
    this.#sectors.forEach((sector, at) => {
      sector.disk = since(sector.disk, told[at] as number);
    });
  }

  /** The power was gone, and is back. */
  powerCut(): void {
    this.#views.clear();
    for (const sector of this.#sectors) {
      sector.disk = sector.disk.map((candidate) => ({ ...candidate, durable: true }));
      sector.told = 0;
      sector.live = sector.disk;
    }
  }

  #range(first: number, count: number): Sector[] {
    return this.#sectors.slice(first, first + count);
  }
}

function add(sector: Sector, order: number, value: number, durable: boolean): Candidate {
  const candidate = { order, value, durable, seen: false, untouched: false };
  sector.live = [...sector.live, candidate];
  sector.disk = [...sector.disk, candidate];
  return candidate;
}

function remove(sector: Sector, candidate: Candidate): void {
  sector.live = sector.live.filter((one) => one !== candidate);
  sector.disk = sector.disk.filter((one) => one !== candidate);
}

const name = ({ value }: { readonly value: number }) => (value === zeros ? 'zeros' : `write ${value}`);
