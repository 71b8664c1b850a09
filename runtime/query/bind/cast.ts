/** Casts that are written, and what arrays are made of: of those a cast says the elements' type. */
import { notSupported, SqlError } from "../error.js";
import { polymorphicTypes } from "../functions/candidates.js";
import { requireCast } from "../functions/coercion.js";
import { isPolymorphic } from "../functions/procedures.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression } from "../syntax/ast-expression.js";
import { beneath, type Oid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf, elementTypeOf, isArray } from "../types/type-table.js";
import { positionOf } from "./binder.js";
import { coerce, unify } from "./coerce.js";
import { type ExpressionContext, plainContext } from "./context.js";
import { asDomainValue } from "./domain.js";
import { expectWithout } from "./no-query.js";
import type { Bind } from "./stored.js";

/** An explicit cast. */
export function bindCast(
  subject: Expression,
  target: SqlType,
  location: number,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  const element = elementTypeOf(target.oid);
  const bound =
    subject.kind === "array" && element !== 0
      ? bindArray(subject.items, sqlType(element, target.modifier), location, context, bind)
      : bind(subject, context);
  return asDomainValue(explicitCast(bound, target, location, context), target, binder, bind);
}

/** What an EXECUTE gives a parameter. With those of the protocol, it is held against the parameter's domain when its statement begins. */
export function bindArgument(
  subject: Expression,
  target: SqlType,
  parameter: number,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  expectWithout(subject, { subquery: "subquery" }, "EXECUTE parameter");
  const bound = bind(subject, plainContext(binder, context.scope, "EXECUTE parameters"));
  const coerced = coerce(binder, bound, beneath(target), "assignment");
  if (coerced !== null) return coerced;
  const [given, expected] = [binder.labelOf(bound.type), binder.labelOf(target)];
  throw new SqlError(
    "42804",
    `parameter $${parameter} of type ${given} cannot be coerced to the expected type ${expected}`,
    { position: positionOf(bound.location), hint: "You will need to rewrite or cast the expression." },
  );
}

/** Whether the target is a type that arguments are declared with, and a value of the other type is one of it. */
function fitsPolymorphic(type: Oid, target: Oid): boolean {
  if (type === typeOid.unknown || (target !== typeOid.any && !isPolymorphic(target))) return false;
  return polymorphicTypes([target], [type]) !== null;
}

export function explicitCast(
  bound: BoundExpression,
  target: SqlType,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  // A type of arguments takes what fits as it is.
  if (fitsPolymorphic(bound.type.oid, target.oid)) return bound;
  if (isPolymorphic(target.oid) && bound.type.oid !== typeOid.unknown)
    throw new SqlError("42846", `cannot cast type ${typeLabel(bound.type.oid)} to ${typeLabel(target.oid)}`, {
      position: positionOf(location),
    });
  const coerced = coerce(context.binder, bound, target, "explicit", location);
  if (coerced !== null) return { ...coerced, type: target };
  requireCast(bound.type, target, "explicit", positionOf(location));
  throw notSupported(`a cast from ${typeLabel(bound.type.oid)} to ${typeLabel(target.oid)}`, positionOf(location));
}

export function bindArray(
  syntax: readonly Expression[],
  element: SqlType | null,
  location: number,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  const bound = syntax.map((item) =>
    item.kind === "array" ? bindArray(item.items, element, item.location, context, bind) : bind(item, context),
  );
  if (bound.length === 0 && element === null) {
    throw new SqlError("42P18", "cannot determine type of empty array", {
      position: positionOf(location),
      hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].",
    });
  }
  if (bound.some(({ type }, at) => syntax[at]?.kind === "array" || isArray(type.oid)))
    return bindNested(bound, element, location, context);
  const unified =
    element === null
      ? unify(binder, bound, "ARRAY", location)
      : { items: bound.map((item) => explicitCast(item, element, item.location, context)), type: element };
  return arrayOf(unified.items, unified.type.oid, location);
}

/** An array whose items are arrays. */
function bindNested(
  bound: readonly BoundExpression[],
  element: SqlType | null,
  location: number,
  context: ExpressionContext,
): BoundExpression {
  const target = element === null ? null : sqlType(arrayTypeOf(element.oid), element.modifier);
  const unified =
    target === null
      ? unify(context.binder, bound, "ARRAY", location)
      : { items: bound.map((item) => explicitCast(item, target, item.location, context)), type: target };
  const { oid } = unified.type;
  const elementType = isArray(oid) ? elementTypeOf(oid) : 0;
  if (elementType === 0)
    throw new SqlError("42704", `could not find element type for data type ${typeLabel(oid)}`, {
      position: positionOf(location),
    });
  return { kind: "arrayOf", elementType, items: unified.items, isNested: true, type: sqlType(oid), location };
}

export function arrayOf(items: readonly BoundExpression[], elementType: Oid, location: number): BoundExpression {
  const oid = arrayTypeOf(elementType);
  if (oid === 0) {
    throw new SqlError("42704", `could not find array type for data type ${typeLabel(elementType)}`, {
      position: positionOf(location),
    });
  }
  return { kind: "arrayOf", elementType, items, type: sqlType(oid), location };
}
