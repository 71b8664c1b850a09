/**
 * `x < ANY (a subquery that uses no outer row)`, and the like with ALL: what is asked of all its values is answered by the least or the greatest of them,
 * which are found once.
 */
import { assert } from "../../types/assert.js";
import type { BoundExpression, Subplan } from "../plan/expression.js";
import type { ColumnVector } from "../table/access.js";
import { comparatorOf, hasOrder } from "../types/compare.js";
import type { Value } from "../types/datum.js";
import { typeOid } from "../types/sql-type.js";
import { isRowType } from "../types/type-table.js";
import { type Execution, type Layout, type Operator, placeOf } from "./execution.js";
import type { Compile, RowFunction } from "./subquery.js";
import { newVector, readAt, writeAt } from "./vector.js";

type Side = "least" | "greatest";

/** Operators, by which of the values decides: `x < ALL` by the least, `x < ANY` by the greatest, `x = ALL` and `x <> ANY` by both. */
const deciding = {
  any: new Map<string, readonly Side[]>([
    ["<", ["greatest"]],
    ["<=", ["greatest"]],
    [">", ["least"]],
    [">=", ["least"]],
    ["<>", ["least", "greatest"]],
  ]),
  all: new Map<string, readonly Side[]>([
    ["<", ["least"]],
    ["<=", ["least"]],
    [">", ["greatest"]],
    [">=", ["greatest"]],
    ["=", ["least", "greatest"]],
  ]),
};

/** What there is to compare with: for each side that decides, columns whose only row has its value; none of no values but NULLs. */
interface Known {
  readonly rows: readonly (readonly ColumnVector[])[];
  readonly hasNull: boolean;
}

/** Null for another comparison. */
export function comparedWithExtremes(
  subplan: Subplan,
  inner: Layout,
  layout: Layout,
  open: () => Operator,
  execution: Execution,
  compile: Compile,
): RowFunction | null {
  const { form, test, columns, planOuter, isVolatile } = subplan;
  if ((form !== "any" && form !== "all") || planOuter.length > 0 || isVolatile || columns.length !== 1) return null;
  const compared = test === null ? null : comparedColumn(test);
  if (test?.kind !== "call" || compared === null || compared.id !== columns[0]) return null;
  const slot = inner.get(compared.id);
  const sides = deciding[form].get(test.callee.name);
  if (sides === undefined || slot === undefined) return null;
  const { oid } = compared.type;
  const compare = compile(test, inner, execution);
  const outer = subplan.outer.filter((column) => layout.has(column));
  const isAny = form === "any";
  let known: Known | null = null;
  return (values, row) => {
    known ??= extremesOf(open(), slot, oid, sides);
    const { rows, hasNull } = known;
    if (rows.length === 0) return hasNull ? null : !isAny;
    execution.load(outer, layout, values, row);
    for (const one of rows) {
      const isTrue = compare(one, 0);
      if (isTrue === null) return null;
      if (isTrue === isAny) return isAny;
    }
    return hasNull ? null : !isAny;
  };
}

const numeric: ReadonlySet<number> = new Set([
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.numeric,
  typeOid.float4,
  typeOid.float8,
]);

/** The subquery's column as the right side of the comparison, or as a number of another type, which has the same order. */
function comparedColumn(test: BoundExpression): Extract<BoundExpression, { kind: "column" }> | null {
  if (test.kind !== "call" || test.form !== "operator" || test.arguments.length !== 2) return null;
  const [left, right] = test.arguments;
  if (left === undefined || right === undefined) return null;
  for (const side of [left, right])
    if (!hasOrder(side.type.oid) || isRowType(side.type.oid) || side.type.oid === typeOid.unknown) return null;
  if (right.kind === "column") return right;
  if (right.kind !== "cast" || right.subject.kind !== "column") return null;
  return numeric.has(right.type.oid) && numeric.has(right.subject.type.oid) ? right.subject : null;
}

function extremesOf(operator: Operator, slot: number, oid: number, sides: readonly Side[]): Known {
  const compare = comparatorOf(oid);
  let least: Value | null = null;
  let greatest: Value | null = null;
  let hasNull = false;
  for (let batch = operator.next(); batch !== null; batch = operator.next()) {
    const vector = batch.columns[slot];
    assert(vector !== undefined, "a subquery has the column that is compared");
    for (let index = 0; index < batch.rows; index += 1) {
      const value = readAt(vector, placeOf(batch, index));
      if (value === null) hasNull = true;
      else {
        if (least === null || compare(value, least) < 0) least = value;
        if (greatest === null || compare(value, greatest) > 0) greatest = value;
      }
    }
  }
  operator.close();
  const rowOf = (value: Value): readonly ColumnVector[] => {
    const columns = Array.from({ length: slot + 1 }, () => newVector(oid, 1));
    for (const column of columns) writeAt(column, 0, value);
    return columns;
  };
  const rows = sides.flatMap((side) => {
    const value = side === "least" ? least : greatest;
    return value === null ? [] : [rowOf(value)];
  });
  return { rows, hasNull };
}
