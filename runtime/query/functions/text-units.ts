/**
 * Texts made character by character, in memory of UTF-16: millions of strings of one character each would take seconds, and a hundred bytes a
 * character.
 */
const unitsOf = (text: string): Uint16Array => {
  const bytes = Buffer.from(text, "utf16le");
  // A copy: what comes of a pool may begin at an odd place.
  return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

const textOf = (units: Uint16Array): string =>
  Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString("utf16le");

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** The characters in the opposite order. */
export function reversed(text: string): string {
  const units = unitsOf(text).reverse();
  for (let at = 1; at < units.length; at += 1) {
    const unit = units[at] ?? 0;
    const before = units[at - 1] ?? 0;
    if (!isHigh(unit) || !isLow(before)) continue;
    units[at - 1] = unit;
    units[at] = before;
  }
  return textOf(units);
}

/** Each character of `from` replaced by that in its place in `to`, or left out when there is none. */
export function translated(text: string, from: string, to: string): string {
  const targets = Array.from(to);
  const map = new Map<number, string>();
  for (const [index, character] of Array.from(from).entries()) {
    const code = character.codePointAt(0) ?? 0;
    if (!map.has(code)) map.set(code, targets[index] ?? "");
  }
  const given = unitsOf(text);
  const isWider = targets.some(({ length }) => length > 1);
  const out = new Uint16Array(given.length * (isWider ? 2 : 1));
  let length = 0;
  for (let at = 0; at < given.length; at += 1) {
    const unit = given[at] ?? 0;
    const isPair = isHigh(unit) && isLow(given[at + 1] ?? 0);
    const code = isPair ? (text.codePointAt(at) ?? 0) : unit;
    const replaced = map.get(code);
    if (replaced === undefined) {
      out[length] = unit;
      length += 1;
      if (isPair) {
        out[length] = given[at + 1] ?? 0;
        length += 1;
      }
    } else
      for (let index = 0; index < replaced.length; index += 1) {
        out[length] = replaced.charCodeAt(index);
        length += 1;
      }
    if (isPair) at += 1;
  }
  return textOf(out.subarray(0, length));
}
