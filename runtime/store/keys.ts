/** Keys: byte strings of at most `treeKeyBytesMax` bytes, ordered as memcmp orders them. Loops, not `Buffer.compare`: most keys are short. */

/** The four bytes of a key from `from`, as the head of a slot holds them. */
export function headOf(key: Uint8Array, from: number, length: number): number {
  const left = length - from;
  if (left >= 4) {
    return ((key[from] << 24) | (key[from + 1] << 16) | (key[from + 2] << 8) | key[from + 3]) ^ 0x80000000;
  }
  let head = 0;
  if (left > 0) head |= key[from] << 24;
  if (left > 1) head |= key[from + 1] << 16;
  if (left > 2) head |= key[from + 2] << 8;
  return head ^ 0x80000000;
}

export function compareKeys(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): number {
  const common = aLength < bLength ? aLength : bLength;
  for (let at = 0; at < common; at++) {
    const difference = a[at] - b[at];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Length of the longest prefix that both keys share. */
export function commonPrefix(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): number {
  const common = aLength < bLength ? aLength : bLength;
  let at = 0;
  while (at < common && a[at] === b[at]) at++;
  return at;
}
