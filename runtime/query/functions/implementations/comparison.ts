/**
 * `=`, `<>`, `<`, `<=`, `>`, `>=` of every pair of types for which PostgreSQL has them and that share one representation, with the
 * functions behind B-trees (`…cmp`) and those that keep the larger or smaller: all made from the types' one comparison.
 */
import { SqlError } from "../../error.js";
import { comparatorOf, compareForEquality, hasOrder } from "../../types/compare.js";
import type { Datum, Value } from "../../types/datum.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { elementTypeOf } from "../../types/type-table.js";
import { type Implementation, strictly, strictOf } from "../define.js";
import { allOperators, allProcedures, procedureOf } from "../procedures.js";

type Test = (a: Value, b: Value) => Datum;

const families: readonly (readonly Oid[])[] = [
  [typeOid.int2, typeOid.int4, typeOid.int8],
  [typeOid.float4, typeOid.float8],
  [typeOid.name, typeOid.text],
];

/** The type whose order two types share; 0 when they share none. */
function sharedType(left: Oid, right: Oid): Oid {
  const comparable = (oid: Oid): Oid => (oid === typeOid.anyarray ? oid : hasOrder(oid) ? oid : 0);
  if (left === right) return comparable(left);
  const family = families.find((types) => types.includes(left) && types.includes(right));
  return family?.at(-1) ?? 0;
}

/** Numbers and booleans compare by JavaScript's own operators, which is most of what is compared. */
const plainNumbers = new Set<Oid>([
  typeOid.bool,
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.money,
  typeOid.oid,
  typeOid.tid,
  typeOid.date,
  typeOid.time,
  typeOid.timestamp,
  typeOid.timestamptz,
]);
/** Equality of these is identity. */
const plainEquality = new Set<Oid>([
  ...plainNumbers,
  typeOid.text,
  typeOid.name,
  typeOid.uuid,
  typeOid.char,
  typeOid.macaddr,
  typeOid.macaddr8,
  typeOid.bit,
  typeOid.varbit,
]);

function testOf(operator: string, type: Oid): Test | null {
  if (plainEquality.has(type)) {
    if (operator === "=") return (a, b) => a === b;
    if (operator === "<>") return (a, b) => a !== b;
  }
  if (plainNumbers.has(type))
    switch (operator) {
      case "<":
        return (a, b) => a < b;
      case "<=":
        return (a, b) => a <= b;
      case ">":
        return (a, b) => a > b;
      case ">=":
        return (a, b) => a >= b;
      default:
        return null;
    }
  const isOfEquality = type === typeOid.record && (operator === "=" || operator === "<>");
  const compare = isOfEquality ? compareForEquality : comparatorOf(type);
  switch (operator) {
    case "=":
      return (a, b) => compare(a, b) === 0;
    case "<>":
      return (a, b) => compare(a, b) !== 0;
    case "<":
      return (a, b) => compare(a, b) < 0;
    case "<=":
      return (a, b) => compare(a, b) <= 0;
    case ">":
      return (a, b) => compare(a, b) > 0;
    case ">=":
      return (a, b) => compare(a, b) >= 0;
    default:
      return null;
  }
}

function operators(): Implementation[] {
  const found = new Map<string, Implementation>();
  for (const { name, left, right, procedure } of allOperators) {
    const facts = procedureOf(procedure);
    const type = sharedType(left, right);
    if (facts === null || type === 0 || type === typeOid.anyarray || found.has(facts.signature)) continue;
    const test = testOf(name, type);
    if (test !== null) found.set(facts.signature, strictOf(facts.signature, test));
  }
  return [...found.values()];
}

/** Functions named for what they do with two values of a type. */
const named: readonly (readonly [pattern: RegExp, make: (type: Oid) => Test])[] = [
  [/^(?:bt\w+cmp|\w+_cmp|bpcharcmp|byteacmp|bitcmp|varbitcmp|xid8cmp)\(/u, (type) => comparatorOf(type)],
  [
    /^\w+larger\(/u,
    (type) => {
      const compare = comparatorOf(type);
      return (a, b) => (compare(a, b) > 0 ? a : b);
    },
  ],
  [
    /^\w+smaller\(/u,
    (type) => {
      const compare = comparatorOf(type);
      return (a, b) => (compare(a, b) < 0 ? a : b);
    },
  ],
];

function namedFunctions(): Implementation[] {
  return allProcedures.flatMap(({ signature, argumentTypes: [left = 0, right = 0], isStrict }) => {
    const rule = named.find(([pattern]) => pattern.test(signature));
    const type = sharedType(left, right);
    if (rule === undefined || type === 0 || type === typeOid.anyarray || !isStrict || /pattern|image/u.test(signature))
      return [];
    return [strictOf(signature, rule[1](type))];
  });
}

/** Arrays of one element type: which comparison it is, is known when the call is resolved. */
function arrayOperators(): Implementation[] {
  const tests: Readonly<Record<string, (order: number) => boolean>> = {
    array_eq: (order) => order === 0,
    array_ne: (order) => order !== 0,
    array_lt: (order) => order < 0,
    array_le: (order) => order <= 0,
    array_gt: (order) => order > 0,
    array_ge: (order) => order >= 0,
  };
  return Object.entries(tests).map(([name, test]) => ({
    kind: "scalar",
    signature: `${name}(anyarray,anyarray)`,
    isStrict: true,
    call: (a, b, _context, types) => {
      const type = arrayTypeIn(types);
      const what = name === "array_eq" || name === "array_ne" ? "an equality operator" : "a comparison function";
      if (!hasOrder(type))
        throw new SqlError("42883", `could not identify ${what} for type ${typeLabel(elementTypeOf(type))}`);
      return test(comparatorOf(type)(a as Value, b as Value));
    },
  }));
}

const arrayTypeIn = (types: unknown): Oid => (types as { readonly args: readonly Oid[] }).args[0] ?? 0;

/** A transaction's number is unsigned. */
const transactionIds = strictly({
  "xideqint4(xid,int4)": (id, number) => id === number >>> 0,
  "xidneqint4(xid,int4)": (id, number) => id !== number >>> 0,
});

export const comparisons: readonly Implementation[] = [
  ...operators(),
  ...namedFunctions(),
  ...arrayOperators(),
  ...transactionIds,
];
