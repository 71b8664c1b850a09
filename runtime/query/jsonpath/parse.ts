/**
 * The grammar of jsonpath. Values and predicates are told apart by what they are, not by where they stand: `(…)` may be either, and an
 * error names the first word with which no path goes on.
 */
import { SqlError } from "../error.js";
import { Regex } from "../functions/regex/match.js";
import { defaultOptions, type RegexOptions } from "../functions/regex/parse.js";
import { Decimal, decimalFromText } from "../types/decimal.js";
import { negate } from "../types/decimal-arithmetic.js";
import { int4Max } from "../types/integer.js";
import { outOfRangeText } from "../types/invalid.js";
import type { BinaryOperator, ItemBody, JsonPath, MethodName, PathItem, Subscript } from "./item.js";
import { pathError, Scanner, type Token } from "./scan.js";

/** Items within one another, and one behind another, at most: an evaluation stands within all of them at once. */
const pathDepthMax = 500;
/** Parentheses, subscripts and signs within one another at most. Each takes some ten calls, so that 200 are as deep as 500 items. */
const nestingMax = 200;

const regexFlags: readonly string[] = ["i", "s", "m", "x", "q"];

interface Parsed {
  readonly item: PathItem;
  readonly isPredicate: boolean;
}

const comparisons: ReadonlyMap<string, BinaryOperator> = new Map<string, BinaryOperator>([
  ["==", "=="],
  ["!=", "!="],
  ["<>", "!="],
  ["<", "<"],
  [">", ">"],
  ["<=", "<="],
  [">=", ">="],
]);
const sums: ReadonlyMap<string, BinaryOperator> = new Map<string, BinaryOperator>([
  ["+", "+"],
  ["-", "-"],
]);
const products: ReadonlyMap<string, BinaryOperator> = new Map<string, BinaryOperator>([
  ["*", "*"],
  ["/", "/"],
  ["%", "%"],
]);
const methods: ReadonlyMap<string, MethodName> = new Map<string, MethodName>(
  (["type", "size", "abs", "floor", "ceiling", "double", "keyvalue"] as const).map((name) => [name, name]),
);

const tooDeep = (): SqlError =>
  new SqlError("54001", "stack depth limit exceeded", {
    hint: `A jsonpath has at most ${pathDepthMax} items, and ${nestingMax} parentheses, within one another.`,
  });

function partsOf(body: ItemBody): readonly PathItem[] {
  switch (body.kind) {
    case "subscripts":
      return body.subscripts.flatMap(({ from, to }) => (to === null ? [from] : [from, to]));
    case "filter":
    case "not":
    case "isUnknown":
    case "exists":
      return [body.argument];
    case "binary":
      return [body.left, body.right];
    case "sign":
      return [body.operand];
    case "likeRegex":
      return [body.subject];
    default:
      return [];
  }
}

function linked(body: ItemBody, next: PathItem | null): PathItem {
  const depth = 1 + partsOf(body).reduce((deepest, part) => Math.max(deepest, part.depth), next?.depth ?? 0);
  if (depth > pathDepthMax) throw tooDeep();
  return { ...body, next, depth };
}

const single = (body: ItemBody): PathItem => linked(body, null);

/** The path with these items behind its last one. */
function chained(first: PathItem, behind: readonly ItemBody[]): PathItem {
  const bodies: ItemBody[] = [];
  for (let item: PathItem | null = first; item !== null; item = item.next) bodies.push(item);
  return [...bodies, ...behind].reduceRight<PathItem | null>((next, body) => linked(body, next), null) ?? first;
}

const predicate = (body: ItemBody): Parsed => ({ item: single(body), isPredicate: true });
const value = (item: PathItem): Parsed => ({ item, isPredicate: false });

/** How `like_regex` reads its pattern. Throws 0A000 for the flag `x`, as PostgreSQL does. */
function regexOptions(flags: string): RegexOptions {
  const ignoresCase = flags.includes("i");
  if (flags.includes("q")) return { ...defaultOptions, ignoresCase, isLiteral: true };
  if (flags.includes("x"))
    throw new SqlError("0A000", 'XQuery "x" flag (expanded regular expressions) is not implemented');
  return {
    ...defaultOptions,
    ignoresCase,
    dotExcludesNewLine: !flags.includes("s"),
    anchorsAtLines: flags.includes("m"),
  };
}

/** Null for a text with nothing in it. Throws 42601, 22P02, 22P05, 2201B, 54001. */
export function parseJsonPath(text: string): JsonPath | null {
  return new Parser(text).document();
}

class Parser {
  readonly #scanner: Scanner;
  #token: Token;
  #depth = 0;

  constructor(text: string) {
    this.#scanner = new Scanner(text);
    this.#token = this.#scanner.next();
  }

  document(): JsonPath | null {
    if (this.#token.kind === "end") return null;
    const isStrict = this.#takes("keyword", "strict");
    if (!isStrict) this.#takes("keyword", "lax");
    const { item } = this.#either();
    if (!this.#is("end", "")) throw this.#unexpected();
    checkPlaces(item, 0, false);
    return { isStrict, root: item };
  }

  #unexpected(): SqlError {
    return pathError("syntax error", this.#token.near);
  }

  #advance(): Token {
    const token = this.#token;
    this.#token = this.#scanner.next();
    return token;
  }

  #is(kind: Token["kind"], text: string): boolean {
    return this.#token.kind === kind && this.#token.text === text;
  }

  #takes(kind: Token["kind"], text: string): boolean {
    const isIt = this.#is(kind, text);
    if (isIt) this.#advance();
    return isIt;
  }

  #symbol(text: string): void {
    if (!this.#takes("symbol", text)) throw this.#unexpected();
  }

  #keyword(text: string): void {
    if (!this.#takes("keyword", text)) throw this.#unexpected();
  }

  #string(): string {
    if (this.#token.kind !== "string") throw this.#unexpected();
    return this.#advance().text;
  }

  #within<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > nestingMax) throw tooDeep();
    const parsed = parse();
    this.#depth -= 1;
    return parsed;
  }

  /** An operand of the kind that is asked for, else an error at the word behind it. */
  #of(isPredicate: boolean, parsed: Parsed): PathItem {
    if (parsed.isPredicate !== isPredicate) throw this.#unexpected();
    return parsed.item;
  }

  #expression(): PathItem {
    return this.#of(false, this.#either(false));
  }

  /** `mayBePredicate` is about what stands at the very beginning: in parentheses there may be one all the same. */
  #either(mayBePredicate = true): Parsed {
    if (!mayBePredicate) return this.#sum(false);
    let left = this.#and();
    while (this.#is("symbol", "||")) left = this.#connected("||", left, () => this.#and());
    return left;
  }

  #and(): Parsed {
    let left = this.#comparison();
    while (this.#is("symbol", "&&")) left = this.#connected("&&", left, () => this.#comparison());
    return left;
  }

  #connected(operator: "&&" | "||", parsed: Parsed, operand: () => Parsed): Parsed {
    const left = this.#of(true, parsed);
    this.#advance();
    return predicate({ kind: "binary", operator, left, right: this.#of(true, operand()) });
  }

  #comparison(): Parsed {
    const left = this.#sum(true);
    if (left.isPredicate) return left;
    const operator = this.#token.kind === "symbol" ? comparisons.get(this.#token.text) : undefined;
    if (operator !== undefined) {
      this.#advance();
      return predicate({ kind: "binary", operator, left: left.item, right: this.#expression() });
    }
    if (this.#takes("keyword", "starts")) {
      this.#keyword("with");
      return predicate({ kind: "binary", operator: "starts with", left: left.item, right: this.#initial() });
    }
    return this.#takes("keyword", "like_regex") ? this.#likeRegex(left.item) : left;
  }

  #initial(): PathItem {
    const { kind } = this.#token;
    if (kind === "string") return single({ kind, value: this.#advance().text });
    if (kind === "variable") return single({ kind, name: this.#advance().text });
    throw this.#unexpected();
  }

  #likeRegex(subject: PathItem): Parsed {
    const pattern = this.#string();
    const letters = this.#takes("keyword", "flag") ? this.#string() : "";
    for (const letter of letters)
      if (!regexFlags.includes(letter))
        throw new SqlError("42601", "invalid input syntax for type jsonpath", {
          detail: `Unrecognized flag character "${letter}" in LIKE_REGEX predicate.`,
        });
    const flags = regexFlags.filter((letter) => letters.includes(letter)).join("");
    return predicate({ kind: "likeRegex", subject, pattern, flags, regex: new Regex(pattern, regexOptions(flags)) });
  }

  #sum(mayBePredicate: boolean): Parsed {
    return this.#leftToRight(sums, mayBePredicate, (may) => this.#product(may));
  }

  #product(mayBePredicate: boolean): Parsed {
    return this.#leftToRight(products, mayBePredicate, (may) => this.#signed(may));
  }

  #leftToRight(
    operators: ReadonlyMap<string, BinaryOperator>,
    mayBePredicate: boolean,
    operand: (mayBePredicate: boolean) => Parsed,
  ): Parsed {
    let left = operand(mayBePredicate);
    for (;;) {
      const operator = this.#token.kind === "symbol" ? operators.get(this.#token.text) : undefined;
      if (operator === undefined) return left;
      const first = this.#of(false, left);
      this.#advance();
      const right = this.#of(false, operand(false));
      left = value(single({ kind: "binary", operator, left: first, right }));
    }
  }

  #signed(mayBePredicate: boolean): Parsed {
    for (const operator of ["+", "-"] as const) if (this.#takes("symbol", operator)) return this.#sign(operator);
    const isNegation = this.#is("symbol", "!");
    if (!isNegation && !this.#is("keyword", "exists")) return this.#accessed(mayBePredicate);
    if (!mayBePredicate) throw this.#unexpected();
    if (!isNegation) return this.#exists();
    this.#advance();
    const argument = this.#is("keyword", "exists") ? this.#exists().item : this.#enclosed(true);
    return predicate({ kind: "not", argument });
  }

  #sign(operator: "+" | "-"): Parsed {
    const operand = this.#within(() => this.#of(false, this.#signed(false)));
    if (operand.kind !== "number" || operand.next !== null) return value(single({ kind: "sign", operator, operand }));
    return value(operator === "+" ? operand : single({ kind: "number", value: negate(operand.value) }));
  }

  #exists(): Parsed {
    this.#advance();
    return predicate({ kind: "exists", argument: this.#enclosed(false) });
  }

  /** `( … )` with a predicate or a value within. */
  #enclosed(isPredicate: boolean): PathItem {
    this.#symbol("(");
    const item = this.#within(() => this.#of(isPredicate, this.#either(isPredicate)));
    this.#symbol(")");
    return item;
  }

  /** A value with what is asked of it. */
  #accessed(mayBePredicate: boolean): Parsed {
    if (!this.#takes("symbol", "(")) return value(chained(this.#primary(), this.#accessors()));
    const inner = this.#within(() => this.#either());
    this.#symbol(")");
    const behind = this.#accessors();
    if (behind.length > 0) return value(chained(inner.item, behind));
    if (!inner.isPredicate) return inner;
    if (!mayBePredicate) throw this.#unexpected();
    if (!this.#takes("keyword", "is")) return inner;
    this.#keyword("unknown");
    return predicate({ kind: "isUnknown", argument: inner.item });
  }

  #primary(): PathItem {
    const { kind, text } = this.#token;
    const body = primaryOf(kind, text);
    if (body === null) throw this.#unexpected();
    this.#advance();
    return single(body);
  }

  #accessors(): ItemBody[] {
    const items: ItemBody[] = [];
    for (;;) {
      if (items.length > pathDepthMax) throw tooDeep();
      if (this.#takes("symbol", ".")) items.push(this.#member());
      else if (this.#takes("symbol", "[")) items.push(this.#subscripts());
      else if (this.#takes("symbol", "?")) items.push({ kind: "filter", argument: this.#enclosed(true) });
      else return items;
    }
  }

  #member(): ItemBody {
    if (this.#takes("symbol", "*")) return { kind: "anyKey" };
    if (this.#takes("symbol", "**")) return this.#levels();
    const { kind, text, written } = this.#token;
    if (kind !== "identifier" && kind !== "string" && kind !== "keyword") throw this.#unexpected();
    this.#advance();
    const method = kind === "keyword" ? methods.get(text) : undefined;
    const isDatetime = kind === "keyword" && text === "datetime";
    if ((method === undefined && !isDatetime) || !this.#takes("symbol", "(")) return { kind: "key", name: written };
    const template = isDatetime && this.#token.kind === "string" ? this.#advance().text : null;
    this.#symbol(")");
    return method === undefined ? { kind: "datetime", template } : { kind: "method", name: method };
  }

  #levels(): ItemBody {
    if (!this.#takes("symbol", "{")) return { kind: "anyLevel", first: 0, last: Number.POSITIVE_INFINITY };
    const first = this.#level();
    const last = this.#takes("keyword", "to") ? this.#level() : first;
    this.#symbol("}");
    return { kind: "anyLevel", first, last };
  }

  #level(): number {
    if (this.#takes("keyword", "last")) return Number.POSITIVE_INFINITY;
    if (this.#token.kind !== "integer") throw this.#unexpected();
    const { text } = this.#advance();
    if (Number(text) > int4Max) throw outOfRangeText("integer", text);
    return Number(text);
  }

  #subscripts(): ItemBody {
    if (this.#takes("symbol", "*")) {
      this.#symbol("]");
      return { kind: "anyArray" };
    }
    const subscripts: Subscript[] = [];
    do {
      const from = this.#within(() => this.#expression());
      const to = this.#takes("keyword", "to") ? this.#within(() => this.#expression()) : null;
      subscripts.push({ from, to });
    } while (this.#takes("symbol", ","));
    this.#symbol("]");
    return { kind: "subscripts", subscripts };
  }
}

function primaryOf(kind: Token["kind"], text: string): ItemBody | null {
  switch (kind) {
    case "string":
      return { kind, value: text };
    case "variable":
      return { kind, name: text };
    case "integer":
    case "number":
      return { kind: "number", value: numberOf(text) };
    case "symbol":
      return text === "$" ? { kind: "root" } : text === "@" ? { kind: "current" } : null;
    case "keyword":
      if (text === "null" || text === "last") return { kind: text };
      return text === "true" || text === "false" ? { kind: "boolean", value: text === "true" } : null;
    default:
      return null;
  }
}

const numberOf = (text: string): Decimal => decimalFromText(text);

/** `@` is of a filter, `last` of a subscript. Throws 42601. */
function checkPlaces(item: PathItem, filters: number, isInSubscript: boolean): void {
  for (let at: PathItem | null = item; at !== null; at = at.next) {
    if (at.kind === "current" && filters === 0) throw new SqlError("42601", "@ is not allowed in root expressions");
    if (at.kind === "last" && !isInSubscript) throw new SqlError("42601", "LAST is allowed only in array subscripts");
    for (const part of partsOf(at))
      checkPlaces(part, filters + (at.kind === "filter" ? 1 : 0), isInSubscript || at.kind === "subscripts");
  }
}
