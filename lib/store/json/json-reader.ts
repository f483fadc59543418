// Room: store, pure part. Reads a JSON document that a stranger may have written, and says of everything that is wrong with
// it where it is, not of the first thing only. What is wrong reads as zero meanwhile, and nothing of it may be used.
import { DmremapError, type ErrorCode } from '../../base/errors.js';
import { u64Max } from '../../base/units.js';
import { bytesOfText } from '../../format/text.js';
import type { LintId } from '../examine/lint.js';

/** What is wrong, and where: `entries[3].spare`, `line 7`; empty for the whole. */
export interface Problem {
  readonly place: string;
  readonly what: string;
  /** Set where it can be read, and what it says is a bad table. */
  readonly lint?: LintId;
}

/** A document that is refused, with everything that is wrong with it. */
export class DocumentError extends DmremapError {
  constructor(
    code: ErrorCode,
    readonly problems: readonly Problem[],
  ) {
    const [first, ...others] = problems;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    super(code, `${first === undefined ? '' : problemText(first)}${more}`);
    this.name = 'DocumentError';
  }
}

export const problemText = ({ place, what }: Problem): string => (place === '' ? what : `${place}: ${what}`);

/** One object of a document. */
export interface Fields {
  /** The place of a field. */
  at(name: string): string;
  value(name: string): unknown;
  has(name: string): boolean;
  /** Decimal digits in a string: 64 bits, unless `most` says less. */
  decimal(name: string, most?: bigint): bigint;
  whole(name: string, most?: number): number;
  /** `0x` and eight hexadecimal digits. */
  hex32(name: string): number;
  /** So many bytes, as pairs of hexadecimal digits; what is missing at the end is zero. */
  hex(name: string, bytes: number): Uint8Array<ArrayBuffer>;
  /** A text as `wholeTextOf` writes it, in so many bytes. */
  text(name: string, bytes: number): Uint8Array<ArrayBuffer>;
}

export class JsonReader {
  readonly problems: Problem[] = [];

  refuse(place: string, what: string, lint?: LintId): void {
    this.problems.push({ place, what, ...(lint === undefined ? {} : { lint }) });
  }

  /** What a file holds; undefined, with a problem, where that is no JSON. */
  parse(bytes: Uint8Array): unknown {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      const value: unknown = JSON.parse(text);
      for (const { key, line } of doubleKeys(text)) {
        this.refuse(`line ${line}`, `the key ${JSON.stringify(key)} is there twice`);
      }
      return value;
    } catch (error) {
      this.refuse('', error instanceof TypeError ? 'it is not UTF-8' : 'it is not JSON');
      return undefined;
    }
  }

  /** A list of at most so many; empty, with a problem, where it is none. */
  list(place: string, value: unknown, most: number): readonly unknown[] {
    if (!Array.isArray(value)) this.refuse(place, value === undefined ? 'is missing' : 'must be a list');
    else if (value.length > most) this.refuse(place, `${value.length} are in it, and ${most} is the most`);
    else return value;
    return [];
  }

  /** An object with no other fields than these: what nobody knows would be lost. */
  object(place: string, value: unknown, known: readonly string[]): Fields | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.refuse(place, value === undefined ? 'is missing' : 'must be an object');
      return undefined;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    const at = (name: string) => (place === '' ? name : `${place}.${name}`);
    for (const name of Object.keys(fields)) {
      if (!known.includes(name)) this.refuse(at(name), 'unknown field');
    }
    const has = (name: string) => Object.hasOwn(fields, name);
    const read = <T>(name: string, zero: T, must: string, convert: (value: unknown) => T | undefined): T => {
      const found = has(name) ? convert(fields[name]) : undefined;
      if (found === undefined) this.refuse(at(name), has(name) ? `must be ${must}` : 'is missing');
      return found ?? zero;
    };
    return {
      at,
      has,
      value: (name) => (has(name) ? fields[name] : undefined),
      decimal: (name, most = u64Max) =>
        read(name, 0n, `a string of decimal digits, from 0 to ${most}`, (one) => decimalOf(one, most)),
      whole: (name, most = 0xffff_ffff) =>
        read(name, 0, `a whole number from 0 to ${most}`, (one) =>
          Number.isInteger(one) && (one as number) >= 0 && (one as number) <= most
            ? (one as number)
            : undefined,
        ),
      hex32: (name) =>
        read(name, 0, 'a string of 0x and eight hexadecimal digits', (one) =>
          typeof one === 'string' && /^0x[0-9a-f]{8}$/.test(one) ? Number(one) : undefined,
        ),
      hex: (name, bytes) =>
        read(
          name,
          new Uint8Array(bytes),
          `a string of at most ${bytes} pairs of hexadecimal digits`,
          (one) => {
            const fits = typeof one === 'string' && one.length <= 2 * bytes && one.length % 2 === 0;
            return fits && /^[0-9a-f]*$/.test(one) ? filled(Buffer.from(one, 'hex'), bytes) : undefined;
          },
        ),
      text: (name, bytes) =>
        read(
          name,
          new Uint8Array(bytes),
          `a string of at most ${bytes} bytes of ASCII, others as \\xNN`,
          (one) => {
            const found = typeof one === 'string' && one.length <= 4 * bytes ? bytesOfText(one) : null;
            return found !== null && found.length <= bytes ? filled(found, bytes) : undefined;
          },
        ),
    };
  }
}

/** The number of a string of decimal digits, as we write them; undefined where it is none, or too large. */
export function decimalOf(value: unknown, most: bigint = u64Max): bigint | undefined {
  //  20 digits hold 2^64 - 1; a longer string is not worth reading.
  if (typeof value !== 'string' || !/^(?:0|[1-9][0-9]{0,19})$/.test(value)) return undefined;
  const number = BigInt(value);
  return number <= most ? number : undefined;
}

function filled(part: Uint8Array, bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  whole.set(part);
  return whole;
}

/** Keys that an object of a JSON text has twice: JSON.parse takes the last one and says nothing. */
function doubleKeys(text: string): { key: string; line: number }[] {
  const found: { key: string; line: number }[] = [];
  const open: (Set<string> | null)[] = []; //  Of an object its keys, of a list none.
  let last = '';
  let line = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '\n':
        line += 1;
        break;
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(null);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ':': {
        const keys = open.at(-1);
        const key: string = JSON.parse(last);
        if (keys?.has(key)) found.push({ key, line });
        keys?.add(key);
        break;
      }
      case '"': {
        const start = at;
        at += 1;
        while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
        last = text.slice(start, at + 1);
      }
    }
  }
  return found;
}
