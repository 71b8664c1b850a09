/** What stands in the brackets behind a value: numbers for arrays, steps of a path for jsonb. */
import { SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, Indirection } from "../syntax/ast-expression.js";
import { dimensionsMax, tooManyDimensions } from "../types/array-shape.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf, elementTypeOf, isArray } from "../types/type-table.js";
import { positionOf } from "./binder.js";
import { coerce, isUnknown } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import type { Bind } from "./stored.js";

export type Subscript = Extract<Indirection["step"], { kind: "index" | "slice" }>;

/** A subscript of an array. Throws 42804 for one that is no number. */
export function arraySubscript(index: Expression, context: ExpressionContext, bind: Bind): BoundExpression {
  const coerced = coerce(context.binder, bind(index, context), sqlType(typeOid.int4), "assignment");
  if (coerced !== null) return coerced;
  throw new SqlError("42804", "array subscript must have type integer", { position: positionOf(index.location) });
}

/** A subscript of jsonb as a text: an integer counts elements (`isNumber`), all else names a field. Throws 42804. */
export function jsonbSubscript(
  step: Subscript,
  context: ExpressionContext,
  bind: Bind,
): { readonly text: BoundExpression; readonly isNumber: boolean } {
  const { binder } = context;
  if (step.kind === "slice") {
    throw new SqlError("42804", "jsonb subscript does not support slices", {
      position: positionOf((step.to ?? step.from)?.location ?? -1),
    });
  }
  const index = bind(step.index, context);
  const integer = isUnknown(index) ? null : coerce(binder, index, sqlType(typeOid.int4), "implicit");
  const text = coerce(binder, integer ?? index, sqlType(typeOid.text), integer === null ? "implicit" : "explicit");
  if (text !== null) return { text, isNumber: integer !== null };
  throw new SqlError("42804", `subscript type ${typeLabel(index.type.oid)} is not supported`, {
    position: positionOf(step.index.location),
    hint: "jsonb subscript must be coercible to either integer or text.",
  });
}

/** An element of an array, or a slice where one of the subscripts has two ends: a single number beside it is one that begins at 1. */
export function bindSubscripts(
  array: BoundExpression,
  steps: readonly Indirection[],
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  if (steps.length > dimensionsMax) throw tooManyDimensions(steps.length);
  const integer = (index: Expression): BoundExpression => arraySubscript(index, context, bind);
  const element = elementTypeOf(array.type.oid);
  const location = steps.at(-1)?.location ?? -1;
  if (!steps.some(({ step }) => step.kind === "slice")) {
    const indexes = steps.flatMap(({ step }) => (step.kind === "index" ? [integer(step.index)] : []));
    return { kind: "element", array, indexes, type: sqlType(element, array.type.modifier), location };
  }
  const one: BoundExpression = { kind: "constant", value: 1, type: sqlType(typeOid.int4), location: -1 };
  const bounds = steps.map(({ step }) => {
    if (step.kind === "index") return { from: one, to: integer(step.index) };
    if (step.kind !== "slice") return { from: null, to: null };
    const from = step.from === null ? null : integer(step.from);
    return { from, to: step.to === null ? null : integer(step.to) };
  });
  // A slice of an int2vector is an array like any other.
  const type = isArray(array.type.oid) ? array.type : sqlType(arrayTypeOf(element));
  return { kind: "slice", array, bounds, type, location };
}

/** Throws 42804 for a value that has no parts. */
export function noSubscripts({ oid }: SqlType, location: number): SqlError {
  return new SqlError("42804", `cannot subscript type ${typeLabel(oid)} because it does not support subscripting`, {
    position: positionOf(location),
  });
}
