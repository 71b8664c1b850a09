/**
 * `to_char` of numbers and `to_number`: a template of digit places, `FM9,990.00`, `$`-like signs and grouping, exponent and Roman forms.
 * The locale is C: no currency sign, `,` groups and `.` points.
 */
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import {
  coefficientAt,
  Decimal,
  decimalFromInteger,
  decimalFromText,
  decimalText,
  roundDecimal,
} from "../../types/decimal.js";
import { absolute, fromNumber, multiply, signOf } from "../../types/decimal-arithmetic.js";
import { type Implementation, strictly } from "../define.js";
import { roundHalfEven } from "./float.js";
import { ordinalOf } from "./format-pattern.js";

type Token =
  | { readonly kind: "digit"; readonly isZero: boolean }
  | { readonly kind: "point" | "group" | "localGroup" | "sign" | "minus" | "plus" | "signed" | "brackets" | "currency" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "ordinal"; readonly style: "TH" | "th" };

interface Template {
  readonly tokens: readonly Token[];
  readonly before: number;
  readonly after: number;
  readonly isFilled: boolean;
  /** V: so many digits are moved before the point. */
  readonly shift: number;
  readonly hasExponent: boolean;
  readonly roman: "RN" | "rn" | null;
  readonly isBlankZero: boolean;
}

const keywords: readonly (readonly [word: string, kind: string])[] = [
  ["EEEE", "exponent"],
  ["FM", "fill"],
  ["PL", "plus"],
  ["MI", "minus"],
  ["SG", "signed"],
  ["PR", "brackets"],
  ["RN", "roman"],
  ["TH", "ordinal"],
  ["th", "ordinal"],
  ["9", "digit"],
  ["0", "digit"],
  [".", "point"],
  ["D", "point"],
  [",", "group"],
  ["G", "localGroup"],
  ["S", "sign"],
  ["L", "currency"],
  ["V", "shift"],
  ["B", "blank"],
];

function readTemplate(pattern: string): Template {
  const tokens: Token[] = [];
  const found = { before: 0, after: 0, isFilled: true, shift: 0, hasExponent: false, isBlankZero: false };
  let roman: Template["roman"] = null;
  let hasPoint = false;
  let isShifting = false;
  let at = 0;
  while (at < pattern.length) {
    if (pattern[at] === '"') {
      const quoted = /"((?:[^"\\]|\\.)*)"?/suy;
      quoted.lastIndex = at;
      const [whole = '"', text = ""] = quoted.exec(pattern) ?? [];
      tokens.push({ kind: "text", text: text.replace(/\\(.)/gsu, "$1") });
      at += whole.length;
      continue;
    }
    if (pattern[at] === "\\" && pattern[at + 1] === '"') {
      tokens.push({ kind: "text", text: '"' });
      at += 2;
      continue;
    }
    const match = keywords.find(
      ([word]) => pattern.startsWith(word, at) || pattern.slice(at, at + word.length).toUpperCase() === word,
    );
    if (match === undefined) {
      tokens.push({ kind: "text", text: pattern[at] ?? "" });
      at += 1;
      continue;
    }
    const [word, kind] = match;
    const written = pattern.slice(at, at + word.length);
    at += word.length;
    switch (kind) {
      case "digit":
        if (isShifting) found.shift += 1;
        if (hasPoint) found.after += 1;
        else found.before += 1;
        tokens.push({ kind: "digit", isZero: word === "0" });
        break;
      case "point":
        if (hasPoint) throw new SqlError("42601", "multiple decimal points");
        hasPoint = true;
        tokens.push({ kind: "point" });
        break;
      case "fill":
        found.isFilled = false;
        break;
      case "exponent":
        found.hasExponent = true;
        break;
      case "roman":
        roman = written === "rn" ? "rn" : "RN";
        break;
      case "shift":
        isShifting = true;
        break;
      case "blank":
        found.isBlankZero = true;
        break;
      case "ordinal":
        tokens.push({ kind: "ordinal", style: written === "th" ? "th" : "TH" });
        break;
      case "group":
      case "localGroup":
      case "sign":
      case "minus":
      case "plus":
      case "signed":
      case "brackets":
      case "currency":
        tokens.push({ kind });
        break;
      default:
    }
  }
  const has = (...kinds: readonly Token["kind"][]): boolean => tokens.some((token) => kinds.includes(token.kind));
  if (has("sign") && has("plus", "minus", "signed", "brackets"))
    throw new SqlError("42601", 'cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
  return { tokens, roman, ...found };
}

const romanDigits: readonly (readonly [value: number, text: string])[] = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

function romanText(value: bigint, isFilled: boolean): string {
  if (value < 1n || value > 3_999n) return "#".repeat(15);
  let left = Number(value);
  let text = "";
  for (const [size, letters] of romanDigits)
    while (left >= size) {
      text += letters;
      left -= size;
    }
  return isFilled ? text.padStart(15) : text;
}

function exponentText(value: Decimal, template: Template): string {
  if (value.special !== null)
    return ` ${"#".repeat(template.before)}${template.after > 0 ? `.${"#".repeat(template.after)}` : ""}####`;
  const digits = decimalText(absolute(value)).replace(".", "").replace(/^0+/u, "");
  const exponent = digits === "" ? 0 : digits.length - 1 - value.scale;
  const mantissa = new Decimal(absolute(value).coefficient, value.scale + exponent >= 0 ? value.scale + exponent : 0);
  let rounded = roundDecimal(mantissa, template.after);
  let shown = exponent;
  if (rounded.coefficient >= 10n ** BigInt(template.after + 1)) {
    rounded = roundDecimal(new Decimal(rounded.coefficient, rounded.scale + 1), template.after);
    shown += 1;
  }
  const sign = signOf(value) < 0 ? "-" : template.isFilled ? " " : "";
  return `${sign}${decimalText(rounded)}e${shown < 0 ? "-" : "+"}${String(Math.abs(shown)).padStart(2, "0")}`;
}

/** Digits as the places of a template have them, `#` for what does not fit. */
function digitsOf(value: Decimal, template: Template): { readonly before: string; readonly after: string } {
  const { before, after } = template;
  if (value.special !== null) return { before: "#".repeat(before), after: "#".repeat(after) };
  const rounded = coefficientAt(absolute(value), after)
    .toString()
    .padStart(after + 1, "0");
  const digits = rounded.slice(0, rounded.length - after).replace(/^0+/u, "");
  // Nothing at all is a zero.
  const whole = digits === "" && after === 0 ? "0" : digits;
  if (whole.length > before) return { before: "#".repeat(before), after: "#".repeat(after) };
  return { before: whole.padStart(before, " "), after: rounded.slice(rounded.length - after) };
}

function formatNumber(value: Decimal, pattern: string): Datum {
  const template = readTemplate(pattern);
  if (template.roman !== null) {
    const text = romanText(value.special === null ? coefficientAt(value, 0) : 0n, template.isFilled);
    return template.roman === "rn" ? text.toLowerCase() : text;
  }
  if (value.special === "NaN") return template.isFilled ? "NaN".padStart(template.before + 1) : "NaN";
  if (template.hasExponent) return exponentText(value, template);
  const shifted = template.shift === 0 ? value : multiply(value, new Decimal(10n ** BigInt(template.shift), 0));
  return layout(shifted, template);
}

function layout(value: Decimal, template: Template): string {
  const { tokens, isFilled } = template;
  const { before, after } = digitsOf(value, template);
  const isNegative = signOf(value) < 0 && /[1-9#]/u.test(before + after);
  const hasOwnSign = tokens.some(
    ({ kind }) => kind === "sign" || kind === "minus" || kind === "plus" || kind === "signed" || kind === "brackets",
  );
  const firstZero = firstZeroPlace(tokens);
  let sawPoint = false;
  let place = 0;
  let decimals = 0;
  let hasStarted = false;
  const parts: string[] = [];
  // The sign floats to the first digit, unless a token places it.
  const signText = isNegative ? "-" : tokens[0]?.kind === "sign" ? "+" : isFilled ? " " : "";
  // S before the digits is a sign that floats too, but a plus is shown.
  const isSignFloating = tokens[0]?.kind === "sign";
  let isSignShown = hasOwnSign && !isSignFloating;
  const lastDecimal = lastShownDecimal(after, template);
  const isPlaceShown = (index: number): boolean => before[index] !== " " || index >= firstZero;
  const firstShown = Array.from(before).findIndex((_, index) => isPlaceShown(index));
  for (const token of tokens) {
    switch (token.kind) {
      case "digit":
        if (sawPoint) {
          if (decimals <= lastDecimal || isFilled) parts.push(after[decimals] ?? "");
          decimals += 1;
          break;
        }
        if (!isSignShown && place === firstShown) {
          parts.push(signText);
          isSignShown = true;
        }
        if (isPlaceShown(place)) {
          parts.push(before[place] === " " ? "0" : (before[place] ?? ""));
          hasStarted = true;
        } else if (isFilled) parts.push(" ");
        place += 1;
        break;
      case "point":
        sawPoint = true;
        if (!isSignShown) {
          parts.push(signText);
          isSignShown = true;
        }
        if (
          !hasStarted &&
          before.length > 0 &&
          firstShown < 0 &&
          !isFilled &&
          after.replace(/0+$/u, "") === "" &&
          lastDecimal < 0
        )
          parts.push("0");
        if (after.length > 0 || isFilled) parts.push(".");
        break;
      case "group":
      case "localGroup":
        if (hasStarted) parts.push(",");
        else if (isFilled) parts.push(" ");
        break;
      case "sign":
        if (!isSignFloating) parts.push(isNegative ? "-" : "+");
        break;
      case "signed":
        parts.push(isNegative ? "-" : "+");
        break;
      case "minus":
        parts.push(isNegative ? "-" : isFilled ? " " : "");
        break;
      case "plus":
        parts.push(isNegative ? (isFilled ? " " : "") : "+");
        break;
      case "brackets":
        parts.push(isNegative ? ">" : isFilled ? " " : "");
        break;
      case "currency":
        if (isFilled) parts.push(" ");
        break;
      case "ordinal":
        if (!isNegative && value.special === null && after.length === 0 && !before.includes("#"))
          parts.push(ordinalOf(before.trim() === "" ? "0" : before.trim(), token.style));
        break;
      case "text":
        parts.push(token.text);
        break;
    }
  }
  if (!isSignShown) parts.push(signText);
  const text = parts.join("");
  if (tokens.some(({ kind }) => kind === "brackets") && isNegative) return text.replace(/^(\s*)(?=\S)/u, "$1<");
  return tokens.some(({ kind }) => kind === "brackets") && isFilled ? ` ${text}` : text;
}

/** Place of the first 0 before the point: from there on zeros are shown. */
function firstZeroPlace(tokens: readonly Token[]): number {
  let place = 0;
  for (const token of tokens) {
    if (token.kind === "point") break;
    if (token.kind !== "digit") continue;
    if (token.isZero) return place;
    place += 1;
  }
  return Number.POSITIVE_INFINITY;
}

/** With FM zeros at the end are not shown, but where the template has a 0. */
function lastShownDecimal(after: string, { tokens }: Template): number {
  let place = -1;
  let lastZero = -1;
  let sawPoint = false;
  for (const token of tokens)
    if (token.kind === "point") sawPoint = true;
    else if (token.kind === "digit" && sawPoint) {
      place += 1;
      if (token.isZero) lastZero = place;
    }
  return Math.max(lastZero, after.replace(/0+$/u, "").length - 1);
}

/** A number from a text by a template: digits, sign and point, all else passed over. */
function readNumber(text: string, pattern: string): Datum {
  const template = readTemplate(pattern);
  if (text === "" || pattern === "") return null;
  const isNegative = /-|<|\)$/u.test(text);
  const kept = text.replace(/[^\d.]/gu, "");
  const [whole = "", fraction = ""] = kept.split(".");
  if (whole.replace(/^0+/u, "").length > template.before) throw new SqlError("22003", "numeric field overflow");
  const digits = `${whole === "" ? "0" : whole.slice(0, Math.max(1, template.before))}.${fraction.slice(0, Math.max(0, template.after))}`;
  if (!/\d/u.test(kept))
    throw new SqlError("22P02", `invalid input syntax for type numeric: "${text.trim() === "" ? " " : text}"`);
  const value = decimalFromText(digits.endsWith(".") ? digits.slice(0, -1) : digits);
  return isNegative ? new Decimal(-value.coefficient, value.scale) : value;
}

/** A double with the decimals of the template, as C's `%.*f` rounds it (halves to even), and no more digits than it is exact in. */
function fixedDecimal(value: number, pattern: string, digits: number): Decimal {
  const { after, shift, hasExponent } = readTemplate(pattern);
  if (!Number.isFinite(value) || hasExponent || Math.abs(value) >= 1e21) return fromNumber(value, digits);
  const whole = Math.abs(Math.trunc(value)).toFixed(0).length;
  const places = Math.max(0, Math.min(after + shift, digits - whole));
  const text = value.toFixed(places);
  const scaled = value * 10 ** places;
  const isTie = Math.abs(scaled) < 2 ** 52 && Math.abs(scaled % 1) === 0.5;
  if (!isTie) return decimalFromText(text);
  return new Decimal(BigInt(roundHalfEven(scaled)), places);
}

export const numberFormats: readonly Implementation[] = strictly({
  "to_char(int4,text)": (value, pattern) => formatNumber(decimalFromInteger(value), pattern),
  "to_char(int8,text)": (value, pattern) => formatNumber(decimalFromInteger(value), pattern),
  "to_char(numeric,text)": (value, pattern) => formatNumber(value, pattern),
  "to_char(float8,text)": (value, pattern) => formatNumber(fixedDecimal(value, pattern, 15), pattern),
  "to_char(float4,text)": (value, pattern) => formatNumber(fixedDecimal(value, pattern, 6), pattern),
  "to_number(text,text)": (text, pattern) => readNumber(text, pattern),
});
