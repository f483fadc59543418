// Room: store, pure part. Which main devices the copies of a spare name (format.md rule 2). No election answers which
// disk a spare belongs to: a stray copy of another one wins as soon as its sequence is higher.
import type { Sector } from '../../base/units.js';
import { type Header, readHeader } from '../../format/structure.js';
import { textOf } from '../../format/text.js';
import { type SlotCopy, validCopies } from '../table/copies.js';
import { copiesText } from '../table/phrases.js';
import { sameTable } from '../table/table.js';

/** A main device, and the valid copies that name it. */
export interface NamedMain {
  readonly sectors: Sector;
  /** Escaped; empty where the copies name none, as the kernel module leaves it. */
  readonly uuid: string;
  readonly copies: readonly number[];
}

/**
 * The main devices that valid copies name, in the order of their first copies. Empty where all can be of one: the size is the
 * same, and no two UUIDs differ. A damaged copy names none: what it says may be what is damaged.
 */
export function mainsInConflict(copies: readonly SlotCopy[]): NamedMain[] {
  const mains: (NamedMain & { readonly copies: number[] })[] = [];
  for (const { copy, slot } of validCopies(copies)) {
    const main = mainOf(slot.header);
    const known = mains.find(({ sectors, uuid }) => sectors === main.sectors && uuid === main.uuid);
    if (known === undefined) mains.push({ ...main, copies: [copy] });
    else known.copies.push(copy);
  }
  return mains.some((a) => mains.some((b) => differ(a, b))) ? mains : [];
}

/** Whether two slots hold the same table of the same main device. Takes raw slots, as `sameTable` does. */
export const sameTableOfMain = (a: Uint8Array, b: Uint8Array): boolean =>
  sameTable(a, b) && !differ(mainOf(readHeader(a)), mainOf(readHeader(b)));

/** `copies 0 and 1 name a main device of 16384 sectors, copy 2 one of 32768 sectors`. */
export function mainsText(mains: readonly NamedMain[]): string {
  const withUuid = mains.some(({ uuid }) => uuid !== mains[0]?.uuid);
  return mains
    .map(({ sectors, uuid, copies }, at) => {
      const verb = at > 0 ? ' one' : ` ${copies.length === 1 ? 'names' : 'name'} a main device`;
      const which = withUuid ? ` ${uuid === '' ? 'without a UUID' : `with UUID "${uuid}"`}` : '';
      return `${copiesText(copies)}${verb} of ${sectors} sectors${which}`;
    })
    .join(', ');
}

type Identity = Pick<NamedMain, 'sectors' | 'uuid'>;

const mainOf = (header: Header): Identity => ({
  sectors: header.mainDeviceSectors,
  uuid: textOf(header.mainDeviceUuid),
});

const differ = (a: Identity, b: Identity): boolean =>
  a.sectors !== b.sectors || (a.uuid !== '' && b.uuid !== '' && a.uuid !== b.uuid);
