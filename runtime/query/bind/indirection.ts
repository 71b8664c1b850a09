/** Steps into a value: fields, subscripts, slices. */
import { notSupported } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, Indirection } from "../syntax/ast-expression.js";
import { typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import { positionOf } from "./binder.js";
import { castTo, compare, callOf as textCall } from "./build-syntax.js";
import { arrayOf } from "./cast.js";
import type { ExpressionContext } from "./context.js";
import { fieldNamed } from "./field.js";
import { operation } from "./operator.js";
import type { Bind } from "./stored.js";
import { bindSubscripts, jsonbSubscript, noSubscripts } from "./subscript.js";

export function bindIndirection(expression: Indirection, context: ExpressionContext, bind: Bind): BoundExpression {
  // Steps as they are written: subscripts side by side go into one array.
  const steps: Indirection[] = [];
  let base: Expression = expression;
  for (; base.kind === "indirection"; base = base.subject) steps.unshift(base);
  let bound = bind(base, context);
  for (let at = 0; at < steps.length; ) {
    const step = steps[at];
    if (step === undefined) break;
    const isSubscript = ({ step: { kind } }: Indirection): boolean => kind === "index" || kind === "slice";
    const isOfArray = isSubscript(step) && elementTypeOf(bound.type.oid) !== 0 && bound.type.oid !== typeOid.name;
    const end = isOfArray ? steps.findIndex((each, index) => index > at && !isSubscript(each)) : at + 1;
    const run = steps.slice(at, end < 0 ? steps.length : end);
    bound = isOfArray ? bindSubscripts(bound, run, context, bind) : bindStep(bound, step, context, bind);
    at += run.length;
  }
  return bound;
}

function bindStep(
  subject: BoundExpression,
  expression: Indirection,
  context: ExpressionContext,
  bind: Bind,
): BoundExpression {
  const { binder } = context;
  const { step, location } = expression;
  switch (step.kind) {
    case "field":
      return fieldNamed(step.name, subject, expression, binder);
    case "star":
      throw notSupported('row expansion via "*" here', positionOf(location));
    case "index":
    case "slice": {
      if (subject.type.oid === typeOid.jsonb) {
        const { text } = jsonbSubscript(step, context, bind);
        return operation(binder, "#>", subject, arrayOf([text], typeOid.text, location), location);
      }
      if (subject.type.oid === typeOid.name && step.kind === "index")
        return bind(characterOf(expression.subject, step.index), context);
      throw noSubscripts(subject.type, location);
    }
  }
}

/** `relname[0]`: one character of a name, counted from 0. */
function characterOf(name: Expression, index: Expression): Expression {
  const one: Expression = { kind: "numberLiteral", text: "1", location: -1 };
  return castTo("char", textCall("substr", castTo("text", name), compare("+", index, one), one));
}
