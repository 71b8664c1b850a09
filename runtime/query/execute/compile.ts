/**
 * Expressions as closures over one row of a batch. All that can be decided once is decided here; what does not depend on the row is
 * computed the first time that it is needed.
 */

import { assert, unreachable } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { Evaluator } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import { isVolatile, visitExpression } from "../plan/walk.js";
import type { ColumnVector } from "../table/access.js";
import { SqlArray } from "../types/array.js";
import { arrayOfArrays, sliced } from "../types/array-parts.js";
import type { SliceBounds } from "../types/array-shape.js";
import { hashKeyOf, hasOrder } from "../types/compare.js";
import type { Datum, Value } from "../types/datum.js";
import { SqlRecord } from "../types/record.js";
import { typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import type { Execution, Layout } from "./execution.js";
import { compileSubquery } from "./subquery.js";

/** The expression's value for the row at this place of the columns. */
export type RowFunction = (columns: readonly ColumnVector[], row: number) => Datum;

export function compileExpression(expression: BoundExpression, layout: Layout, execution: Execution): RowFunction {
  const compiled = compileKind(expression, layout, execution);
  if (expression.kind === "constant" || expression.kind === "parameter" || !isConstant(expression)) return compiled;
  // Computed when first needed: what stands in a branch that is never taken never fails.
  let isKnown = false;
  let value: Datum = null;
  return (columns, row) => {
    if (!isKnown) {
      value = compiled(columns, row);
      isKnown = true;
    }
    return value;
  };
}

/** Whether it has one value for the whole statement. */
function isConstant(expression: BoundExpression): boolean {
  let found = true;
  visitExpression(expression, (part) => {
    if (part.kind === "column" || part.kind === "subquery" || part.kind === "grouping") found = false;
  });
  return found && !isVolatile(expression);
}

const compileAll = (items: readonly BoundExpression[], layout: Layout, execution: Execution): RowFunction[] =>
  items.map((item) => compileExpression(item, layout, execution));

function compileKind(expression: BoundExpression, layout: Layout, execution: Execution): RowFunction {
  const compile = (part: BoundExpression): RowFunction => compileExpression(part, layout, execution);
  const { context, parameters } = execution.environment;
  switch (expression.kind) {
    case "constant": {
      const { value } = expression;
      return () => value;
    }
    case "parameter": {
      const { index } = expression;
      const value = parameters[index];
      if (value === undefined) throw new SqlError("42P02", `there is no parameter $${index + 1}`);
      return () => value;
    }
    case "column":
      return compileColumn(expression.id, layout, execution);
    case "call":
      return compileCall(
        expression.callee.evaluator,
        expression.callee.isStrict,
        compileAll(expression.arguments, layout, execution),
        execution,
      );
    case "cast": {
      const subject = compile(expression.subject);
      const { kind, convert } = expression.cast;
      if (kind === "none" && expression.subject.type.oid === expression.type.oid) return subject;
      return (columns, row) => {
        const value = subject(columns, row);
        return value === null ? null : convert(value, context);
      };
    }
    case "and":
      return compileAnd(compileAll(expression.terms, layout, execution));
    case "or":
      return compileOr(compileAll(expression.terms, layout, execution));
    case "not": {
      const term = compile(expression.term);
      return (columns, row) => {
        const value = term(columns, row);
        return value === null ? null : value !== true;
      };
    }
    case "isTest":
      return compileTest(expression, compile(expression.subject));
    case "distinctFrom": {
      const left = compile(expression.left);
      const right = compile(expression.right);
      const equal = compileEquality(expression.equality.evaluator, execution);
      const whenDifferent = !expression.isNegated;
      return (columns, row) => {
        const a = left(columns, row);
        const b = right(columns, row);
        const isSame = a === null || b === null ? a === b : equal(a, b);
        return isSame ? !whenDifferent : whenDifferent;
      };
    }
    case "nullIf": {
      const left = compile(expression.left);
      const right = compile(expression.right);
      const equal = compileEquality(expression.equality.evaluator, execution);
      return (columns, row) => {
        const a = left(columns, row);
        const b = right(columns, row);
        return a !== null && b !== null && equal(a, b) ? null : a;
      };
    }
    case "coalesce": {
      const items = compileAll(expression.items, layout, execution);
      return (columns, row) => {
        for (const item of items) {
          const value = item(columns, row);
          if (value !== null) return value;
        }
        return null;
      };
    }
    case "greatest":
    case "least": {
      const items = compileAll(expression.items, layout, execution);
      const { compare } = expression;
      const sign = expression.kind === "greatest" ? 1 : -1;
      return (columns, row) => {
        let best: Datum = null;
        for (const item of items) {
          const value = item(columns, row);
          if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value;
        }
        return best;
      };
    }
    case "case": {
      const branches = expression.branches.map(({ condition, result }) => ({
        condition: compile(condition),
        result: compile(result),
      }));
      const otherwise = compile(expression.otherwise);
      return (columns, row) => {
        for (const { condition, result } of branches) if (condition(columns, row) === true) return result(columns, row);
        return otherwise(columns, row);
      };
    }
    case "inList":
      return compileIn(expression, layout, execution);
    case "quantified":
      return compileQuantified(expression, layout, execution);
    case "arrayOf": {
      const items = compileAll(expression.items, layout, execution);
      const { elementType } = expression;
      if (expression.isNested === true)
        return (columns, row) =>
          arrayOfArrays(
            elementType,
            items.map((item) => item(columns, row)),
          );
      return (columns, row) =>
        new SqlArray(
          elementType,
          items.map((item) => item(columns, row)),
        );
    }
    case "rowOf": {
      const items = compileAll(expression.items, layout, execution);
      const types = expression.items.map(({ type }) => type);
      const { oid } = expression.type;
      const names = expression.names.length === 0 || oid !== typeOid.record ? null : expression.names;
      const present = expression.present === undefined ? null : compile(expression.present);
      return (columns, row) =>
        present !== null && present(columns, row) === null
          ? null
          : new SqlRecord(
              types,
              items.map((item) => item(columns, row)),
              names,
              oid,
            );
    }
    case "element": {
      const array = compile(expression.array);
      const [index, ...more] = expression.indexes.map((each) => compile(each));
      assert(index !== undefined, "a subscript has a number");
      if (more.length > 0) {
        const indexes = [index, ...more];
        return (columns, row) => {
          const items = array(columns, row);
          const places = indexes.map((each) => each(columns, row));
          if (items === null || places.includes(null)) return null;
          assert(items instanceof SqlArray, "subscripts look into an array");
          return items.within(places.map(Number));
        };
      }
      return (columns, row) => {
        const items = array(columns, row);
        const place = index(columns, row);
        if (items === null || place === null) return null;
        assert(items instanceof SqlArray, "a subscript looks into an array");
        return items.at(Number(place));
      };
    }
    case "slice": {
      const array = compile(expression.array);
      const ends = expression.bounds.map(({ from, to }) => ({
        from: from === null ? null : compile(from),
        to: to === null ? null : compile(to),
      }));
      return (columns, row) => {
        const items = array(columns, row);
        if (items === null) return null;
        assert(items instanceof SqlArray, "a slice is taken of an array");
        const bounds: SliceBounds[] = [];
        for (const { from, to } of ends) {
          const first = from === null ? null : from(columns, row);
          const last = to === null ? null : to(columns, row);
          if ((from !== null && first === null) || (to !== null && last === null)) return null;
          bounds.push({ from: first === null ? null : Number(first), to: last === null ? null : Number(last) });
        }
        return sliced(items, bounds);
      };
    }
    case "field": {
      const record = compile(expression.record);
      const { index } = expression;
      return (columns, row) => {
        const value = record(columns, row);
        if (value === null) return null;
        assert(value instanceof SqlRecord, "a field is of a record");
        return value.values[index] ?? null;
      };
    }
    case "subquery":
      return compileSubquery(expression.subplan, layout, execution, compileExpression);
    case "grouping": {
      const set = compileColumn(expression.setId, layout, execution);
      const { bitsOfSet } = expression;
      return (columns, row) => bitsOfSet[Number(set(columns, row))] ?? 0;
    }
    default:
      return unreachable(expression);
  }
}

function compileColumn(id: number, layout: Layout, execution: Execution): RowFunction {
  const slot = layout.get(id);
  if (slot === undefined) {
    const { registers } = execution;
    return () => {
      const value = registers[id];
      assert(value !== undefined, "a column is of the row or of a row outside");
      return value;
    };
  }
  return (columns, row) => {
    const vector = columns[slot];
    assert(vector !== undefined, "a batch has the column");
    if (vector.kind === "values") return vector.values[row] ?? null;
    return vector.nulls[row] === 1 ? null : (vector.numbers[row] ?? null);
  };
}

function compileCall(
  evaluator: Evaluator,
  isStrict: boolean,
  args: readonly RowFunction[],
  execution: Execution,
): RowFunction {
  const { context } = execution.environment;
  const [first, second, third] = args;
  switch (evaluator.arity) {
    case 0: {
      const { call } = evaluator;
      return () => call(context);
    }
    case 1: {
      const { call } = evaluator;
      assert(first !== undefined, "a function of one argument has it");
      if (!isStrict) return (columns, row) => call(first(columns, row), context);
      return (columns, row) => {
        const a = first(columns, row);
        return a === null ? null : call(a, context);
      };
    }
    case 2: {
      const { call } = evaluator;
      assert(first !== undefined && second !== undefined, "a function of two arguments has them");
      if (!isStrict) return (columns, row) => call(first(columns, row), second(columns, row), context);
      return (columns, row) => {
        const a = first(columns, row);
        if (a === null) return null;
        const b = second(columns, row);
        return b === null ? null : call(a, b, context);
      };
    }
    case 3: {
      const { call } = evaluator;
      assert(
        first !== undefined && second !== undefined && third !== undefined,
        "a function of three arguments has them",
      );
      return (columns, row) => {
        const a = first(columns, row);
        const b = second(columns, row);
        const c = third(columns, row);
        return isStrict && (a === null || b === null || c === null) ? null : call(a, b, c, context);
      };
    }
    case "any": {
      const { call } = evaluator;
      return (columns, row) => {
        const values = args.map((argument) => argument(columns, row));
        return isStrict && values.includes(null) ? null : call(values, context);
      };
    }
    default:
      return unreachable(evaluator);
  }
}

/** A comparison of two values that are there. */
export function compileEquality(evaluator: Evaluator, execution: Execution): (a: Value, b: Value) => boolean {
  const { context } = execution.environment;
  assert(evaluator.arity === 2, "a comparison has two sides");
  const { call } = evaluator;
  return (a, b) => call(a, b, context) === true;
}

function compileAnd(terms: readonly RowFunction[]): RowFunction {
  return (columns, row) => {
    let isUnknown = false;
    for (const term of terms) {
      const value = term(columns, row);
      if (value === false) return false;
      if (value === null) isUnknown = true;
    }
    return isUnknown ? null : true;
  };
}

function compileOr(terms: readonly RowFunction[]): RowFunction {
  return (columns, row) => {
    let isUnknown = false;
    for (const term of terms) {
      const value = term(columns, row);
      if (value === true) return true;
      if (value === null) isUnknown = true;
    }
    return isUnknown ? null : false;
  };
}

function compileTest(expression: Extract<BoundExpression, { kind: "isTest" }>, subject: RowFunction): RowFunction {
  const { test, isNegated } = expression;
  const wanted = !isNegated;
  switch (test) {
    case "null":
      if (isNegated) return (columns, row) => isAllNotNull(subject(columns, row));
      return (columns, row) => isAllNull(subject(columns, row));
    case "unknown":
      return (columns, row) => (subject(columns, row) === null) === wanted;
    case "true":
      return (columns, row) => (subject(columns, row) === true) === wanted;
    case "false":
      return (columns, row) => (subject(columns, row) === false) === wanted;
  }
}

const isAllNull = (value: Datum): boolean =>
  value === null || (value instanceof SqlRecord && value.values.every((item) => item === null));

const isAllNotNull = (value: Datum): boolean =>
  value !== null && !(value instanceof SqlRecord && value.values.includes(null));

/** A list of constants of the subject's own type is looked up in a table; any other is gone through. */
/** From so many items on, an array that comes again has its items in a table. */
const tabledItemsMin = 9;

function compileQuantified(
  expression: Extract<BoundExpression, { kind: "quantified" }>,
  layout: Layout,
  execution: Execution,
): RowFunction {
  const { comparison } = expression;
  const left = compileExpression(expression.left, layout, execution);
  const array = compileExpression(expression.array, layout, execution);
  const test = compileEquality(comparison.evaluator, execution);
  const isAny = expression.quantifier === "any";
  const { oid } = expression.left.type;
  const keyOf =
    isAny && comparison.name === "=" && elementTypeOf(expression.array.type.oid) === oid && hasOrder(oid)
      ? hashKeyOf(oid)
      : null;
  let last: SqlArray | null = null;
  let keys: Set<unknown> | null = null;
  return (columns, row) => {
    const items = array(columns, row);
    if (items === null) return null;
    assert(items instanceof SqlArray, "ANY and ALL look into an array");
    const value = left(columns, row);
    if (keyOf !== null && value !== null && items.items.length >= tabledItemsMin) {
      if (items === last) keys ??= new Set(items.items.map((item) => (item === null ? null : keyOf(item))));
      else {
        last = items;
        keys = null;
      }
      if (keys !== null) return keys.has(keyOf(value)) ? true : keys.has(null) ? null : false;
    }
    let isUnknown = false;
    for (const item of items.items) {
      if (value === null || item === null) isUnknown = true;
      else if (test(value, item) === isAny) return isAny;
    }
    return isUnknown ? null : !isAny;
  };
}

function compileIn(
  expression: Extract<BoundExpression, { kind: "inList" }>,
  layout: Layout,
  execution: Execution,
): RowFunction {
  const { isNegated } = expression;
  const subject = compileExpression(expression.subject, layout, execution);
  const { oid } = expression.subject.type;
  const isTable =
    expression.items.length > 4 &&
    expression.items.every((item) => item.type.oid === oid && (item.kind === "constant" || item.kind === "parameter"));
  if (isTable) {
    const keyOf = hashKeyOf(oid);
    const values = expression.items.map((item) => compileExpression(item, layout, execution)([], 0));
    const keys = new Set(values.flatMap((value) => (value === null ? [] : [keyOf(value)])));
    const hasNull = values.includes(null);
    return (columns, row) => {
      const value = subject(columns, row);
      if (value === null) return null;
      if (keys.has(keyOf(value))) return !isNegated;
      return hasNull ? null : isNegated;
    };
  }
  const items = compileAll(expression.items, layout, execution);
  const equal = compileEquality(expression.comparison.evaluator, execution);
  return (columns, row) => {
    const value = subject(columns, row);
    if (value === null) return null;
    let isUnknown = false;
    for (const item of items) {
      const other = item(columns, row);
      if (other === null) isUnknown = true;
      else if (equal(value, other)) return !isNegated;
    }
    return isUnknown ? null : isNegated;
  };
}
