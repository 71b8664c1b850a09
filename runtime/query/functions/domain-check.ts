/** What must hold of the values of a domain, and the error of one that does not fulfil it. */
import { SqlError } from "../error.js";
import { arrayOf } from "../types/array.js";
import type { Datum } from "../types/datum.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import type { EvaluationContext } from "./context.js";
import type { ResolvedScalar } from "./registry.js";

export interface DomainRule {
  readonly domain: string;
  /** Its name in messages, with its schema where that is needed. */
  readonly label: string;
  readonly schema: string;
  /** Its name; null for NOT NULL. */
  readonly constraint: string | null;
}

export function domainViolated({ domain, label, schema, constraint }: DomainRule): SqlError {
  const fields = { schema, dataType: domain };
  if (constraint === null) return new SqlError("23502", `domain ${label} does not allow null values`, fields);
  return new SqlError("23514", `value for domain ${label} violates check constraint "${constraint}"`, {
    ...fields,
    constraint,
  });
}

/** A function of a value, and of what each rule says of it, that answers the value. */
export const domainCheck = (type: SqlType, rules: readonly DomainRule[]): ResolvedScalar => ({
  kind: "scalar",
  oid: 0,
  name: "domain",
  argumentTypes: [type, ...rules.map(() => sqlType(typeOid.bool))],
  resultType: type,
  volatility: "immutable",
  isStrict: false,
  evaluator: {
    arity: "any",
    call: ([value = null, ...held]) => {
      const broken = rules[held.indexOf(false)];
      if (broken !== undefined) throw domainViolated(broken);
      return value;
    },
  },
});

/** Whether a function that an expression calls is one of these two. */
export const isDomainCheck = ({ name, oid }: Pick<ResolvedScalar, "name" | "oid">): boolean =>
  name === "domain" && oid === 0;

/** Whether each of some values fulfils the rules, of which it says what `domainViolated` would throw. */
export type HoldElements = (values: readonly Datum[], context: EvaluationContext) => void;

/** A function of an array that throws for an element which does not fulfil the rules of a domain; answers the array, or that all do. */
export const elementsCheck = (array: SqlType, answer: "array" | "holds", hold: HoldElements): ResolvedScalar => ({
  kind: "scalar",
  oid: 0,
  name: "domain",
  argumentTypes: [array],
  resultType: answer === "array" ? array : sqlType(typeOid.bool),
  volatility: "immutable",
  isStrict: false,
  evaluator: {
    arity: 1,
    call: (value, context) => {
      if (value !== null) hold(arrayOf(value).items, context);
      return answer === "array" ? value : true;
    },
  },
});
