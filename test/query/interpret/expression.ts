/** The value of an expression for one row, by the meaning of its kind and nothing else: every part is asked every time. */

import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import type { Evaluator } from "../../../runtime/query/functions/registry.js";
import type { BoundExpression, Callee, Subplan } from "../../../runtime/query/plan/expression.js";
import { SqlArray } from "../../../runtime/query/types/array.js";
import { arrayOfArrays, sliced } from "../../../runtime/query/types/array-parts.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { SqlRecord } from "../../../runtime/query/types/record.js";
import { sqlType, typeOid } from "../../../runtime/query/types/sql-type.js";
import { unreachable } from "../../../runtime/types/assert.js";
import type { Scope } from "./scope.js";

/** What an expression asks of whoever runs the plan. */
export interface ExpressionPort {
  readonly context: EvaluationContext;
  readonly parameters: readonly Datum[];
  subquery(subplan: Subplan, scope: Scope): Datum;
}

export function evaluate(expression: BoundExpression, scope: Scope, port: ExpressionPort): Datum {
  const value = (part: BoundExpression): Datum => evaluate(part, scope, port);
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "parameter": {
      const given = port.parameters[expression.index];
      if (given === undefined) throw new Error(`no parameter ${expression.index}`);
      return given;
    }
    case "column":
      return scope.value(expression.id);
    case "call":
      return call(expression.callee, expression.arguments.map(value), port);
    case "cast": {
      const subject = value(expression.subject);
      return subject === null ? null : expression.cast.convert(subject, port.context);
    }
    case "and":
      return all(expression.terms, value);
    case "or":
      return not(all(expression.terms, (term) => not(value(term))));
    case "not":
      return not(value(expression.term));
    case "isTest":
      return isTrueOf(expression.test, value(expression.subject), expression.isNegated);
    case "distinctFrom": {
      const [a, b] = [value(expression.left), value(expression.right)];
      const isSame = a === null || b === null ? a === b : call(expression.equality, [a, b], port) === true;
      return isSame === expression.isNegated;
    }
    case "nullIf": {
      const [a, b] = [value(expression.left), value(expression.right)];
      return a !== null && b !== null && call(expression.equality, [a, b], port) === true ? null : a;
    }
    case "coalesce": {
      for (const item of expression.items) {
        const found = value(item);
        if (found !== null) return found;
      }
      return null;
    }
    case "greatest":
    case "least": {
      const sign = expression.kind === "greatest" ? -1 : 1;
      const items = expression.items.map(value).filter((item) => item !== null);
      return items.toSorted((a, b) => sign * expression.compare(a, b))[0] ?? null;
    }
    case "case": {
      const branch = expression.branches.find(({ condition }) => value(condition) === true);
      return value(branch === undefined ? expression.otherwise : branch.result);
    }
    case "inList": {
      const subject = value(expression.subject);
      const isIn = any(expression.items, (item) => {
        const other = value(item);
        return subject === null || other === null ? null : call(expression.comparison, [subject, other], port);
      });
      return expression.isNegated ? not(isIn) : isIn;
    }
    case "quantified": {
      const [left, array] = [value(expression.left), value(expression.array)];
      if (array === null) return null;
      if (!(array instanceof SqlArray)) throw new Error("ANY and ALL look into an array");
      const test = (item: Datum): Datum =>
        left === null || item === null ? null : call(expression.comparison, [left, item], port);
      return expression.quantifier === "any" ? any(array.items, test) : all(array.items, test);
    }
    case "arrayOf":
      return expression.isNested === true
        ? arrayOfArrays(expression.elementType, expression.items.map(value))
        : new SqlArray(expression.elementType, expression.items.map(value));
    case "rowOf": {
      if (expression.present !== undefined && value(expression.present) === null) return null;
      const types = expression.items.map(({ type }) => (type.oid === typeOid.unknown ? sqlType(typeOid.text) : type));
      return new SqlRecord(types, expression.items.map(value), expression.names.length === 0 ? null : expression.names);
    }
    case "element": {
      const [array, indexes] = [value(expression.array), expression.indexes.map(value)];
      if (!(array instanceof SqlArray) || indexes.includes(null)) return null;
      const { dimensions, items } = array;
      if (dimensions.length !== indexes.length) return null;
      const offsets = dimensions.map(({ first }, at) => Number(indexes[at]) - first);
      if (dimensions.some(({ length }, at) => (offsets[at] ?? 0) < 0 || (offsets[at] ?? 0) >= length)) return null;
      const strides = dimensions.map((_, at) => dimensions.slice(at + 1).reduce((all, { length }) => all * length, 1));
      return items[offsets.reduce((sum, offset, at) => sum + offset * (strides[at] ?? 1), 0)] ?? null;
    }
    case "slice": {
      const array = value(expression.array);
      if (!(array instanceof SqlArray)) return null;
      const ends = expression.bounds.map(({ from, to }) => [from, to].map((end) => (end === null ? "" : value(end))));
      if (ends.some((pair) => pair.includes(null))) return null;
      const bounds = ends.map(([from = "", to = ""]) => ({
        from: from === "" ? null : Number(from),
        to: to === "" ? null : Number(to),
      }));
      return sliced(array, bounds);
    }
    case "field": {
      const record = value(expression.record);
      return record instanceof SqlRecord ? (record.values[expression.index] ?? null) : null;
    }
    case "subquery":
      return port.subquery(expression.subplan, scope);
    case "grouping":
      return expression.bitsOfSet[Number(scope.value(expression.setId))] ?? 0;
    default:
      return unreachable(expression);
  }
}

/** A strict function of NULL is NULL. */
function call(callee: Pick<Callee, "isStrict" | "evaluator">, args: readonly Datum[], port: ExpressionPort): Datum {
  return callee.isStrict && args.includes(null) ? null : invoke(callee.evaluator, args, port.context);
}

function invoke(evaluator: Evaluator, args: readonly Datum[], context: EvaluationContext): Datum {
  const [a = null, b = null, c = null] = args;
  switch (evaluator.arity) {
    case 0:
      return evaluator.call(context);
    case 1:
      return evaluator.call(a, context);
    case 2:
      return evaluator.call(a, b, context);
    case 3:
      return evaluator.call(a, b, c, context);
    case "any":
      return evaluator.call(args, context);
    default:
      return unreachable(evaluator);
  }
}

export const not = (value: Datum): Datum => (value === null ? null : value !== true);

/** Three-valued AND: false as soon as one is false, else NULL when one is NULL. */
export function all<T>(items: Iterable<T>, test: (item: T) => Datum): Datum {
  let result: Datum = true;
  for (const item of items) {
    const value = test(item);
    if (value === false) return false;
    if (value === null) result = null;
  }
  return result;
}

/** Three-valued OR. */
export const any = <T>(items: Iterable<T>, test: (item: T) => Datum): Datum =>
  not(all(items, (item) => not(test(item))));

function isTrueOf(test: "null" | "true" | "false" | "unknown", value: Datum, isNegated: boolean): boolean {
  if (test === "null") {
    if (value instanceof SqlRecord)
      return isNegated ? !value.values.includes(null) : value.values.every((item) => item === null);
    return (value === null) !== isNegated;
  }
  const wanted = test === "unknown" ? null : test === "true";
  return (value === wanted) !== isNegated;
}
