/**
 * Constants of a text's statements, found without parsing it: statements that differ in nothing else have one skeleton. What could be read in
 * more than one way (comments, `E'…'`, `$…`, numbers in other bases) is left to the parser: such a text has no skeletons.
 */
import { int4Max, int4Min, int8Max, int8Min } from "../../../runtime/query/types/integer.js";
import { type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";

export interface TextConstant {
  /** Characters, from and to: a minus sign that belongs to it, or the quotes, are within. */
  readonly start: number;
  readonly end: number;
  readonly value: string;
  /** Of a number what PostgreSQL takes it for; 0 of a text, whose type its place says. */
  readonly type: Oid;
}

/** A statement of a text that may hold several. */
export interface TextStatement {
  /** Its own text, up to the semicolon. */
  readonly text: string;
  /** Where it begins in the whole text, in characters. */
  readonly start: number;
  readonly skeleton: string;
  /** Places count in its own text. */
  readonly constants: readonly TextConstant[];
}

const charactersMax = 65_536;
/** Of one statement. More is a load, which is planned once for many rows anyway. */
const statementCharactersMax = 8_192;
const constantsMax = 200;

const apostrophe = 0x27;
const minus = 0x2d;
const semicolon = 0x3b;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLetter = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code >= 0x80;
const isInWord = (code: number): boolean => isLetter(code) || isDigit(code) || code === 0x24;
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
const operatorCharacters: ReadonlySet<number> = new Set(Buffer.from("+-*/<>=~!@#%^&|`?"));
/** Behind these a minus belongs to the number that follows. */
const beforeSign: ReadonlySet<number> = new Set(Buffer.from("(,<=>+-*/%"));

/** Null for what only the parser reads, and for what is too long. */
export function statementsOf(text: string): readonly TextStatement[] | null {
  if (text.length > charactersMax) return null;
  const statements: TextStatement[] = [];
  let start = 0;
  while (start < text.length) {
    if (isSpace(text.charCodeAt(start))) {
      start += 1;
      continue;
    }
    const found = statementAt(text, start);
    if (found === null) return null;
    if (found.text !== "") statements.push(found);
    start += found.text.length + 1;
  }
  return statements;
}

function statementAt(text: string, start: number): TextStatement | null {
  const constants: TextConstant[] = [];
  let skeleton = "";
  let copied = start;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === semicolon) break;
    if (isLetter(code)) {
      at += 1;
      while (at < text.length && isInWord(text.charCodeAt(at))) at += 1;
      continue;
    }
    const isText = code === apostrophe;
    if (isText || isDigit(code)) {
      const constant = isText ? textAt(text, at) : numberAt(text, at);
      if (constant === null || constants.length === constantsMax) return null;
      constants.push({ ...constant, start: constant.start - start, end: constant.end - start });
      // A character that no statement has outside of its constants.
      skeleton += `${text.slice(copied, constant.start)}\u0001${constant.type}`;
      at = constant.end;
      copied = at;
      continue;
    }
    if (code === 0x22) {
      const end = quotedEnd(text, at, code);
      if (end < 0 || text.charCodeAt(at - 1) === 0x26) return null;
      at = end;
      continue;
    }
    if (!isPlain(text, at, code)) return null;
    at += 1;
  }
  if (at - start > statementCharactersMax) return null;
  return { text: text.slice(start, at), start, skeleton: skeleton + text.slice(copied, at), constants };
}

/** Whether what stands there begins no comment, parameter, quoted text or control character. */
function isPlain(text: string, at: number, code: number): boolean {
  const next = text.charCodeAt(at + 1);
  if (code === minus) return next !== minus;
  if (code === 0x2f) return next !== 0x2a;
  if (code === 0x2e) return !isDigit(next);
  return code !== 0x24 && (code >= 0x20 || isSpace(code));
}

/** Behind the closing quote; -1 where there is none. */
function quotedEnd(text: string, from: number, quote: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text.charCodeAt(at) !== quote) continue;
    if (text.charCodeAt(at + 1) !== quote) return at + 1;
    at += 1;
  }
  return -1;
}

function textAt(text: string, start: number): TextConstant | null {
  const before = text.charCodeAt(start - 1);
  const end = quotedEnd(text, start, apostrophe);
  if (end < 0 || isInWord(before) || before === 0x26) return null;
  let next = end;
  while (next < text.length && isSpace(text.charCodeAt(next))) next += 1;
  // Two behind one another may be one.
  if (text.charCodeAt(next) === apostrophe) return null;
  const inner = text.slice(start + 1, end - 1);
  return { start, end, value: inner.includes("'") ? inner.replaceAll("''", "'") : inner, type: 0 };
}

function numberAt(text: string, from: number): TextConstant | null {
  let end = from;
  let isWhole = true;
  const digits = (): void => {
    while (end < text.length && isDigit(text.charCodeAt(end))) end += 1;
  };
  digits();
  if (text[end] === ".") {
    isWhole = false;
    end += 1;
    digits();
  }
  const next = text.charCodeAt(end);
  if (text[from - 1] === "." || next === 0x2e || isInWord(next)) return null;
  const start = hasSign(text, from) ? from - 1 : from;
  const value = text.slice(start, end);
  return { start, end, value, type: isWhole ? wholeType(value) : typeOid.numeric };
}

/** An operator that has one of these may end in a minus. */
const mayEndInMinus = /[~!@#%^&|`?]/;

function hasSign(text: string, from: number): boolean {
  if (text.charCodeAt(from - 1) !== minus) return false;
  let begins = from - 1;
  while (begins > 0 && operatorCharacters.has(text.charCodeAt(begins - 1))) begins -= 1;
  if (mayEndInMinus.test(text.slice(begins, from - 1))) return false;
  let before = from - 2;
  while (before >= 0 && isSpace(text.charCodeAt(before))) before -= 1;
  return beforeSign.has(text.charCodeAt(before));
}

function wholeType(value: string): Oid {
  if (value.length < 10) return typeOid.int4;
  const number = BigInt(value);
  if (number >= BigInt(int4Min) && number <= BigInt(int4Max)) return typeOid.int4;
  return number >= int8Min && number <= int8Max ? typeOid.int8 : typeOid.numeric;
}
