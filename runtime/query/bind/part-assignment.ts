/** Values for parts of columns: `SET a[1] = …`, `INSERT INTO t (a[1:2], j['k'])`. */
import { notSupported, SqlError } from "../error.js";
import { elementAssigned, pathAssigned, sliceAssigned } from "../functions/part-assignment.js";
import type { ResolvedScalar } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Indirection } from "../syntax/ast-expression.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import { positionOf } from "./binder.js";
import { coerce } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { arraySubscript, jsonbSubscript, noSubscripts, type Subscript } from "./subscript.js";

/** Where a value goes: steps behind the name of a column. */
export interface Part {
  readonly column: string;
  readonly steps: readonly Indirection["step"][];
  readonly location: number;
}

/**
 * The column with a value for a part of it.
 *
 * @param whole what it holds before: its own value, or NULL in a new row
 * @param value null for DEFAULT, which is refused (0A000)
 * @param context what the subscripts may name
 */
export function assignPart(
  whole: BoundExpression,
  value: BoundExpression | null,
  part: Part,
  context: ExpressionContext,
): BoundExpression {
  const { column, steps, location } = part;
  const { binder } = context;
  const position = positionOf(location);
  if (value === null) {
    const what = steps[0]?.kind === "field" ? "a subfield" : "an array element";
    throw new SqlError("0A000", `cannot set ${what} to DEFAULT`, { position });
  }
  const subscripts: Subscript[] = [];
  for (const step of steps) {
    if (step.kind !== "index" && step.kind !== "slice") break;
    subscripts.push(step);
  }
  const field = steps[subscripts.length];
  if (field !== undefined) {
    const { type } = subscripts.length === 0 ? whole : { type: partType(whole, subscripts) };
    const name = field.kind === "field" ? field.name : "*";
    throw new SqlError(
      "42804",
      `cannot assign to field "${name}" of column "${column}" because its type ${binder.labelOf(type)} is not a composite type`,
      { position },
    );
  }
  const { callee, places, takes } = calleeOf(whole, subscripts, context);
  const coerced = coerce(binder, value, takes, "assignment");
  if (coerced === null) {
    throw new SqlError(
      "42804",
      `subscripted assignment to "${column}" requires type ${binder.labelOf(takes)} but expression is of type ${binder.labelOf(value.type)}`,
      { position, hint: "You will need to rewrite or cast the expression." },
    );
  }
  const type = sqlType(whole.type.oid, whole.type.modifier);
  return { kind: "call", callee, arguments: [whole, coerced, ...places], form: "function", type, location };
}

function partType(whole: BoundExpression, subscripts: readonly Subscript[]): SqlType {
  const { oid, modifier } = whole.type;
  if (oid === typeOid.jsonb || subscripts.some(({ kind }) => kind === "slice")) return sqlType(oid, modifier);
  const element = elementTypeOf(oid);
  if (element === 0) throw noSubscripts(whole, whole.location);
  return sqlType(element, modifier);
}

interface Chosen {
  readonly callee: ResolvedScalar;
  readonly places: readonly BoundExpression[];
  /** What the part is of. */
  readonly takes: SqlType;
}

function calleeOf(whole: BoundExpression, subscripts: readonly Subscript[], context: ExpressionContext): Chosen {
  const { oid } = whole.type;
  const type = sqlType(oid);
  if (oid === typeOid.jsonb) {
    const bound = subscripts.map((step) => jsonbSubscript(step, context, bindExpression));
    return {
      callee: pathAssigned(type, bound[0]?.isNumber === true),
      places: bound.map(({ text }) => text),
      takes: type,
    };
  }
  if (oid === typeOid.name) throw notSupported("assignment to a character of a name");
  const takes = partType(whole, subscripts);
  const element = elementTypeOf(oid);
  const place = (index: Parameters<typeof arraySubscript>[0]) => arraySubscript(index, context, bindExpression);
  if (!subscripts.some(({ kind }) => kind === "slice")) {
    const places = subscripts.flatMap((step) => (step.kind === "index" ? [place(step.index)] : []));
    return { callee: elementAssigned(type, element), places, takes };
  }
  // Beside a slice a single number is one that begins at 1.
  const ends = subscripts.map((step) =>
    step.kind === "slice"
      ? step
      : { from: { kind: "numberLiteral", text: "1", location: -1 } as const, to: step.index },
  );
  return {
    callee: sliceAssigned(
      type,
      element,
      ends.map(({ from, to }) => ({ from: from !== null, to: to !== null })),
    ),
    places: ends.flatMap(({ from, to }) => [from, to].flatMap((end) => (end === null ? [] : [place(end)]))),
    takes,
  };
}
