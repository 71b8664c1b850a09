/**
 * `LIKE 'abc%'` as a range of texts. Texts are ordered by their code points, so those that begin with a prefix lie between it and the first
 * text behind them all.
 */

/** What every text that matches begins with; null when the pattern begins with a wildcard. */
export function likePrefix(pattern: string): { readonly prefix: string; readonly isWhole: boolean } | null {
  let prefix = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern[at] ?? "";
    if (letter === "%" || letter === "_") return prefix === "" ? null : { prefix, isWhole: false };
    if (letter === "\\") at += 1;
    // A pattern that ends in its escape is an error for whoever asks it.
    if (at >= pattern.length) return null;
    prefix += pattern[at] ?? "";
  }
  return { prefix, isWhole: true };
}

/** The first text behind all that begin with the prefix; null when there is none. */
export function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (point) => point);
  while (points.length > 0) {
    const point = points.pop()?.codePointAt(0) ?? 0;
    if (point >= 0x10_ffff) continue;
    // No text holds half of a surrogate pair.
    const next = point + 1 === 0xd800 ? 0xe000 : point + 1;
    return points.join("") + String.fromCodePoint(next);
  }
  return null;
}
