/**
 * Templates of `to_char`, `to_date`, `to_timestamp` and `to_number`: keywords with what modifies them, and the characters between. Keywords
 * are written in capitals or in small letters; of those that begin alike the first of their list is taken.
 */
import { SqlError } from "../../error.js";

export interface TemplateField {
  readonly kind: "field";
  /** The keyword as it is written: the case says how names are shown. */
  readonly written: string;
  /** The keyword in capitals. */
  readonly field: string;
  /** FM before it: nothing is filled, and what is read may have any width. */
  readonly isBare: boolean;
  /** TM before it: a name in the locale's words, which are English here, without the fill. */
  readonly isTranslated: boolean;
  /** TH or th behind it. */
  readonly ordinal: "TH" | "th" | null;
}

export type TemplatePart =
  | TemplateField
  /** One character: a sign of punctuation, white space, or any other. What stands between quotation marks is always `other`. */
  | { readonly kind: "separator" | "space" | "other"; readonly text: string };

export const isSpace = (character: string): boolean => character !== "" && " \t\n\v\f\r".includes(character);
export const isSeparator = (character: string): boolean => /^[!-/:-@[-`{-~]$/u.test(character);

/** Keywords in the order in which they are looked for; only dates have modifiers and separators. */
export interface TemplateLanguage {
  readonly keywords: readonly string[];
  readonly isOfDates: boolean;
  /** The SQL standard's: few separators, and other characters only between quotation marks. */
  readonly isStandard?: boolean;
}

const standardSeparators = "-./,':; ";

const codePointAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at) ?? 0);

/** Throws 22007 for a separator that is not the standard's. */
export function parseTemplate(
  template: string,
  { keywords, isOfDates, isStandard = false }: TemplateLanguage,
): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < template.length) {
    const prefix = isOfDates ? /^(?:FM|fm|TM|tm)/u.exec(template.slice(at, at + 2))?.[0].toUpperCase() : undefined;
    if (prefix !== undefined) at += 2;
    const written = keywords.find((keyword) => template.startsWith(keyword, at));
    if (written !== undefined) {
      at += written.length;
      const suffix = isOfDates ? /^(?:TH|th|SP|sp)/u.exec(template.slice(at, at + 2))?.[0] : undefined;
      if (suffix !== undefined) at += 2;
      parts.push({
        kind: "field",
        written,
        field: written.toUpperCase(),
        isBare: prefix === "FM",
        isTranslated: prefix === "TM",
        ordinal: suffix === "TH" || suffix === "th" ? suffix : null,
      });
      continue;
    }
    if (at >= template.length) break;
    if (isStandard && template[at] !== '"') {
      const text = codePointAt(template, at);
      if (!standardSeparators.includes(text))
        throw new SqlError("22007", `invalid datetime format separator: "${text}"`);
      parts.push({ kind: text === " " ? "space" : "separator", text });
      at += text.length;
      continue;
    }
    if (template[at] === '"') {
      at += 1;
      while (at < template.length && template[at] !== '"') {
        if (template[at] === "\\" && at + 1 < template.length) at += 1;
        const text = codePointAt(template, at);
        parts.push({ kind: "other", text });
        at += text.length;
      }
      at += 1;
      continue;
    }
    if (template[at] === "\\" && template[at + 1] === '"') at += 1;
    const text = codePointAt(template, at);
    parts.push({ kind: isOfDates && isSeparator(text) ? "separator" : isSpace(text) ? "space" : "other", text });
    at += text.length;
  }
  return parts;
}

/** What makes an ordinal of a number: st, nd, rd, th. */
export function ordinalSuffix(digits: string, style: "TH" | "th"): string {
  const last = digits.slice(-1);
  const isTeen = digits.at(-2) === "1";
  const suffix = isTeen ? "th" : last === "1" ? "st" : last === "2" ? "nd" : last === "3" ? "rd" : "th";
  return style === "TH" ? suffix.toUpperCase() : suffix;
}
