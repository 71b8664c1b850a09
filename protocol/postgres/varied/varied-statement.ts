/**
 * A statement with parameters in the places of constants that vary from text to text: clients that put values into texts themselves (psql
 * scripts, psycopg2, a dashboard) have one plan for all of them then, as those that bind values do.
 */
import type { WireValue } from "../../../actors/messages/sql.js";
import { variedMark } from "../../../actors/sql/varied-constants.js";
import type { Statement } from "../../../runtime/query/syntax/ast.js";
import { type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SourcePlace } from "../reports.js";
import type { CachedStatement, StatementCache } from "../statement.js";
import type { TextConstant, TextStatement } from "./constants-of-text.js";
import { isSurelyRead } from "./surely-read.js";
import { type VariedRole, variedPlaces } from "./varied-places.js";

export interface VariedStatement {
  readonly statement: CachedStatement;
  /** Of the text's constants, which are parameters, in order. */
  readonly varied: readonly number[];
  /** Those of them that are terms of a sum, which is then surely one. */
  readonly terms: ReadonlySet<number>;
  /** As they are given: of numbers what they are, 0 of texts. */
  readonly parameterTypes: readonly Oid[];
  /** What texts have to be readable as. */
  readonly readAs: readonly Oid[];
  /** The other constants have these values. */
  readonly fixed: ReadonlyMap<number, string>;
}

const encoder = new TextEncoder();

/** Characters of whole numbers of which any two have a sum that is a whole number of four bytes. */
const termCharactersMax = 9;

const isShortTerm = ({ type, value }: TextConstant): boolean =>
  type === typeOid.int4 && value.length <= termCharactersMax;

/** Values for a statement's parameters; null where one may have an error that tells its place. */
export function valuesFor(
  { varied, readAs, terms }: VariedStatement,
  constants: readonly TextConstant[],
): readonly WireValue[] | null {
  const values: WireValue[] = [];
  for (const [at, index] of varied.entries()) {
    const constant = constants[index];
    if (constant === undefined) return null;
    if (terms.has(index) && !isShortTerm(constant)) return null;
    if (constant.type === 0 && !isSurelyRead(constant.value, readAs[at] ?? 0)) return null;
    values.push({ format: 0, bytes: encoder.encode(constant.value) });
  }
  return values;
}

/** Those constants of a statement that may be parameters. */
export function variedIn(
  { text, constants }: TextStatement,
  written: CachedStatement,
  begins: number,
): readonly number[] {
  const roles = rolesOf(text, constants, written, begins);
  const areTermsShort = constants.every((constant, index) => roles[index] !== "term" || isShortTerm(constant));
  return [...constants.keys()].filter(
    (index) => roles[index] === "value" || (roles[index] === "term" && areTermsShort),
  );
}

function rolesOf(
  text: string,
  constants: readonly TextConstant[],
  written: CachedStatement,
  begins: number,
): readonly (VariedRole | undefined)[] {
  const places = variedPlaces(written.statement);
  const bytes = bytesCounter(text);
  const offset = written.offset - begins;
  return constants.map(({ start }) => places.get(bytes(start) - offset));
}

/**
 * The statement with parameters in place of some of its constants; null where they cannot stand there. Throws 42601 for some of these.
 *
 * @param begins bytes of the client's text before the statement's
 */
export function madeOf(
  { text, constants }: TextStatement,
  written: CachedStatement,
  begins: number,
  varied: readonly number[],
  statements: StatementCache,
): VariedStatement | null {
  const [statement, ...others] = varied.length === 0 ? [] : statements.statements(variedText(text, constants, varied));
  if (statement === undefined || others.length > 0 || statement.parameterCount !== varied.length) return null;
  const bytes = bytesCounter(text);
  const offset = written.offset - begins;
  const numbers = varied.map((index, at): [number, number] => [bytes(constants[index]?.start ?? 0) - offset, at + 1]);
  if (!isSameButVaried(written.statement, statement.statement, new Map(numbers))) return null;
  const fixed = constants.map(({ value }, index): [number, string] => [index, value]);
  const roles = rolesOf(text, constants, written, begins);
  return {
    statement,
    varied,
    terms: new Set(varied.filter((index) => roles[index] === "term")),
    parameterTypes: varied.map((index) => constants[index]?.type ?? 0),
    readAs: [],
    fixed: new Map(fixed.filter(([index]) => !varied.includes(index))),
  };
}

/** The text with parameters in place of some of its constants. */
function variedText(text: string, constants: readonly TextConstant[], varied: readonly number[]): string {
  let written = "";
  let copied = 0;
  for (const [at, index] of varied.entries()) {
    const constant = constants[index];
    assert(constant !== undefined, "a constant of the text");
    written += `${text.slice(copied, constant.start)}$${at + 1}`;
    copied = constant.end;
  }
  return `${written}${text.slice(copied)}${variedMark}`;
}

/** Where in the client's text stands what is said of the statement with parameters. */
export function placeIn(
  source: string,
  { text, start, constants }: TextStatement,
  { statement, varied }: VariedStatement,
): SourcePlace {
  const moved = (position: number): number => {
    const begins = Buffer.byteLength(source.slice(0, start));
    const bytes = bytesCounter(text);
    // How far what stands behind the last constant before it has moved.
    let shift = 0;
    for (const [at, index] of varied.entries()) {
      const constant = constants[index];
      if (constant === undefined || position - shift < bytes(constant.start)) break;
      const ends = bytes(constant.end);
      const shifted = shift + `$${at + 1}`.length - (ends - bytes(constant.start));
      if (position - shifted < ends) return begins + bytes(constant.start);
      shift = shifted;
    }
    return begins + position - shift;
  };
  return { text: source, offset: statement.offset, moved };
}

/** Counts the bytes before characters of a text that are asked for in order. */
function bytesCounter(text: string): (character: number) => number {
  let [characters, bytes] = [0, 0];
  return (character) => {
    if (character < characters) [characters, bytes] = [0, 0];
    bytes += Buffer.byteLength(text.slice(characters, character));
    characters = character;
    return bytes;
  };
}

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;

/** Whether two statements are the same but for parameters in the places of constants, each where it should be. */
function isSameButVaried(written: Statement, varied: Statement, parameterOf: ReadonlyMap<number, number>): boolean {
  const waiting: [unknown, unknown][] = [[written, varied]];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const [one, other] = pair;
    if (!isNode(one) || !isNode(other)) {
      if (one !== other) return false;
      continue;
    }
    const location = one["location"];
    const number = isConstantNode(one) && typeof location === "number" ? parameterOf.get(location) : undefined;
    if (number !== undefined) {
      if (other["kind"] !== "parameterName" || other["number"] !== number) return false;
      continue;
    }
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    for (const name of names) if (name !== "location") waiting.push([one[name], other[name]]);
  }
  return true;
}

const constantKinds = new Set<unknown>(["integerLiteral", "numberLiteral", "stringLiteral"]);
const isConstantNode = ({ kind }: Node): boolean => constantKinds.has(kind);
