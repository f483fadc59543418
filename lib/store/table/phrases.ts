// Room: store, pure part. The sentences that reports are made of: one wording for one thing.
import { assertNever } from '../../base/units.js';
import type { Damage } from '../../format/damage.js';
import type { DriverRule } from '../../format/driver.js';
import { maxEntries, maxHealthScore } from '../../format/structure.js';

/** 32 bits as 0x and eight hexadecimal digits. */
export const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

/** `0`, `0 and 3`, `0, 1 and 3`. */
export function listOf(items: readonly (number | string)[]): string {
  const last = items.at(-1);
  return items.length < 2 ? `${last ?? 'none'}` : `${items.slice(0, -1).join(', ')} and ${last}`;
}

/** `copy 0`, `copies 0 and 3`. */
export const copiesText = (copies: readonly number[]): string =>
  `${copies.length === 1 ? 'copy' : 'copies'} ${listOf(copies)}`;

/**
 * One clause for all copies of which the same is to be said: `copy 0 fails its checksum`, `each of copies 1 and 2 is
 * blank`. `saying` is what follows the number of a copy, in the singular.
 */
export function clausesFor(saying: readonly { readonly copy: number; readonly text: string }[]): string[] {
  const copiesOf = new Map<string, number[]>();
  for (const { copy, text } of saying) copiesOf.set(text, [...(copiesOf.get(text) ?? []), copy]);
  return [...copiesOf].map(([text, copies]) =>
    copies.length === 1 ? `copy ${copies[0]} ${text}` : `each of ${copiesText(copies)} ${text}`,
  );
}

/** The singular word for one, the plural for more. */
export const pick = (count: number, one: string, more: string): string => (count === 1 ? one : more);

/** A sentence begins with a capital. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What is wrong with a copy, to follow "copy N". */
export function damageText(damage: Damage): string {
  switch (damage.fault) {
    case 'unreadable':
      return `cannot be read (${damage.errno})`;
    case 'blank':
      return 'is blank';
    case 'foreign':
      return `holds the foreign layout "${damage.layout}"`;
    case 'magic':
      return `does not begin with the magic number (found ${hex32(damage.found)})`;
    case 'version':
      return `has version ${damage.found} instead of 4`;
    case 'checksum':
      return `fails its checksum (stored ${hex32(damage.stored)}, computed ${hex32(damage.computed)})`;
    case 'count':
      return `claims ${damage.found} entries where ${maxEntries} fit`;
    case 'health':
      return `has health score ${damage.found} where ${maxHealthScore} is the highest`;
    default:
      return assertNever(damage);
  }
}

/** Why the module does not accept a copy, to follow "copy N". */
export const driverRuleText: Readonly<Record<DriverRule, string>> = {
  magic: 'does not begin with the magic number',
  version: 'has another version than 4',
  checksum: 'fails its checksum',
  count: `claims more than ${maxEntries} entries`,
  health: `has a health score above ${maxHealthScore}`,
  future: 'is dated more than a day after now',
  absent: 'does not fit the device',
  unreadable: 'cannot be read',
};
