/** makedev(3), backwards. */
export function numbersOf(device: bigint): [major: number, minor: number] {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);
  return [Number(major), Number(minor)];
}

/** `8:16`, as sysfs names it. */
export const deviceNumberOf = (device: bigint): string => numbersOf(device).join(':');
