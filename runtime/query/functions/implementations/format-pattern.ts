/** Patterns of `to_char`, `to_date` and `to_timestamp`: keywords with their modifiers, quoted text, and what stands between. */

export type DatePart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "field";
      readonly field: string;
      /** As written: the case says how names are shown. */
      readonly written: string;
      /** FM: no padding. */
      readonly isFilled: boolean;
      /** TH or th behind a number. */
      readonly ordinal: "TH" | "th" | null;
    };

/** Longest first, so that `MONTH` is no `MON`. */
const fields = (
  "SSSSS SSSS YYYY,YYY A.D. B.C. MONTH Month month Y,YYY YYYY IYYY A.M. P.M. a.d. b.c. a.m. p.m. IDDD HH12 HH24 " +
  "DAY Day day DDD IYY MON Mon mon TZH TZM YYY FF1 FF2 FF3 FF4 FF5 FF6 " +
  "AD BC AM PM ad bc am pm CC DD Dy DY dy HH ID IW IY MI MM MS OF Q RM rm SS TZ tz US WW YY D I J W Y"
).split(" ");
const lowerFields = new Map(fields.map((field) => [field.toLowerCase(), field]));
const byLength = [...new Set([...fields, ...lowerFields.keys()])].sort((a, b) => b.length - a.length);

function fieldAt(pattern: string, at: number): string | null {
  for (const field of byLength) if (pattern.startsWith(field, at)) return field;
  // Keywords are known in any case of letters; where the case matters, it was found above.
  const rest = pattern.slice(at, at + 7).toLowerCase();
  for (const field of byLength) if (rest.startsWith(field.toLowerCase())) return pattern.slice(at, at + field.length);
  return null;
}

export function parseDatePattern(pattern: string): DatePart[] {
  const parts: DatePart[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  let at = 0;
  let isFilled = false;
  while (at < pattern.length) {
    const two = pattern.slice(at, at + 2);
    if (two === "FM" || two === "fm") {
      isFilled = true;
      at += 2;
      continue;
    }
    if (two === "FX" || two === "fx" || two === "TM" || two === "tm") {
      at += 2;
      continue;
    }
    if (pattern[at] === '"') {
      at += 1;
      while (at < pattern.length && pattern[at] !== '"') {
        if (pattern[at] === "\\" && at + 1 < pattern.length) at += 1;
        text += pattern[at] ?? "";
        at += 1;
      }
      at += 1;
      continue;
    }
    if (pattern[at] === "\\" && pattern[at + 1] === '"') {
      text += '"';
      at += 2;
      continue;
    }
    const written = fieldAt(pattern, at);
    if (written === null) {
      text += pattern[at] ?? "";
      at += 1;
      continue;
    }
    flush();
    at += written.length;
    const suffix = pattern.slice(at, at + 2);
    const ordinal = suffix === "TH" || suffix === "th" ? suffix : null;
    if (ordinal !== null) at += 2;
    parts.push({ kind: "field", field: written.toUpperCase(), written, isFilled: !isFilled, ordinal });
    isFilled = false;
  }
  flush();
  return parts;
}

/** 1st, 2nd, 3rd, 4th. */
export function ordinalOf(digits: string, style: "TH" | "th"): string {
  const last = digits.slice(-1);
  const isTeen = digits.length > 1 && digits.at(-2) === "1";
  const suffix = isTeen ? "th" : last === "1" ? "st" : last === "2" ? "nd" : last === "3" ? "rd" : "th";
  return style === "TH" ? suffix.toUpperCase() : suffix;
}
