/** Functions of text. Places and lengths count characters; upper and lower case are those of Unicode, one character for one. */
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import { utf8 } from "../../types/bytes.js";
import { codecOf } from "../../types/codecs.js";
import type { Datum } from "../../types/datum.js";
import { Inet } from "../../types/inet.js";
import { inetText } from "../../types/inet-text.js";
import { int4Max, int4Min } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { quoteIdentifier, quoteLiteral } from "../../types/quote.js";
import { lowerAscii, trimSpaces } from "../../types/spaces.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import {
  byteCharacter,
  byteCharacterText,
  charLength,
  charSlice,
  limitChar,
  limitName,
  limitVarchar,
  textOf,
  trimEndSpaces,
} from "../../types/text.js";
import type { EvaluationContext } from "../context.js";
import { type CallTypes, type Implementation, nullably, strictly, variadics } from "../define.js";
import { reversed, translated } from "../text-units.js";

/** A value is 1 GB at most in PostgreSQL; ours are held to a quarter of that. */
const textUnitsMax = 268_435_456;
const tooLong = (): SqlError => new SqlError("54000", "requested length too large");

/** Characters one by one: what no single character becomes in the other case, stays. */
function mapCase(text: string, convert: (character: string) => string): string {
  const mapped = convert(text);
  if (mapped.length === text.length) return mapped;
  return Array.from(text, (character) => {
    const one = convert(character);
    return charLength(one) === 1 ? one : character;
  }).join("");
}

export const lower = (text: string): string => mapCase(text, (part) => part.toLowerCase());
export const upper = (text: string): string => mapCase(text, (part) => part.toUpperCase());

function capitalize(text: string): string {
  let isInWord = false;
  return Array.from(text, (character) => {
    const shown = isInWord ? lower(character) : upper(character);
    isInWord = /[\p{L}\p{N}]/u.test(character);
    return shown;
  }).join("");
}

/** `substr(text, from, count)` from 1; places before the text are empty. */
function substring(text: string, from: number, count: number | null): string {
  if (count === null) return charSlice(text, Math.max(from - 1, 0));
  if (count < 0) throw new SqlError("22011", "negative substring length not allowed");
  const end = from - 1 + count;
  if (end <= 0) return "";
  return charSlice(text, Math.max(from - 1, 0), end);
}

function overlay(text: string, replacement: string, from: number, count: number): string {
  if (from <= 0) throw new SqlError("22011", "negative substring length not allowed");
  if (from + count > int4Max) throw outOfRange("integer");
  return substring(text, 1, from - 1) + replacement + substring(text, from + count, null);
}

/** Place from 1 in characters, 0 when it is not there. */
function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : charLength(text.slice(0, at)) + 1;
}

function pad(text: string, length: number, fill: string, isLeft: boolean): string {
  if (length <= 0) return "";
  if (length > textUnitsMax) throw tooLong();
  const have = charLength(text);
  if (have >= length) return charSlice(text, 0, length);
  if (fill === "") return text;
  const missing = length - have;
  const filling = charSlice(fill.repeat(Math.ceil(missing / charLength(fill))), 0, missing);
  return isLeft ? filling + text : text + filling;
}

function trim(text: string, characters: string, isStart: boolean, isEnd: boolean): string {
  const set = new Set(characters);
  const all = Array.from(text);
  let from = 0;
  let to = all.length;
  if (isStart) while (from < to && set.has(all[from] ?? "")) from += 1;
  if (isEnd) while (to > from && set.has(all[to - 1] ?? "")) to -= 1;
  return all.slice(from, to).join("");
}

function repeat(text: string, count: number): string {
  if (count <= 0 || text === "") return "";
  if (text.length * count > textUnitsMax) throw tooLong();
  return text.repeat(count);
}

function splitPart(text: string, delimiter: string, n: number): string {
  if (n === 0) throw new SqlError("22023", "field position must not be zero");
  const parts = delimiter === "" ? [text] : text.split(delimiter);
  return parts[n > 0 ? n - 1 : parts.length + n] ?? "";
}

function leading(text: string, count: number): string {
  return charSlice(text, 0, count >= 0 ? count : Math.max(0, charLength(text) + count));
}

function trailing(text: string, count: number): string {
  const length = charLength(text);
  return charSlice(text, count >= 0 ? Math.max(0, length - count) : Math.min(length, -count));
}

function character(code: number): string {
  if (code === 0) throw new SqlError("54000", "null character not permitted");
  if (code < 0) throw new SqlError("22023", "character number must be positive");
  if (code > 0x10_ffff) throw new SqlError("54000", `requested character too large for encoding: ${code}`);
  if (code >= 0xd800 && code <= 0xdfff)
    throw new SqlError("54000", `requested character not valid for encoding: ${code}`);
  return String.fromCodePoint(code);
}

const outputOf = (value: Datum, type: Oid, context: EvaluationContext): string | null =>
  value === null ? null : codecOf(type).output(value, context);

/** What a cast to text gives, which is not the output of every type. */
function castText(value: Datum, type: Oid, context: EvaluationContext): string | null {
  if (typeof value === "boolean") return value ? "true" : "false";
  // An address has its prefix there always.
  if (value instanceof Inet) return inetText("cidr", value);
  const text = outputOf(value, type, context);
  return type === typeOid.bpchar && text !== null ? trimEndSpaces(text) : text;
}

/** `format('%-10s|%I|%L|%%', …)`. */
function format(args: readonly Datum[], context: EvaluationContext, { args: types }: CallTypes): Datum {
  const [pattern = null] = args;
  if (pattern === null) return null;
  const text = textOf(pattern);
  let next = 1;
  const take = (place: number | null): { readonly value: Datum; readonly type: Oid } => {
    const index = place ?? next;
    if (index >= args.length) throw new SqlError("22023", "too few arguments for format()");
    next = index + 1;
    return { value: args[index] ?? null, type: types[index] ?? typeOid.text };
  };
  let result = "";
  let at = 0;
  while (at < text.length) {
    const percent = text.indexOf("%", at);
    if (percent < 0) break;
    result += text.slice(at, percent);
    const match = /^%(?:%|(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?(.)?)/su.exec(text.slice(percent));
    if (match === null || match[0] === "%%") {
      result += "%";
      at = percent + 2;
      continue;
    }
    const [whole, place, minus, width, widthPlace, kind] = match;
    at = percent + whole.length;
    if (place === "0" || widthPlace === "0")
      throw new SqlError("22023", "format specifies argument 0, but arguments are numbered from 1");
    const isStar = whole.includes("*");
    let size = isStar
      ? Number(take(widthPlace === undefined ? null : Number(widthPlace)).value ?? 0)
      : Number(width ?? "0");
    const isLeft = minus !== undefined || size < 0;
    size = Math.abs(size);
    if (kind === undefined)
      throw new SqlError("22023", "unterminated format() type specifier", {
        hint: 'For a single "%" use "%%".',
      });
    if (kind !== "s" && kind !== "I" && kind !== "L")
      throw new SqlError("22023", `unrecognized format() type specifier "${kind}"`, {
        hint: 'For a single "%" use "%%".',
      });
    const { value, type } = take(place === undefined ? null : Number(place));
    const shown = formatted(kind, outputOf(value, type, context));
    const missing = " ".repeat(Math.max(0, size - charLength(shown)));
    result += isLeft ? shown + missing : missing + shown;
  }
  return result + text.slice(at);
}

function formatted(kind: "s" | "I" | "L", text: string | null): string {
  if (kind === "s") return text ?? "";
  if (kind === "L") return text === null ? "NULL" : quoteLiteral(text);
  if (text === null) throw new SqlError("22004", "null values cannot be formatted as an SQL identifier");
  return quoteIdentifier(text);
}

function concatWith(args: readonly Datum[], context: EvaluationContext, { args: types }: CallTypes): Datum {
  const [separator = null, ...values] = args;
  if (separator === null) return null;
  const texts = values.map((value, index) => outputOf(value, types[index + 1] ?? typeOid.text, context));
  return texts.filter((text) => text !== null).join(textOf(separator));
}

export function splitText(text: string, delimiter: string | null, nullText: string | null): (string | null)[] {
  if (text === "") return [];
  const parts = delimiter === null ? Array.from(text) : delimiter === "" ? [text] : text.split(delimiter);
  return nullText === null ? parts : parts.map((part) => (part === nullText ? null : part));
}

const textArray = (items: readonly Datum[]): SqlArray => new SqlArray(typeOid.text, items);

function parseIdentifiers(text: string, isStrict: boolean): SqlArray {
  const names: string[] = [];
  let rest = trimSpaces(text);
  const fail = (detail?: string): SqlError =>
    new SqlError("22023", `string is not a valid identifier: "${text}"`, { detail });
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"[ \t-\r]*/u.exec(rest);
    const plain = /^[a-z_\u0080-\u{10ffff}][a-z0-9_$\u0080-\u{10ffff}]*[ \t-\r]*/iu.exec(rest);
    if (quoted !== null) {
      const name = (quoted[1] ?? "").replaceAll('""', '"');
      if (name === "") throw fail("Quoted identifier must not be empty.");
      names.push(name);
      rest = rest.slice(quoted[0].length);
    } else if (rest.startsWith('"')) throw fail("String has unclosed double quotes.");
    else if (plain !== null) {
      names.push(lowerAscii(trimSpaces(plain[0])));
      rest = rest.slice(plain[0].length);
    } else if (names.length > 0) throw fail('No valid identifier after ".".');
    else if (rest.startsWith(".")) throw fail('No valid identifier before ".".');
    else throw fail();
    if (rest.startsWith(".")) rest = trimSpaces(rest.slice(1));
    else if (rest === "" || !isStrict) return textArray(names);
    else throw fail();
  }
}

/** `\0041`, `\u0041`, `\U00000041` and `\\`. */
function unescapeUnicode(text: string): string {
  const result = text.replace(
    /\\(?:\\|([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/gu,
    (
      whole,
      four: string | undefined,
      six: string | undefined,
      small: string | undefined,
      large: string | undefined,
    ) => {
      if (whole === "\\\\") return "\\";
      const digits = four ?? six ?? small ?? large;
      if (digits === undefined)
        throw new SqlError("42601", "invalid Unicode escape", {
          hint: "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.",
        });
      const code = Number.parseInt(digits, 16);
      if (code === 0 || code > 0x10_ffff)
        throw new SqlError("22023", `invalid Unicode code point: ${code.toString(16).toUpperCase().padStart(4, "0")}`);
      return code >= 0xd800 && code <= 0xdfff ? String.fromCharCode(code) : String.fromCodePoint(code);
    },
  );
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(result))
    throw new SqlError("42601", "invalid Unicode surrogate pair");
  return result;
}

type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

function normalForm(name: string): NormalForm {
  const upperName = name.toUpperCase();
  if (upperName === "NFC" || upperName === "NFD" || upperName === "NFKC" || upperName === "NFKD") return upperName;
  throw new SqlError("22023", `invalid normalization form: ${name}`);
}

function numberArgument(value: number): number {
  if (value > int4Max || value < int4Min) throw outOfRange("integer");
  return value;
}

const plain = strictly({
  "lower(text)": (text) => lower(text),
  "upper(text)": (text) => upper(text),
  "initcap(text)": (text) => capitalize(text),
  "length(text)": (text) => charLength(text),
  "length(bpchar)": (text) => charLength(trimEndSpaces(text)),
  "char_length(text)": (text) => charLength(text),
  "char_length(bpchar)": (text) => charLength(trimEndSpaces(text)),
  "character_length(text)": (text) => charLength(text),
  "character_length(bpchar)": (text) => charLength(trimEndSpaces(text)),
  "textlen(text)": (text) => charLength(text),
  "octet_length(text)": (text) => utf8(text).length,
  "octet_length(bpchar)": (text) => utf8(text).length,
  "bit_length(text)": (text) => utf8(text).length * 8,
  "substr(text,int4)": (text, from) => substring(text, from, null),
  "substr(text,int4,int4)": (text, from, count) => substring(text, from, count),
  "substring(text,int4)": (text, from) => substring(text, from, null),
  "substring(text,int4,int4)": (text, from, count) => substring(text, from, count),
  "overlay(text,text,int4,int4)": (text, part, from, count) => overlay(text, part, from, count),
  "overlay(text,text,int4)": (text, part, from) => overlay(text, part, from, charLength(part)),
  "position(text,text)": (text, part) => position(text, part),
  "strpos(text,text)": (text, part) => position(text, part),
  "lpad(text,int4)": (text, length) => pad(text, length, " ", true),
  "lpad(text,int4,text)": (text, length, fill) => pad(text, length, fill, true),
  "rpad(text,int4)": (text, length) => pad(text, length, " ", false),
  "rpad(text,int4,text)": (text, length, fill) => pad(text, length, fill, false),
  "ltrim(text)": (text) => trim(text, " ", true, false),
  "ltrim(text,text)": (text, characters) => trim(text, characters, true, false),
  "rtrim(text)": (text) => trimEndSpaces(text),
  "rtrim(text,text)": (text, characters) => trim(text, characters, false, true),
  "btrim(text)": (text) => trim(text, " ", true, true),
  "btrim(text,text)": (text, characters) => trim(text, characters, true, true),
  "translate(text,text,text)": (text, from, to) => translated(text, from, to),
  "replace(text,text,text)": (text, from, to) => (from === "" ? text : text.replaceAll(from, () => to)),
  "repeat(text,int4)": (text, count) => repeat(text, count),
  "reverse(text)": (text) => reversed(text),
  "split_part(text,text,int4)": (text, delimiter, n) => splitPart(text, delimiter, n),
  "left(text,int4)": (text, count) => leading(text, count),
  "right(text,int4)": (text, count) => trailing(text, count),
  "starts_with(text,text)": (text, prefix) => text.startsWith(prefix),
  "ascii(text)": (text) => text.codePointAt(0) ?? 0,
  "chr(int4)": (code) => character(numberArgument(code)),
  "textcat(text,text)": (a, b) => a + b,
  "nameconcatoid(name,oid)": (name, oid) => `${name}_${oid}`,
  "quote_ident(text)": (name) => quoteIdentifier(name),
  "quote_literal(text)": (text) => quoteLiteral(text),
  "quote_literal(anyelement)": (value, context, types) =>
    quoteLiteral(castText(value, types.args[0] ?? 0, context) ?? ""),
  "parse_ident(text,bool)": (text, isStrict) => parseIdentifiers(text, isStrict),
  "unistr(text)": (text) => unescapeUnicode(text),
  "normalize(text,text)": (text, form) => text.normalize(normalForm(form)),
  "is_normalized(text,text)": (text, form) => text === text.normalize(normalForm(form)),
  "text(bpchar)": (text) => trimEndSpaces(text),
  "text(name)": (name) => name,
  "text(char)": (text) => byteCharacterText(text),
  "text(bool)": (value) => (value ? "true" : "false"),
  "char(text)": (text) => byteCharacter(text),
  "name(text)": (text) => limitName(text),
  "name(bpchar)": (text) => limitName(trimEndSpaces(text)),
  "name(varchar)": (text) => limitName(text),
  "varchar(name)": (name) => name,
  "bpchar(name)": (name) => name,
  "bpchar(char)": (text) => text,
  "bpchar(bpchar,int4,bool)": (text, modifier, isExplicit) => limitChar(text, modifier, isExplicit),
  "varchar(varchar,int4,bool)": (text, modifier, isExplicit) => limitVarchar(text, modifier, isExplicit),
});

const anyText = strictly({
  "textanycat(text,anynonarray)": (text, value, context, types) =>
    text + (castText(value, types.args[1] ?? 0, context) ?? ""),
  "anytextcat(anynonarray,text)": (value, text, context, types) =>
    (castText(value, types.args[0] ?? 0, context) ?? "") + text,
});

const open = nullably({
  "quote_nullable(text)": (text) => (text === null ? "NULL" : quoteLiteral(text)),
  "quote_nullable(anyelement)": (value, context, types) =>
    value === null ? "NULL" : quoteLiteral(castText(value, types.args[0] ?? 0, context) ?? ""),
  "string_to_array(text,text)": (text, delimiter) =>
    text === null ? null : textArray(splitText(text, delimiter, null)),
  "string_to_array(text,text,text)": (text, delimiter, nullText) =>
    text === null ? null : textArray(splitText(text, delimiter, nullText)),
});

const many = variadics({
  "concat(any)": (args, context, { args: types }) =>
    args.map((value, index) => outputOf(value, types[index] ?? typeOid.text, context) ?? "").join(""),
  "concat_ws(text,any)": concatWith,
  "format(text,any)": format,
});

const single = nullably({
  "format(text)": (text, context) =>
    text === null ? null : format([text], context, { args: [typeOid.text], result: typeOid.text }),
});

export const texts: readonly Implementation[] = [...plain, ...anyText, ...open, ...many, ...single];
