// Two copies of the package can be loaded in one program, as npm nests them, and each has classes of its own. What crosses from
// one to the other, an error or the reason of an abort, is recognised by a brand that all copies and versions share.

/** The members of a class that this needs. */
interface Brandable {
  readonly prototype: object;
}

/**
 * Makes `instanceof` hold for the instances of this class in every copy of the package. Of a class derived from it without a
 * brand of its own it stays the ordinary one.
 * @param name the same in all versions.
 */
export function brand(target: Brandable, name: string): void {
  const key = Symbol.for(`dmremap.${name}`);
  Object.defineProperty(target.prototype, key, { value: true });
  Object.defineProperty(target, Symbol.hasInstance, {
    value(this: Brandable, value: unknown): boolean {
      if (this !== target) return Function.prototype[Symbol.hasInstance].call(this, value);
      try {
        return typeof value === 'object' && value !== null && Reflect.get(value, key) === true;
      } catch {
        return false; //  A proxy of somebody else's.
      }
    },
  });
}
