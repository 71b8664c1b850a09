/** From the syntax of an expression, which says in what form it was written, to the analysed expression that PostgreSQL would keep of it. */
import { unreachable } from "../../types/assert.js";
import { bindTypeName } from "../bind/type-name.js";
import { elementDomainIn, findTypeIn, typeOf } from "../catalog/user-types.js";
import { notSupported } from "../error.js";
import { commonType } from "../functions/coercion.js";
import type { EvaluationContext } from "../functions/context.js";
import { resolveOperator } from "../functions/resolve.js";
import type {
  CaseExpression,
  ColumnName,
  Expression,
  FunctionCall,
  GroupingCall,
  Indirection,
  InList,
  Subquery,
} from "../syntax/ast-expression.js";
import { bitsFromText } from "../types/bits.js";
import { quoteIdentifier } from "../types/quote.js";
import { noModifier, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { arrayTypeOf, elementTypeOf, isArray } from "../types/type-table.js";
import { isComposite } from "../types/user-types.js";
import { analyseCall } from "./analyse-call.js";
import type { Analysed } from "./analysed.js";
import { Conversions, constant, isUnknown } from "./conversion.js";
import { number } from "./number.js";
import { specialValue } from "./special-value.js";

const bool = sqlType(typeOid.bool);

export type OfQuery = (syntax: FunctionCall | Subquery | GroupingCall) => Analysed | null;
const rowComparisons: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);

export class Analysis {
  readonly conversions: Conversions;
  readonly #context: EvaluationContext;
  readonly #column: (name: ColumnName) => Analysed;
  readonly #ofQuery: OfQuery;

  /** @param column what a name means; throws for one that means nothing @param ofQuery what only a query has; null for what is none of that */
  constructor(context: EvaluationContext, column: (name: ColumnName) => Analysed, ofQuery: OfQuery = () => null) {
    this.#context = context;
    this.#column = column;
    this.#ofQuery = ofQuery;
    this.conversions = new Conversions(context);
  }

  /** Throws `SqlError` for what does not fit together, and for what is not known here. */
  analyse(syntax: Expression): Analysed {
    switch (syntax.kind) {
      case "columnName":
        return this.#column(syntax);
      case "integerLiteral":
        return constant(String(syntax.value), sqlType(typeOid.int4));
      case "numberLiteral":
        return number(syntax.text);
      case "stringLiteral":
        return constant(syntax.text, sqlType(typeOid.unknown));
      case "bitLiteral":
        return constant(bitsFromText(syntax.text, noModifier), sqlType(typeOid.bit));
      case "booleanLiteral":
        return constant(syntax.value ? "t" : "f", bool);
      case "nullLiteral":
        return constant(null, sqlType(typeOid.unknown));
      case "operator":
        return this.operator(
          syntax.name,
          syntax.left === null ? null : this.analyse(syntax.left),
          this.analyse(syntax.right),
        );
      case "pattern":
        return this.operator(syntax.operator, this.analyse(syntax.subject), this.analyse(syntax.pattern));
      case "quantified":
        return this.#quantified(
          syntax.name,
          syntax.quantifier === "any" ? "ANY" : "ALL",
          this.analyse(syntax.left),
          this.analyse(syntax.right),
        );
      case "inList":
        return this.#inList(syntax);
      case "between":
        return this.#between(syntax);
      case "distinctFrom":
        return this.#distinct(syntax);
      case "and":
      case "or":
        return { kind: syntax.kind, terms: syntax.terms.map((term) => this.boolean(term)), type: bool };
      case "not":
        return { kind: "not", term: this.boolean(syntax.term), type: bool };
      case "isTest": {
        const isOfNull = syntax.test === "null";
        const subject = isOfNull ? this.asText(this.analyse(syntax.subject)) : this.boolean(syntax.subject);
        const test = `IS ${syntax.isNegated ? "NOT " : ""}${syntax.test.toUpperCase()}`;
        return { kind: "test", test, isOfNull, subject, type: bool };
      }
      case "nullIf": {
        const [left, right] = [this.analyse(syntax.left), this.analyse(syntax.right)];
        const equality = this.#operands("=", left, right);
        return { kind: "list", word: "NULLIF", items: [equality.left, equality.right], type: equality.left.type };
      }
      case "coalesce":
      case "greatest":
      case "least": {
        const { items, type } = this.unified(syntax.items, syntax.kind.toUpperCase());
        const word = syntax.kind === "coalesce" ? "COALESCE" : syntax.kind === "greatest" ? "GREATEST" : "LEAST";
        return { kind: "list", word, items, type };
      }
      case "case":
        return this.#case(syntax);
      case "functionCall":
        return this.#ofQuery(syntax) ?? analyseCall(syntax, this);
      case "cast": {
        const target = bindTypeName(syntax.type, findTypeIn(this.#context.catalog, this.#context));
        return this.#cast(syntax.subject, target);
      }
      case "array": {
        const { items, type } = this.unified(syntax.items, "ARRAY");
        return { kind: "array", items, type: isArray(type.oid) ? type : sqlType(arrayTypeOf(type.oid)) };
      }
      case "row":
        return {
          kind: "row",
          items: syntax.items.flatMap((item) => this.#rowItems(item)),
          type: sqlType(typeOid.record),
        };
      case "indirection":
        return this.#subscript(syntax);
      case "specialValue":
        return specialValue(syntax);
      case "collate": {
        const subject = this.asText(this.analyse(syntax.subject));
        return { kind: "collate", subject, name: quoteIdentifier(syntax.name.at(-1) ?? ""), type: subject.type };
      }
      case "subquery":
      case "grouping": {
        const found = this.#ofQuery(syntax);
        if (found === null) throw notSupported(`showing ${syntax.kind}`);
        return found;
      }
      case "parameterName":
      case "default":
      case "currentOf":
        throw notSupported(`showing ${syntax.kind}`);
      default:
        return unreachable(syntax);
    }
  }

  operator(name: string, left: Analysed | null, right: Analysed): Analysed {
    if (left === null) {
      const { rightType, resultType } = resolveOperator(name, null, right.type.oid);
      return { kind: "operator", name, left, right: this.#implicitly(right, rightType), type: resultType };
    }
    if (isPlainRow(left) && isPlainRow(right) && rowComparisons.has(name))
      return this.#compareRows(name, left.items, right.items);
    const { resultType, ...operands } = this.#operands(name, left, right);
    return { kind: "operator", name, ...operands, type: resultType };
  }

  #operands(
    name: string,
    left: Analysed,
    right: Analysed,
  ): { readonly left: Analysed; readonly right: Analysed; readonly resultType: SqlType } {
    const { leftType, rightType, resultType } = resolveOperator(name, left.type.oid, right.type.oid);
    return {
      left: this.#implicitly(left, leftType ?? rightType),
      right: this.#implicitly(right, rightType),
      resultType,
    };
  }

  #implicitly(given: Analysed, target: SqlType): Analysed {
    return this.conversions.convert(given, target, "implicit");
  }

  /** A literal of which nothing tells what it is becomes a text. */
  asText(given: Analysed): Analysed {
    return isUnknown(given) ? this.#implicitly(given, sqlType(typeOid.text)) : given;
  }

  boolean(syntax: Expression): Analysed {
    return this.#implicitly(this.analyse(syntax), bool);
  }

  #compareRows(name: string, left: readonly Analysed[], right: readonly Analysed[]): Analysed {
    const pairs = left.map((item, index) => {
      const other = right[index];
      if (other === undefined || left.length !== right.length) throw notSupported("rows of different lengths");
      return this.#operands(name, item, other);
    });
    if (name === "=" || name === "<>") {
      const terms = pairs.map(
        (pair): Analysed => ({ kind: "operator", name, left: pair.left, right: pair.right, type: bool }),
      );
      const [only] = terms;
      return terms.length === 1 && only !== undefined ? only : { kind: name === "=" ? "and" : "or", terms, type: bool };
    }
    return {
      kind: "rowComparison",
      name,
      left: pairs.map((pair) => pair.left),
      right: pairs.map((pair) => pair.right),
      type: bool,
    };
  }

  /** Without lengths: what several values have in common is no length. */
  common(items: readonly Analysed[], what: string): SqlType {
    const { modifier: _length, ...type } = commonType(
      items.map((item) => item.type),
      what,
    );
    return { ...type, modifier: noModifier };
  }

  unified(
    syntax: readonly Expression[],
    what: string,
  ): { readonly items: readonly Analysed[]; readonly type: SqlType } {
    const items = syntax.map((item) => this.analyse(item));
    const type = this.common(items, what);
    return { items: items.map((item) => this.#implicitly(item, type)), type };
  }

  #quantified(name: string, quantifier: "ANY" | "ALL", left: Analysed, given: Analysed): Analysed {
    const element = isUnknown(given) ? typeOid.unknown : elementTypeOf(given.type.oid);
    const { leftType, rightType } = resolveOperator(name, left.type.oid, element);
    return {
      kind: "quantified",
      name,
      quantifier,
      left: this.#implicitly(left, leftType ?? rightType),
      right: this.#implicitly(given, sqlType(arrayTypeOf(rightType.oid))),
      type: bool,
    };
  }

  /** An array of what names no column, if that is more than one; each of the others by itself. */
  #inList({ subject: written, items, isNegated }: InList): Analysed {
    const subject = this.analyse(written);
    const analysed = items.map((item) => this.analyse(item));
    const single = (item: Analysed): Analysed => this.operator(isNegated ? "<>" : "=", subject, item);
    const plain = analysed.filter((item) => !namesColumn(item));
    const isArray = plain.length > 1 && !isPlainRow(subject);
    const terms = (isArray ? analysed.filter(namesColumn) : analysed).map(single);
    if (isArray) {
      const type = this.common([subject, ...plain], "IN");
      const array: Analysed = {
        kind: "array",
        items: plain.map((item) => this.#implicitly(item, type)),
        type: sqlType(arrayTypeOf(type.oid)),
      };
      terms.unshift(this.#quantified(isNegated ? "<>" : "=", isNegated ? "ALL" : "ANY", subject, array));
    }
    const [only] = terms;
    return terms.length === 1 && only !== undefined ? only : { kind: isNegated ? "and" : "or", terms, type: bool };
  }

  #between(syntax: Extract<Expression, { kind: "between" }>): Analysed {
    const subject = this.analyse(syntax.subject);
    const [low, high] = [this.analyse(syntax.low), this.analyse(syntax.high)];
    const within = (from: Analysed, to: Analysed): Analysed => {
      const [first, second] = syntax.isNegated ? (["<", ">"] as const) : ([">=", "<="] as const);
      const terms = [this.operator(first, subject, from), this.operator(second, subject, to)];
      return { kind: syntax.isNegated ? "or" : "and", terms, type: bool };
    };
    if (!syntax.isSymmetric) return within(low, high);
    return { kind: syntax.isNegated ? "and" : "or", terms: [within(low, high), within(high, low)], type: bool };
  }

  #distinct(syntax: Extract<Expression, { kind: "distinctFrom" }>): Analysed {
    const [left, right] = [this.analyse(syntax.left), this.analyse(syntax.right)];
    // Against a NULL that is written it is a test for NULL.
    if (isNull(left) || isNull(right)) {
      const test = syntax.isNegated ? "IS NULL" : "IS NOT NULL";
      return { kind: "test", test, isOfNull: true, subject: this.asText(isNull(right) ? left : right), type: bool };
    }
    const distinct = this.#distinctFrom(left, right);
    return syntax.isNegated ? { kind: "not", term: distinct, type: bool } : distinct;
  }

  /** Rows differ where one of their fields does. */
  #distinctFrom(left: Analysed, right: Analysed): Analysed {
    if (isPlainRow(left) && isPlainRow(right)) {
      const terms = left.items.map((item, index) => {
        const other = right.items[index];
        if (other === undefined || left.items.length !== right.items.length)
          throw notSupported("rows of different lengths");
        return this.#distinctFrom(item, other);
      });
      return { kind: "or", terms, type: bool };
    }
    const operands = this.#operands("=", left, right);
    return { kind: "distinctFrom", left: operands.left, right: operands.right, type: bool };
  }

  #case(syntax: CaseExpression): Analysed {
    const subject = syntax.subject === null ? null : this.asText(this.analyse(syntax.subject));
    const conditions = syntax.branches.map(({ condition }) =>
      subject === null ? this.boolean(condition) : this.#operands("=", subject, this.analyse(condition)).right,
    );
    const written = syntax.otherwise ?? ({ kind: "nullLiteral", location: -1 } as const);
    const { items, type } = this.unified([written, ...syntax.branches.map(({ result }) => result)], "CASE");
    const [otherwise, ...results] = items;
    if (otherwise === undefined) throw notSupported("CASE of nothing");
    const branches = conditions.map((condition, index) => ({ condition, result: results[index] ?? otherwise }));
    return { kind: "case", subject, branches, otherwise, type };
  }

  #cast(subject: Expression, target: SqlType): Analysed {
    const element = elementTypeOf(target.oid);
    if (subject.kind !== "array" || element === 0)
      return this.conversions.convert(this.analyse(subject), target, "explicit");
    const ofDomain = elementDomainIn(this.#context.catalog, target.domain ?? 0);
    const own = ofDomain === null ? sqlType(element, target.modifier) : typeOf(ofDomain);
    const items = subject.items.map((item) => this.#cast(item, item.kind === "array" ? target : own));
    return { kind: "array", items, type: ofDomain === null ? sqlType(target.oid) : target };
  }

  #subscript(written: Extract<Expression, { kind: "indirection" }>): Analysed {
    const steps: Indirection["step"][] = [];
    let base: Expression = written;
    while (base.kind === "indirection" && (base.step.kind === "index" || base.step.kind === "slice")) {
      steps.unshift(base.step);
      base = base.subject;
    }
    if (steps.length === 0) return this.#field(written);
    const subject = this.analyse(base);
    const { type } = subject;
    const isJson = type.oid === typeOid.jsonb;
    const element = elementTypeOf(type.oid);
    if (element === 0 && !isJson) throw notSupported(`showing ${written.step.kind}`);
    const isSlice = steps.some(({ kind }) => kind === "slice");
    const result = isJson || isSlice ? type : sqlType(element, type.modifier);
    let shown = subject;
    for (const [at, step] of steps.entries())
      shown = {
        kind: "subscript",
        subject: shown,
        index: this.#place(step, isJson, isSlice),
        type: result,
        ...(at === 0 ? {} : { isNext: true }),
      };
    return shown;
  }

  /** `(…).*` within ROW(…) is its columns. */
  #rowItems(item: Expression): readonly Analysed[] {
    if (item.kind !== "indirection" || item.step.kind !== "star") return [this.analyse(item)];
    const subject = this.analyse(item.subject);
    const fields = isComposite(subject.type.oid) ? this.#context.names.fieldsOf(subject.type.oid) : null;
    if (fields === null) throw notSupported("showing the columns of a row");
    return fields.map(({ name, type }) => ({ kind: "field", subject, name: quoteIdentifier(name), type }));
  }

  /** A column of a row that is of a composite type. */
  #field({ subject: of, step }: Indirection): Analysed {
    const subject = this.analyse(of);
    const fields = isComposite(subject.type.oid) ? this.#context.names.fieldsOf(subject.type.oid) : null;
    const found = step.kind === "field" ? fields?.find(({ name }) => name === step.name) : undefined;
    if (found === undefined) throw notSupported(`showing ${step.kind}`);
    return { kind: "field", subject, name: quoteIdentifier(found.name), type: found.type };
  }

  /** Beside a slice of an array a single number is one that begins at 1. */
  #place(
    step: Indirection["step"],
    isJson: boolean,
    isSlice: boolean,
  ): Extract<Analysed, { kind: "subscript" }>["index"] {
    const place = (syntax: Expression): Analysed => {
      const analysed = this.analyse(syntax);
      if (isJson && isUnknown(analysed)) return this.asText(analysed);
      return isJson ? analysed : this.conversions.convert(analysed, sqlType(typeOid.int4), "assignment");
    };
    if (step.kind === "index" && !isSlice) return place(step.index);
    const one: Expression = { kind: "integerLiteral", value: 1, location: -1 };
    if (step.kind === "index") return { from: place(one), to: place(step.index) };
    if (step.kind !== "slice") throw notSupported(`showing ${step.kind}`);
    return { from: step.from === null ? null : place(step.from), to: step.to === null ? null : place(step.to) };
  }
}

/** Of no composite type. */
const isPlainRow = (analysed: Analysed): analysed is Extract<Analysed, { kind: "row" }> =>
  analysed.kind === "row" && analysed.type.oid === typeOid.record;

const isNull = (analysed: Analysed): boolean =>
  analysed.kind === "constant" && analysed.text === null && isUnknown(analysed);

/** Whether any column is named in it. */
function namesColumn(analysed: Analysed): boolean {
  if (analysed.kind === "name") return !analysed.isSpecial;
  if (analysed.kind === "written") return analysed.parts.some(namesColumn);
  return Object.values(analysed).some(holdsColumn);
}

function holdsColumn(part: unknown): boolean {
  if (Array.isArray(part)) return part.some(holdsColumn);
  if (typeof part !== "object" || part === null) return false;
  if ("kind" in part && part.kind === "name") return "isSpecial" in part && part.isSpecial === false;
  return Object.values(part).some(holdsColumn);
}
