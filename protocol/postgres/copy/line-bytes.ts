/** What stands in the bytes of a line of COPY: marks, escapes, ends. */

export const backslash = 0x5c;
export const carriageReturn = 0x0d;
const fullStop = 0x2e;

export const isEndOfData = (bytes: Uint8Array, from: number, to: number): boolean =>
  to - from === 2 && bytes[from] === backslash && bytes[from + 1] === fullStop;

/** Where `\.` stands in a line, its backslash not escaped; -1 where it does not. */
export function endMark(bytes: Uint8Array, from: number, to: number): number {
  let at = bytes.indexOf(backslash, from);
  while (at >= 0 && at + 1 < to) {
    if (bytes[at + 1] === fullStop) return at;
    at = bytes.indexOf(backslash, at + 2);
  }
  return -1;
}

/** Whether what stands at `at` of a line that begins at `from` is escaped. */
export function isBehindBackslash(bytes: Uint8Array, at: number, from: number): boolean {
  let slashes = 0;
  for (let before = at - 1; before >= from && bytes[before] === backslash; before--) slashes += 1;
  return slashes % 2 === 1;
}

export function hasPlainReturn(line: Uint8Array): boolean {
  let at = line.indexOf(carriageReturn);
  while (at >= 0 && isBehindBackslash(line, at, 0)) at = line.indexOf(carriageReturn, at + 1);
  return at >= 0;
}

export function digitsFrom(bytes: Uint8Array, from: number, base: 8 | 16, max: number): string {
  const pattern = base === 8 ? /[0-7]/ : /[0-9a-fA-F]/;
  let digits = "";
  while (digits.length < max && from + digits.length < bytes.length) {
    const letter = String.fromCharCode(bytes[from + digits.length] ?? 0);
    if (!pattern.test(letter)) break;
    digits += letter;
  }
  return digits;
}

/** Whether bytes[from..to) are the mark of NULL. */
export function isMark(mark: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (mark.length !== to - from) return false;
  for (let at = 0; at < mark.length; at++) if (mark[at] !== bytes[from + at]) return false;
  return true;
}

export const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
};
