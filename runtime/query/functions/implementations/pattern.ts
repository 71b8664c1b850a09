/** LIKE, ILIKE, SIMILAR TO and the functions of regular expressions. */
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import { typeOid } from "../../types/sql-type.js";
import { type Implementation, nullably, sets, strictly } from "../define.js";
import { Regex, type RegexMatch } from "../regex/match.js";
import { defaultOptions, optionsOf } from "../regex/parse.js";
import { lower } from "./text.js";

/** Patterns kept ready at most: most are literals of a statement. */
const keptMax = 256;

function keep<T>(kept: Map<string, T>, key: string, make: () => T): T {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (kept.size >= keptMax) kept.clear();
  kept.set(key, made);
  return made;
}

/** A part of a LIKE pattern: text, any one character, any run of characters; an escape at the end, which is an error where text is left for it. */
type LikePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" }
  | { readonly kind: "openEscape" };

function likeParts(pattern: string): LikePart[] {
  const parts: LikePart[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  for (let at = 0; at < pattern.length; at += 1) {
    const unit = pattern[at] ?? "";
    if (unit === "\\") {
      at += 1;
      if (at >= pattern.length) {
        flush();
        parts.push({ kind: "openEscape" });
      } else text += pattern[at] ?? "";
    } else if (unit === "%" || unit === "_") {
      flush();
      if (unit === "_") parts.push({ kind: "one" });
      else if (parts.at(-1)?.kind !== "many") parts.push({ kind: "many" });
    } else text += unit;
  }
  flush();
  return parts;
}

type Matcher = (text: string) => boolean;

/** Most patterns are a prefix, a suffix, or a part: those need no walk. */
function likeMatcher(pattern: string): Matcher {
  const parts = likeParts(pattern);
  const kinds = parts.map(({ kind }) => kind).join(" ");
  const part = (index: number): string => {
    const found = parts[index];
    return found?.kind === "text" ? found.text : "";
  };
  switch (kinds) {
    case "":
      return (text) => text === "";
    case "text":
      return (text) => text === part(0);
    case "many":
      return () => true;
    case "text many": {
      const prefix = part(0);
      return (text) => text.startsWith(prefix);
    }
    case "many text": {
      const suffix = part(1);
      return (text) => text.endsWith(suffix);
    }
    case "many text many": {
      const inner = part(1);
      return (text) => text.includes(inner);
    }
    default:
      return (text) => walkLike(text, parts);
  }
}

const isPairStart = (text: string, at: number): boolean => (text.charCodeAt(at) & 0xfc00) === 0xd800;

/** After each run of any characters the earliest place that fits is right, so that only the last run is ever tried again. */
function walkLike(text: string, parts: readonly LikePart[]): boolean {
  let at = 0;
  let index = 0;
  let retryPart = -1;
  let retryAt = 0;
  for (;;) {
    const part = parts[index];
    if (part === undefined && at === text.length) return true;
    if (part?.kind === "many") {
      index += 1;
      retryPart = index;
      retryAt = at;
      continue;
    }
    if (part?.kind === "one" && at < text.length) {
      at += isPairStart(text, at) ? 2 : 1;
      index += 1;
      continue;
    }
    if (part?.kind === "text" && text.startsWith(part.text, at)) {
      at += part.text.length;
      index += 1;
      continue;
    }
    if (part?.kind === "openEscape" && at < text.length)
      throw new SqlError("22025", "LIKE pattern must not end with escape character");
    if (retryPart < 0 || retryAt >= text.length) return false;
    retryAt += isPairStart(text, retryAt) ? 2 : 1;
    const next = parts[retryPart];
    if (next?.kind === "text") {
      retryAt = text.indexOf(next.text, retryAt);
      if (retryAt < 0) return false;
    }
    at = retryAt;
    index = retryPart;
  }
}

const likeKept = new Map<string, Matcher>();
const matcherOf = (pattern: string): Matcher => keep(likeKept, pattern, () => likeMatcher(pattern));
export const like = (text: string, pattern: string): boolean => matcherOf(pattern)(text);
const ilike = (text: string, pattern: string): boolean => like(lower(text), lower(pattern));

/** A pattern with another escape character, as one with the backslash. */
function withEscape(pattern: string, escape: string): string {
  if (Array.from(escape).length > 1)
    throw new SqlError("22025", "invalid escape string", { hint: "Escape string must be empty or one character." });
  if (escape === "\\") return pattern;
  let result = "";
  let isEscaped = false;
  for (const character of pattern)
    if (isEscaped) {
      result += `\\${character}`;
      isEscaped = false;
    } else if (character === escape) isEscaped = true;
    else result += character === "\\" ? "\\\\" : character;
  return isEscaped ? `${result}\\` : result;
}

/** SIMILAR TO as a regular expression. */
function similarPattern(pattern: string, escape: string | null): string {
  if (escape !== null && Array.from(escape).length > 1)
    throw new SqlError("22025", "invalid escape string", { hint: "Escape string must be empty or one character." });
  let result = "^(?:";
  let quotes = 0;
  let isEscaped = false;
  let isInBracket = false;
  let bracketAt = 0;
  for (const character of pattern) {
    if (isEscaped) {
      if (character === '"' && !isInBracket) {
        if (quotes > 1)
          throw new SqlError(
            "2200C",
            "SQL regular expression may not contain more than two escape-double-quote separators",
          );
        // The first separator makes what is before it match the least, the second what is after it the most.
        result += quotes === 0 ? "){1,1}?(" : "){1,1}(?:";
        quotes += 1;
      } else result += `\\${character}`;
      isEscaped = false;
    } else if (escape !== null && character === escape) isEscaped = true;
    else if (isInBracket) {
      result += character === "\\" ? "\\\\" : character;
      if (character === "]" && bracketAt > 0) isInBracket = false;
      bracketAt += character === "^" && bracketAt === 0 ? 0 : 1;
    } else if (character === "[") {
      result += "[";
      isInBracket = true;
      bracketAt = 0;
    } else if (character === "%") result += ".*";
    else if (character === "_") result += ".";
    else if (character === "(") result += "(?:";
    else if (character === "\\" || character === "." || character === "^" || character === "$")
      result += `\\${character}`;
    else result += character;
  }
  return `${result})$`;
}

const regexKept = new Map<string, Regex>();

export function regexOf(pattern: string, flags: string): Regex {
  const regex = keep(regexKept, `${flags}/${pattern}`, () => new Regex(pattern, optionsOf(flags, defaultOptions)));
  regex.budget.reset();
  return regex;
}

/** A text as the matcher reads it, and pieces of it by the matcher's places. */
interface Subject {
  readonly codes: readonly number[];
  slice(from: number, to: number): string;
}

function subjectOf(text: string): Subject {
  if (!/[\ud800-\udfff]/.test(text)) {
    const codes: number[] = [];
    for (let at = 0; at < text.length; at += 1) codes.push(text.charCodeAt(at));
    return { codes, slice: (from, to) => text.slice(from, to) };
  }
  const characters = Array.from(text);
  return {
    codes: characters.map((character) => character.codePointAt(0) ?? 0),
    slice: (from, to) => characters.slice(from, to).join(""),
  };
}

const matches = (text: string, pattern: string, flags: string): boolean =>
  regexOf(pattern, flags).test(subjectOf(text).codes);

/** All matches one after the other; an empty one is followed by the next place. */
function* allMatches(regex: Regex, subject: Subject, from: number): Iterable<RegexMatch> {
  let at = from;
  while (at <= subject.codes.length) {
    const match = regex.find(subject.codes, at);
    if (match === null) return;
    yield match;
    at = match.to > match.from ? match.to : match.to + 1;
  }
}

/** Flags without `g`, and whether it was there. */
function splitFlags(
  flags: string,
  name: string,
  allowsGlobal: boolean,
): { readonly flags: string; readonly isGlobal: boolean } {
  const isGlobal = flags.includes("g");
  if (isGlobal && !allowsGlobal)
    throw new SqlError("22023", `${name} does not support the "global" option`, {
      hint: name === "regexp_match()" ? "Use the regexp_matches function instead." : undefined,
    });
  return { flags: flags.replaceAll("g", ""), isGlobal };
}

/** The groups of a match as texts, or all of it where there are none. */
function groupTexts(match: RegexMatch, subject: Subject): SqlArray {
  const items =
    match.groups.length === 0
      ? [subject.slice(match.from, match.to)]
      : match.groups.map((group) => (group === null ? null : subject.slice(group.from, group.to)));
  return new SqlArray(typeOid.text, items);
}

function firstGroups(text: string, pattern: string, given: string): Datum {
  const { flags } = splitFlags(given, "regexp_match()", false);
  const subject = subjectOf(text);
  const match = regexOf(pattern, flags).find(subject.codes, 0);
  return match === null ? null : groupTexts(match, subject);
}

function* everyGroups(text: string, pattern: string, given: string): Iterable<Datum> {
  const { flags, isGlobal } = splitFlags(given, "regexp_matches()", true);
  const subject = subjectOf(text);
  for (const match of allMatches(regexOf(pattern, flags), subject, 0)) {
    yield groupTexts(match, subject);
    if (!isGlobal) return;
  }
}

/** `\1` to `\9` are groups, `\&` is the match, `\\` a backslash. */
function expand(replacement: string, match: RegexMatch, subject: Subject): string {
  return replacement.replace(/\\(?:([1-9])|(&)|(\\)|)/gu, (whole, digit?: string, all?: string, backslash?: string) => {
    if (digit !== undefined) {
      const group = match.groups[Number(digit) - 1] ?? null;
      return group === null ? "" : subject.slice(group.from, group.to);
    }
    if (all !== undefined) return subject.slice(match.from, match.to);
    return backslash === undefined ? whole : "\\";
  });
}

/** Replaces the n-th match (all for 0) from a place on. */
function replace(text: string, pattern: string, replacement: string, flags: string, from: number, n: number): string {
  const subject = subjectOf(text);
  let result = "";
  let at = 0;
  let count = 0;
  for (const match of allMatches(regexOf(pattern, flags), subject, from - 1)) {
    count += 1;
    if (n !== 0 && count < n) continue;
    result += subject.slice(at, match.from) + expand(replacement, match, subject);
    at = match.to;
    if (n !== 0) break;
  }
  return result + subject.slice(at, subject.codes.length);
}

const invalidParameter = (name: string, value: number): SqlError =>
  new SqlError("22023", `invalid value for parameter "${name}": ${value}`);

function requirePositive(name: string, value: number): void {
  if (value < 1) throw invalidParameter(name, value);
}

function requireNotNegative(name: string, value: number): void {
  if (value < 0) throw invalidParameter(name, value);
}

function replaceNth(
  text: string,
  pattern: string,
  replacement: string,
  from: number,
  n: number,
  flags: string,
): string {
  requirePositive("start", from);
  requireNotNegative("n", n);
  return replace(text, pattern, replacement, splitFlags(flags, "regexp_replace()", true).flags, from, n);
}

function replaceFlagged(text: string, pattern: string, replacement: string, given: string): string {
  if (/^\d/u.test(given))
    throw new SqlError("22023", `invalid regular expression option: "${given.slice(0, 1)}"`, {
      hint: "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.",
    });
  const { flags, isGlobal } = splitFlags(given, "regexp_replace()", true);
  return replace(text, pattern, replacement, flags, 1, isGlobal ? 0 : 1);
}

function* split(text: string, pattern: string, given: string, name: string): Iterable<string> {
  const { flags } = splitFlags(given, name, false);
  const subject = subjectOf(text);
  let at = 0;
  for (const match of allMatches(regexOf(pattern, flags), subject, 0)) {
    // An empty match at the ends or right behind the last one splits nothing.
    if (match.from === match.to && (match.from === subject.codes.length || match.from === at)) {
      if (match.from === at) continue;
      break;
    }
    yield subject.slice(at, match.from);
    at = match.to;
  }
  yield subject.slice(at, subject.codes.length);
}

function count(text: string, pattern: string, from: number, flags: string): number {
  requirePositive("start", from);
  const found = splitFlags(flags, "regexp_count()", false);
  let total = 0;
  for (const _ of allMatches(regexOf(pattern, found.flags), subjectOf(text), from - 1)) total += 1;
  return total;
}

function nthMatch(
  text: string,
  pattern: string,
  from: number,
  n: number,
  flags: string,
  name: string,
): { readonly match: RegexMatch; readonly subject: Subject } | null {
  requirePositive("start", from);
  requirePositive("n", n);
  const subject = subjectOf(text);
  let left = n;
  for (const match of allMatches(regexOf(pattern, splitFlags(flags, name, false).flags), subject, from - 1)) {
    left -= 1;
    if (left === 0) return { match, subject };
  }
  return null;
}

function place(
  text: string,
  pattern: string,
  from: number,
  n: number,
  end: number,
  flags: string,
  group: number,
): number {
  if (end !== 0 && end !== 1) throw invalidParameter("endoption", end);
  requireNotNegative("subexpr", group);
  const found = nthMatch(text, pattern, from, n, flags, "regexp_instr()");
  if (found === null) return 0;
  const span = group === 0 ? found.match : (found.match.groups[group - 1] ?? null);
  if (span === null) return 0;
  return (end === 1 ? span.to : span.from) + 1;
}

function nthText(text: string, pattern: string, from: number, n: number, flags: string, group: number): Datum {
  requireNotNegative("subexpr", group);
  const found = nthMatch(text, pattern, from, n, flags, "regexp_substr()");
  if (found === null) return null;
  const span = group === 0 ? found.match : (found.match.groups[group - 1] ?? null);
  return span === null ? null : found.subject.slice(span.from, span.to);
}

/** What the first group matched, or the whole where there is none. */
function matchedPart(text: string, pattern: string): Datum {
  const subject = subjectOf(text);
  const match = regexOf(pattern, "").find(subject.codes, 0);
  if (match === null) return null;
  const span = match.groups.length === 0 ? match : (match.groups[0] ?? null);
  return span === null ? null : subject.slice(span.from, span.to);
}

const matchers = strictly({
  "textlike(text,text)": like,
  "textnlike(text,text)": (text, pattern) => !like(text, pattern),
  "namelike(name,text)": like,
  "namenlike(name,text)": (text, pattern) => !like(text, pattern),
  "bpcharlike(bpchar,text)": like,
  "bpcharnlike(bpchar,text)": (text, pattern) => !like(text, pattern),
  "like(text,text)": like,
  "notlike(text,text)": (text, pattern) => !like(text, pattern),
  "like(name,text)": like,
  "notlike(name,text)": (text, pattern) => !like(text, pattern),
  "texticlike(text,text)": ilike,
  "texticnlike(text,text)": (text, pattern) => !ilike(text, pattern),
  "nameiclike(name,text)": ilike,
  "nameicnlike(name,text)": (text, pattern) => !ilike(text, pattern),
  "bpchariclike(bpchar,text)": ilike,
  "bpcharicnlike(bpchar,text)": (text, pattern) => !ilike(text, pattern),
  "like_escape(text,text)": withEscape,
  "similar_to_escape(text)": (pattern) => similarPattern(pattern, "\\"),
  "similar_to_escape(text,text)": (pattern, escape) => similarPattern(pattern, escape === "" ? null : escape),
  "textregexeq(text,text)": (text, pattern) => matches(text, pattern, ""),
  "textregexne(text,text)": (text, pattern) => !matches(text, pattern, ""),
  "texticregexeq(text,text)": (text, pattern) => matches(text, pattern, "i"),
  "texticregexne(text,text)": (text, pattern) => !matches(text, pattern, "i"),
  "nameregexeq(name,text)": (text, pattern) => matches(text, pattern, ""),
  "nameregexne(name,text)": (text, pattern) => !matches(text, pattern, ""),
  "nameicregexeq(name,text)": (text, pattern) => matches(text, pattern, "i"),
  "nameicregexne(name,text)": (text, pattern) => !matches(text, pattern, "i"),
  "bpcharregexeq(bpchar,text)": (text, pattern) => matches(text, pattern, ""),
  "bpcharregexne(bpchar,text)": (text, pattern) => !matches(text, pattern, ""),
  "bpcharicregexeq(bpchar,text)": (text, pattern) => matches(text, pattern, "i"),
  "bpcharicregexne(bpchar,text)": (text, pattern) => !matches(text, pattern, "i"),
  "regexp_like(text,text)": (text, pattern) => matches(text, pattern, ""),
  "regexp_like(text,text,text)": (text, pattern, flags) =>
    matches(text, pattern, splitFlags(flags, "regexp_like()", false).flags),
  "regexp_match(text,text)": (text, pattern) => firstGroups(text, pattern, ""),
  "regexp_match(text,text,text)": firstGroups,
  "regexp_replace(text,text,text)": (text, pattern, replacement) => replace(text, pattern, replacement, "", 1, 1),
  "regexp_replace(text,text,text,text)": replaceFlagged,
  "regexp_replace(text,text,text,int4)": (text, pattern, replacement, from) =>
    replaceNth(text, pattern, replacement, from, 1, ""),
  "regexp_replace(text,text,text,int4,int4)": (text, pattern, replacement, from, n) =>
    replaceNth(text, pattern, replacement, from, n, ""),
  "regexp_replace(text,text,text,int4,int4,text)": (text, pattern, replacement, from, n, flags) =>
    replaceNth(text, pattern, replacement, from, n, flags),
  "regexp_split_to_array(text,text)": (text, pattern) =>
    new SqlArray(typeOid.text, [...split(text, pattern, "", "regexp_split_to_array()")]),
  "regexp_split_to_array(text,text,text)": (text, pattern, flags) =>
    new SqlArray(typeOid.text, [...split(text, pattern, flags, "regexp_split_to_array()")]),
  "regexp_count(text,text)": (text, pattern) => count(text, pattern, 1, ""),
  "regexp_count(text,text,int4)": (text, pattern, from) => count(text, pattern, from, ""),
  "regexp_count(text,text,int4,text)": (text, pattern, from, flags) => count(text, pattern, from, flags),
  "regexp_instr(text,text)": (text, pattern) => place(text, pattern, 1, 1, 0, "", 0),
  "regexp_instr(text,text,int4)": (text, pattern, from) => place(text, pattern, from, 1, 0, "", 0),
  "regexp_instr(text,text,int4,int4)": (text, pattern, from, n) => place(text, pattern, from, n, 0, "", 0),
  "regexp_instr(text,text,int4,int4,int4)": (text, pattern, from, n, end) => place(text, pattern, from, n, end, "", 0),
  "regexp_instr(text,text,int4,int4,int4,text)": (text, pattern, from, n, end, flags) =>
    place(text, pattern, from, n, end, flags, 0),
  "regexp_instr(text,text,int4,int4,int4,text,int4)": (text, pattern, from, n, end, flags, group) =>
    place(text, pattern, from, n, end, flags, group),
  "regexp_substr(text,text)": (text, pattern) => nthText(text, pattern, 1, 1, "", 0),
  "regexp_substr(text,text,int4)": (text, pattern, from) => nthText(text, pattern, from, 1, "", 0),
  "regexp_substr(text,text,int4,int4)": (text, pattern, from, n) => nthText(text, pattern, from, n, "", 0),
  "regexp_substr(text,text,int4,int4,text)": (text, pattern, from, n, flags) =>
    nthText(text, pattern, from, n, flags, 0),
  "regexp_substr(text,text,int4,int4,text,int4)": (text, pattern, from, n, flags, group) =>
    nthText(text, pattern, from, n, flags, group),
  "substring(text,text)": matchedPart,
  "substring(text,text,text)": (text, pattern, escape) => matchedPart(text, similarPattern(pattern, escape)),
});

const open = nullably({
  "similar_escape(text,text)": (pattern, escape) => (pattern === null ? null : similarPattern(pattern, escape ?? "\\")),
});

const rows = sets({
  "regexp_matches(text,text)": (text, pattern) => everyGroups(text, pattern, ""),
  "regexp_matches(text,text,text)": (text, pattern, flags) => everyGroups(text, pattern, flags),
  "regexp_split_to_table(text,text)": (text, pattern) => split(text, pattern, "", "regexp_split_to_table()"),
  "regexp_split_to_table(text,text,text)": (text, pattern, flags) =>
    split(text, pattern, flags, "regexp_split_to_table()"),
});

export const patterns: readonly Implementation[] = [...matchers, ...open, ...rows];
