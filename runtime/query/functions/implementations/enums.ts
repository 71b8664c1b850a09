/** Enums: their comparisons are those of the numbers that their values are (types/user-types.ts). */
import { assert } from "../../../types/assert.js";
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import type { Oid } from "../../types/sql-type.js";
import type { EnumLabels } from "../../types/text-context.js";
import { isEnum } from "../../types/user-types.js";
import type { EvaluationContext } from "../context.js";
import { type CallTypes, nullably, strictOf } from "../define.js";

const tests: Readonly<Record<string, (a: number, b: number) => Datum>> = {
  enum_eq: (a, b) => a === b,
  enum_ne: (a, b) => a !== b,
  enum_lt: (a, b) => a < b,
  enum_le: (a, b) => a <= b,
  enum_gt: (a, b) => a > b,
  enum_ge: (a, b) => a >= b,
  enum_cmp: (a, b) => Math.sign(a - b),
  enum_larger: (a, b) => Math.max(a, b),
  enum_smaller: (a, b) => Math.min(a, b),
};

const labels = (type: Oid, { names }: EvaluationContext): EnumLabels => {
  assert(isEnum(type), "a function of enums is called with one");
  const found = names.enumLabels(type);
  assert(found !== null, "an enum that a statement names is in its catalog");
  return found;
};

/** The first value (0) or the last (-1). */
function end(at: 0 | -1, type: Oid, context: EvaluationContext): Datum {
  const value = labels(type, context).values.at(at);
  if (value !== undefined) return value;
  throw new SqlError("55000", `enum ${context.names.nameOf("regtype", type) ?? type} contains no values`);
}

/** The values from one to another, each end open where it is NULL. */
function range(from: Datum, to: Datum, type: Oid, context: EvaluationContext): SqlArray {
  const { values } = labels(type, context);
  const isWithin = (value: number): boolean =>
    (typeof from !== "number" || value >= from) && (typeof to !== "number" || value <= to);
  return new SqlArray(type, values.filter(isWithin));
}

const typeOf = ({ args }: CallTypes): Oid => args[0] ?? 0;

export const enums = [
  ...Object.entries(tests).map(([name, test]) => strictOf(`${name}(anyenum,anyenum)`, test)),
  ...nullably({
    "enum_first(anyenum)": (_value, context, types) => end(0, typeOf(types), context),
    "enum_last(anyenum)": (_value, context, types) => end(-1, typeOf(types), context),
    "enum_range(anyenum)": (_value, context, types) => range(null, null, typeOf(types), context),
    "enum_range(anyenum,anyenum)": (from, to, context, types) => range(from, to, typeOf(types), context),
  }),
];
