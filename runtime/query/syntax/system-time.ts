/**
 * `FOR SYSTEM_TIME …` is not in PostgreSQL's grammar. It is found by the scanner's tokens, read here, and blanked by spaces of the same
 * length, so that every location of the rest stays true. Each clause belongs to the table reference it follows.
 *
 *   FOR SYSTEM_TIME AS OF POSITION p | TIMESTAMP t
 *   FOR SYSTEM_TIME FROM POSITION p | TIMESTAMP t TO POSITION p | TIMESTAMP t      versions true at some moment in [from, to)
 *   FOR SYSTEM_TIME ALL
 *
 * p is an integer or `$n`; t is a string or `$n`.
 */
import { SqlError } from "../error.js";
import type { Expression } from "./ast-expression.js";
import type { SystemTime, TimePoint } from "./ast-query.js";

/** A token of the scanner; byte offsets. */
export interface Token {
  readonly start: number;
  readonly end: number;
  /** As written. */
  readonly text: string;
  /** `RESERVED_KEYWORD`, `TYPE_FUNC_NAME_KEYWORD`, … */
  readonly keywordName: string;
}

export interface SystemTimeClause {
  readonly time: SystemTime;
  /** Bytes of the clause. */
  readonly start: number;
  readonly end: number;
  /** Where the words before it that may be a table and its alias begin, each; the nearest last. */
  readonly referenceStarts: readonly number[];
}

/** Whether it is worth scanning: the words may still be in a string or a comment. */
export const maySaySystemTime = (text: string): boolean => /\bsystem_time\b/i.test(text);

class TokenReader {
  readonly #tokens: readonly Token[];
  index: number;

  constructor(tokens: readonly Token[], index: number) {
    this.#tokens = tokens;
    this.index = index;
  }

  peek(ahead = 0): Token | null {
    return this.#tokens[this.index + ahead] ?? null;
  }

  is(word: string, ahead = 0): boolean {
    return this.peek(ahead)?.text.toLowerCase() === word;
  }

  expect(word: string): Token {
    const token = this.peek();
    if (token === null || !this.is(word)) throw syntaxErrorAt(token);
    this.index += 1;
    return token;
  }
}

const syntaxErrorAt = (token: Token | null): SqlError =>
  token === null
    ? new SqlError("42601", "syntax error at end of input")
    : new SqlError("42601", `syntax error at or near "${token.text}"`, { position: token.start });

function readPoint(reader: TokenReader): TimePoint {
  const word = reader.peek();
  if (word === null || !(reader.is("position") || reader.is("timestamp"))) throw syntaxErrorAt(word);
  const kind = reader.is("position") ? "position" : "timestamp";
  reader.index += 1;
  const token = reader.peek();
  if (token === null) throw syntaxErrorAt(null);
  reader.index += 1;
  return { kind, value: readValue(kind, token), location: word.start };
}

function readValue(kind: "position" | "timestamp", token: Token): Expression {
  const location = token.start;
  if (/^\$\d{1,5}$/.test(token.text)) return { kind: "parameterName", number: Number(token.text.slice(1)), location };
  if (kind === "position" && /^\d+$/.test(token.text)) {
    if (!Number.isSafeInteger(Number(token.text))) {
      throw new SqlError("22003", `position ${token.text} is out of range`, { position: location });
    }
    return { kind: "numberLiteral", text: token.text, location };
  }
  if (kind === "timestamp" && /^'[^\\]*'$/s.test(token.text)) {
    return { kind: "stringLiteral", text: token.text.slice(1, -1).replaceAll("''", "'"), location };
  }
  throw syntaxErrorAt(token);
}

/** The clauses of a text, in order. Throws 42601 for a clause that is begun and not well formed. */
export function readSystemTimes(tokens: readonly Token[]): readonly SystemTimeClause[] {
  const clauses: SystemTimeClause[] = [];
  for (let index = 0; index + 1 < tokens.length; index += 1) {
    const reader = new TokenReader(tokens, index);
    if (!reader.is("for") || !reader.is("system_time", 1)) continue;
    const first = reader.expect("for");
    reader.expect("system_time");
    const time = readTime(reader, first.start);
    const last = tokens[reader.index - 1];
    if (last === undefined) throw syntaxErrorAt(null);
    clauses.push({ time, start: first.start, end: last.end, referenceStarts: wordsBefore(tokens, index) });
    index = reader.index - 1;
  }
  return clauses;
}

function readTime(reader: TokenReader, location: number): SystemTime {
  if (reader.is("all")) {
    reader.index += 1;
    return { kind: "all", location };
  }
  if (reader.is("from")) {
    reader.index += 1;
    const from = readPoint(reader);
    reader.expect("to");
    return { kind: "between", from, to: readPoint(reader), location };
  }
  reader.expect("as");
  reader.expect("of");
  return { kind: "asOf", point: readPoint(reader), location };
}

/** Words that no table or alias is called without quotes: FROM, JOIN, LEFT, … */
const isBoundary = ({ text, keywordName }: Token): boolean =>
  (keywordName === "RESERVED_KEYWORD" || keywordName === "TYPE_FUNC_NAME_KEYWORD") && text.toLowerCase() !== "as";

/** Starts of the words directly before token `index`: names, points, AS. */
function wordsBefore(tokens: readonly Token[], index: number): readonly number[] {
  const starts: number[] = [];
  for (let at = index - 1; at >= 0 && starts.length < 8; at -= 1) {
    const token = tokens[at];
    if (
      token === undefined ||
      isBoundary(token) ||
      !(token.text === "." || /^(?:"|[a-z_\u0080-\uffff])/i.test(token.text))
    )
      break;
    starts.push(token.start);
  }
  return starts.toReversed();
}

/** The text with the clauses made blank. `bytes` is its UTF-8. */
export function blankSystemTimes(bytes: Uint8Array, clauses: readonly SystemTimeClause[]): string {
  const blanked = bytes.slice();
  for (const clause of clauses) blanked.fill(0x20, clause.start, clause.end);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(blanked);
}
