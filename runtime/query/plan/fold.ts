/**
 * Constants are computed once, when a statement is planned, as PostgreSQL does: `1 + 1` is 2, what follows FALSE in an AND is not looked at, a
 * branch of CASE that cannot be taken is left out. A constant that cannot be computed fails the statement although no row ever asks for it:
 * `SELECT 1/0 FROM t` of an empty table, `CASE WHEN x THEN 1/0 END`. It is kept apart, since a statement may be planned and never run.
 */

import { SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import type { Evaluator } from "../functions/registry.js";
import { SqlArray } from "../types/array.js";
import { arrayOfArrays } from "../types/array-parts.js";
import type { Datum } from "../types/datum.js";
import type { SqlType } from "../types/sql-type.js";
import type { BoundExpression } from "./expression.js";
import type { PlanNode } from "./plan.js";
import { mapExpressions, mapSubplans, withInputs } from "./rewrite.js";
import { inputsOf, mapParts } from "./walk.js";

type Constant = Extract<BoundExpression, { kind: "constant" }>;
type Kind<Name extends BoundExpression["kind"]> = Extract<BoundExpression, { kind: Name }>;

const constant = (value: Datum, type: SqlType, location: number): Constant => ({
  kind: "constant",
  value,
  type,
  location,
});

/** The value, or undefined when it is not known before a row is. */
const known = (expression: BoundExpression | undefined): Datum | undefined =>
  expression?.kind === "constant" ? expression.value : undefined;

export class ConstantFolder {
  readonly #context: EvaluationContext;
  /** The first constant that cannot be computed. */
  failing: BoundExpression | null = null;

  constructor(context: EvaluationContext) {
    this.#context = context;
  }

  /** Conditions of the tree, before they are taken apart: what stands behind a FALSE goes with it. */
  conditions(node: PlanNode): PlanNode {
    const changed = withInputs(
      node,
      inputsOf(node).map((input) => this.conditions(input)),
    );
    const isCondition = node.kind === "filter" || node.kind === "join";
    return mapExpressions(changed, (expression) => {
      const inner = mapSubplans(expression, (plan) => this.conditions(plan));
      return isCondition ? this.fold(inner) : inner;
    });
  }

  /** All expressions of a tree in which nothing is left that nobody uses. */
  all(node: PlanNode): PlanNode {
    const changed = withInputs(
      node,
      inputsOf(node).map((input) => this.all(input)),
    );
    return mapExpressions(changed, (expression) => this.fold(mapSubplans(expression, (plan) => this.all(plan))));
  }

  fold(expression: BoundExpression): BoundExpression {
    switch (expression.kind) {
      case "and":
        return this.#terms(expression, false);
      case "or":
        return this.#terms(expression, true);
      case "case":
        return this.#case(expression);
      case "coalesce":
        return this.#coalesce(expression);
      case "call":
        return this.#call(mapParts(expression, (part) => this.fold(part)) as Kind<"call">);
      case "cast":
        return this.#cast(mapParts(expression, (part) => this.fold(part)) as Kind<"cast">);
      case "not":
        return this.#not(mapParts(expression, (part) => this.fold(part)) as Kind<"not">);
      case "isTest":
        return this.#isTest(mapParts(expression, (part) => this.fold(part)) as Kind<"isTest">);
      case "arrayOf":
        return this.#array(mapParts(expression, (part) => this.fold(part)) as Kind<"arrayOf">);
      case "element":
        return this.#element(mapParts(expression, (part) => this.fold(part)) as Kind<"element">);
      default:
        return mapParts(expression, (part) => this.fold(part));
    }
  }

  /** @param decisive the value of a term that decides the whole: true for OR, false for AND */
  #terms(expression: Kind<"and" | "or">, decisive: boolean): BoundExpression {
    const { type, location } = expression;
    const left: BoundExpression[] = [];
    let isUnknown = false;
    for (const term of expression.terms) {
      const folded = this.fold(term);
      const value = known(folded);
      if (value === decisive) return constant(decisive, type, location);
      if (value === null) isUnknown = true;
      else if (value === undefined) left.push(folded);
    }
    const [only] = left;
    if (only === undefined) return constant(isUnknown ? null : !decisive, type, location);
    if (isUnknown) left.push(constant(null, type, location));
    return left.length === 1 ? only : { ...expression, terms: left };
  }

  #case(expression: Kind<"case">): BoundExpression {
    const branches: { readonly condition: BoundExpression; readonly result: BoundExpression }[] = [];
    for (const { condition, result } of expression.branches) {
      const folded = this.fold(condition);
      const value = known(folded);
      if (value === false || value === null) continue;
      if (value === true) return this.#caseOf(expression, branches, this.fold(result));
      branches.push({ condition: folded, result: this.fold(result) });
    }
    return this.#caseOf(expression, branches, this.fold(expression.otherwise));
  }

  #caseOf(expression: Kind<"case">, branches: Kind<"case">["branches"], otherwise: BoundExpression): BoundExpression {
    return branches.length === 0 ? otherwise : { ...expression, branches, otherwise };
  }

  #coalesce(expression: Kind<"coalesce">): BoundExpression {
    const items: BoundExpression[] = [];
    for (const item of expression.items) {
      const folded = this.fold(item);
      const value = known(folded);
      if (value === null) continue;
      items.push(folded);
      if (value !== undefined) break;
    }
    const [first] = items;
    if (first === undefined) return constant(null, expression.type, expression.location);
    return known(first) === undefined ? { ...expression, items } : first;
  }

  #not(expression: Kind<"not">): BoundExpression {
    const value = known(expression.term);
    if (value === undefined) return expression;
    return constant(value === null ? null : value !== true, expression.type, expression.location);
  }

  #isTest(expression: Kind<"isTest">): BoundExpression {
    const { test, isNegated, subject, type, location } = expression;
    const value = known(subject);
    if (value === undefined || (typeof value === "object" && value !== null)) return expression;
    const wanted = test === "true" ? true : test === "false" ? false : null;
    return constant((value === wanted) !== isNegated, type, location);
  }

  #array(expression: Kind<"arrayOf">): BoundExpression {
    const { items, elementType, isNested, type, location } = expression;
    const values: Datum[] = [];
    for (const item of items) {
      const value = known(item);
      if (value === undefined) return expression;
      values.push(value);
    }
    if (isNested === true) return constant(arrayOfArrays(elementType, values), type, location);
    return constant(new SqlArray(elementType, values), type, location);
  }

  #element(expression: Kind<"element">): BoundExpression {
    const { type, location } = expression;
    const array = known(expression.array);
    const indexes = expression.indexes.map(known);
    if (array === undefined || indexes.includes(undefined)) return expression;
    if (!(array instanceof SqlArray) || indexes.includes(null)) return constant(null, type, location);
    return constant(array.within(indexes.map(Number)), type, location);
  }

  #call(expression: Kind<"call">): BoundExpression {
    const { callee, type, location } = expression;
    const args: Datum[] = [];
    for (const argument of expression.arguments) {
      const value = known(argument);
      if (value !== undefined) args.push(value);
    }
    if (callee.isStrict && args.includes(null)) return constant(null, type, location);
    if (args.length < expression.arguments.length || callee.volatility !== "immutable") return expression;
    return this.#computed(expression, () => invoke(callee.evaluator, args, this.#context));
  }

  #cast(expression: Kind<"cast">): BoundExpression {
    const { cast, type, location } = expression;
    const value = known(expression.subject);
    if (value === undefined) return expression;
    if (value === null) return constant(null, type, location);
    if (cast.volatility !== "immutable") return expression;
    return this.#computed(expression, () => cast.convert(value, this.#context));
  }

  #computed(expression: BoundExpression, compute: () => Datum): BoundExpression {
    try {
      return constant(compute(), expression.type, expression.location);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      this.failing ??= expression;
      return expression;
    }
  }
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
  }
}
