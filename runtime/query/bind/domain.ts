/** Domains: their conditions over a value, and values that are made ones of a domain. */
import type { DomainDefinition } from "../catalog/model.js";
import { domainsBeneath, elementDomainIn } from "../catalog/user-types.js";
import { notSupported, SqlError } from "../error.js";
import { rowFunction } from "../execute/parameter-value.js";
import type { EvaluationContext } from "../functions/context.js";
import { type DomainRule, domainCheck, domainViolated, elementsCheck } from "../functions/domain-check.js";
import type { BoundExpression } from "../plan/expression.js";
import { isVolatile } from "../plan/walk.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { compareText } from "../types/text.js";
import { typeLabel } from "../types/type-name.js";
import { type Binder, positionOf } from "./binder.js";
import type { DomainParameter } from "./bound.js";
import { coerce, coerceTo } from "./coerce.js";
import { plainContext } from "./context.js";
import { Scope } from "./scope.js";
import { type Bind, bindStored } from "./stored.js";

export interface BoundDomainRule {
  readonly rule: DomainRule;
  readonly expression: BoundExpression;
}

/** The domain that a type is of; null for any other. */
export function domainOf({ domain }: SqlType, { environment }: Binder): DomainDefinition | null {
  const object = domain === undefined ? null : environment.catalog.objectByOid(domain);
  return object?.kind === "domain" ? object : null;
}

/** The domain of whose values an array is; null for any other type. */
const elementDomainOf = ({ domain }: SqlType, { environment }: Binder): DomainDefinition | null =>
  domain === undefined ? null : elementDomainIn(environment.catalog, domain);

/** What must hold of a column of the type. Of arrays the error of an element is thrown as it is found. */
export function columnRules(
  type: SqlType,
  column: BoundExpression,
  binder: Binder,
  bind: Bind,
): readonly BoundDomainRule[] {
  const domain = domainOf(type, binder);
  if (domain !== null) return domainRules(domain, column, binder, bind);
  const element = elementDomainOf(type, binder);
  const held = element === null ? null : elementsHeld(element, column, "holds", type, binder, bind);
  if (element === null || held === null) return [];
  const { name, oid } = element;
  const label = binder.environment.context.names.nameOf("regtype", oid) ?? name;
  return [{ rule: { domain: name, label, schema: "", constraint: "" }, expression: held }];
}

/** An array whose elements are looked at, one after the other; null where nothing is demanded of them. */
function elementsHeld(
  domain: DomainDefinition,
  value: BoundExpression,
  answer: "array" | "holds",
  type: SqlType,
  binder: Binder,
  bind: Bind,
): BoundExpression | null {
  const id = binder.newId();
  const element: BoundExpression = { kind: "column", id, name: "value", type: domain.base, location: -1 };
  const rules = domainRules(domain, element, binder, bind);
  if (rules.length === 0) return null;
  const expressions = rules.map(({ expression }) => expression);
  const compiled = new WeakMap<EvaluationContext, ReturnType<typeof rowFunction>>();
  const callee = elementsCheck(type, answer, (values, context) => {
    const hold = compiled.get(context) ?? rowFunction(expressions, [id], context);
    compiled.set(context, hold);
    for (const each of values) {
      const broken = rules[hold([each]).indexOf(false)];
      if (broken !== undefined) throw domainViolated(broken.rule);
    }
  });
  const { location } = value;
  return { kind: "call", callee, arguments: [value], form: "function", type: callee.resultType, location };
}

/**
 * What must hold of a value: NOT NULL first, then the conditions by their names, in which it is called VALUE. Those of domains beneath come
 * before those over them, and are told as this one's.
 */
export function domainRules(
  domain: DomainDefinition,
  value: BoundExpression,
  binder: Binder,
  bind: Bind,
): readonly BoundDomainRule[] {
  const { catalog, context } = binder.environment;
  const schema = catalog.objectByOid(domain.schema);
  const rule = (constraint: string | null): DomainRule => ({
    domain: domain.name,
    label: context.names.nameOf("regtype", domain.oid) ?? domain.name,
    schema: schema?.kind === "schema" ? schema.name : "",
    constraint,
  });
  const levels = domainsBeneath(domain, catalog);
  const bound = levels.flatMap(({ base: type, checks }): readonly BoundDomainRule[] => {
    const column = { name: "value", id: binder.newId(), type, table: 0, column: 0, expression: value };
    const scope = new Scope({ relations: [], columns: [column] }, null, null);
    return [...checks]
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ name, expression }) => ({
        rule: rule(name),
        expression: coerceTo(
          binder,
          bindStored(expression, plainContext(binder, scope, "check constraints"), bind),
          typeOid.bool,
          "CHECK",
        ),
      }));
  });
  if (!levels.some(({ isNotNull }) => isNotNull)) return bound;
  const isThere: BoundExpression = {
    kind: "isTest",
    test: "null",
    isNegated: true,
    subject: value,
    type: sqlType(typeOid.bool),
    location: -1,
  };
  return [{ rule: rule(null), expression: isThere }, ...bound];
}

/** Throws what the default of a domain would throw: 42804 for one of another type. */
export function expectDefault({ base, name, default: stored }: DomainDefinition, binder: Binder, bind: Bind): void {
  if (stored === null) return;
  const scope = new Scope({ relations: [], columns: [] }, null, null);
  const bound = bindStored(stored, plainContext(binder, scope, "DEFAULT expressions"), bind);
  if (coerce(binder, bound, base, "assignment") !== null) return;
  throw new SqlError(
    "42804",
    `column "${name}" is of type ${typeLabel(base.oid)} but default expression is of type ${typeLabel(bound.type.oid)}`,
    { hint: "You will need to rewrite or cast the expression." },
  );
}

/** A value of the type beneath as one of the domain. */
export function asDomainValue(value: BoundExpression, type: SqlType, binder: Binder, bind: Bind): BoundExpression {
  const domain = domainOf(type, binder);
  const element = elementDomainOf(type, binder);
  if (domain === null && element === null) return value;
  // A parameter of the domain was held against it when it came.
  if (value.kind === "parameter" && binder.parameterType(value.index + 1)?.domain === type.domain) return value;
  return held(value, type, binder, bind) ?? { ...value, type };
}

/** Null for a type that is of no domain, and where nothing is demanded of the elements of an array. */
function held(value: BoundExpression, type: SqlType, binder: Binder, bind: Bind): BoundExpression | null {
  const domain = domainOf(type, binder);
  if (domain !== null) return heldAgainst(domain, value, type, binder, bind);
  const element = elementDomainOf(type, binder);
  return element === null ? null : elementsHeld(element, value, "array", type, binder, bind);
}

function heldAgainst(
  domain: DomainDefinition,
  value: BoundExpression,
  type: SqlType,
  binder: Binder,
  bind: Bind,
): BoundExpression {
  const { location } = value;
  const rules = domainRules(domain, value, binder, bind);
  if (rules.length === 0) return { ...value, type };
  if (isVolatile(value)) throw notSupported("a volatile expression as a value of a domain", positionOf(location));
  const callee = domainCheck(
    type,
    rules.map(({ rule }) => rule),
  );
  const held = rules.map(({ expression }) => expression);
  return { kind: "call", callee, arguments: [value, ...held], form: "function", type, location };
}

/** What must hold of parameters that are of domains. */
export const domainParameters = (types: readonly SqlType[], binder: Binder, bind: Bind): readonly DomainParameter[] =>
  types.flatMap((type, index): DomainParameter[] => {
    if (domainOf(type, binder) === null && elementDomainOf(type, binder) === null) return [];
    const parameter: BoundExpression = { kind: "parameter", index, type, location: -1 };
    return [{ index, type, value: held(parameter, type, binder, bind) ?? parameter }];
  });
