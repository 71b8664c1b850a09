/** Names that patterns of dates show and read, and patterns that were parsed before. */
import { type DatePart, parseDatePattern } from "./format-pattern.js";

export const monthNames = "January February March April May June July August September October November December".split(
  " ",
);
export const dayNames = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
export const romanMonths = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

const patternsKept = new Map<string, readonly DatePart[]>();

export function partsOf(pattern: string): readonly DatePart[] {
  const known = patternsKept.get(pattern);
  if (known !== undefined) return known;
  const parts = parseDatePattern(pattern);
  if (patternsKept.size > 200) patternsKept.clear();
  patternsKept.set(pattern, parts);
  return parts;
}
