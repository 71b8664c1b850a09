/** Calls of `jsonb_populate_record` and its kin: their columns are those of the row that stands first, `NULL::t` for one of a table. */
import { SqlError } from "../error.js";
import { type PopulateName, populatedRecord, populatedRows } from "../functions/implementations/json-populate.js";
import type { ResolvedScalar, ResolvedSet } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Expression, FunctionCall, TypeName } from "../syntax/ast-expression.js";
import { recordType, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { precisionWarning, secondDigitsMax } from "../types/type-name.js";
import { elementTypeOf, isRowType } from "../types/type-table.js";
import { type Binder, positionOf } from "./binder.js";
import { coerce, isUnknown } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { fieldsOfType } from "./field.js";
import { findRelation } from "./relation.js";
import type { Bind } from "./stored.js";
import { bindTypeName, userTypesOf } from "./type-name.js";

export interface PopulateCall {
  readonly record: ResolvedScalar | null;
  readonly rows: ResolvedSet;
  readonly args: readonly BoundExpression[];
}

const isPopulate = (name: string): name is PopulateName => /^jsonb?_populate_record(?:set)?$/u.test(name);

/** Null for another function. Throws 42804 for what is no row. */
export function populateCall(call: FunctionCall, context: ExpressionContext, bind: Bind): PopulateCall | null {
  const name = call.name.at(-1) ?? "";
  const isBuiltIn = call.name.length === 1 || call.name.at(-2) === "pg_catalog";
  if (!isPopulate(name) || !isBuiltIn || call.arguments.length !== 2) return null;
  const [base, json] = call.arguments.map((item) => bind(item, context));
  if (base === undefined || json === undefined || call.isVariadic) return null;
  if (isUnknown(base))
    throw new SqlError("42804", "could not determine polymorphic type because input has type unknown");
  if (!isRowType(base.type.oid)) throw new SqlError("42804", `first argument of ${name} must be a row type`);
  const type = base.kind === "rowOf" && base.type.oid === typeOid.record ? rowType(base) : base.type;
  const columns = fieldsOfType(type, context.binder.environment);
  const rows = populatedRows(name, type, columns);
  const record = name.endsWith("set") || columns === null ? null : populatedRecord(name, type, columns);
  const document = coerce(context.binder, json, rows.argumentTypes[1] ?? json.type, "implicit");
  if (document === null) return null;
  return { record, rows, args: [base, document] };
}

/** Columns of ROW(…) have no names that anybody gave them. */
const rowType = ({ names, items, type }: Extract<BoundExpression, { kind: "rowOf" }>): SqlType =>
  names.length === 0
    ? sqlType(type.oid)
    : recordType(items.map((item, at) => ({ name: names[at] ?? "", type: item.type })));

/** `NULL::t`: no row of a table or a view. Null where the type's name is none of theirs. Throws 0A000 in what is stored. */
function noRowOf(name: TypeName, binder: Binder, location: number): BoundExpression | null {
  if (name.names.length === 0 || name.names.length > 2 || name.arrayDimensions > 0 || name.oid !== undefined)
    return null;
  const [relationName = "", schema = null] = name.names.toReversed();
  const found = findRelation(
    { database: null, schema, name: relationName, location: name.location },
    binder.environment,
  );
  if (found === null || !("columns" in found.relation)) return null;
  const { relation } = found;
  const columns = relation.columns.filter((column) => !("isDropped" in column && column.isDropped));
  binder.namesRowTypes ??= positionOf(name.location) ?? -1;
  const fields = columns.map((column) => ({ name: column.name, type: column.type }));
  return { kind: "constant", value: null, type: recordType(fields), location };
}

/** More digits of a second than there are: PostgreSQL warns of them. */
function warnOfPrecision({ oid }: SqlType, { modifiers, location }: TypeName, binder: Binder): void {
  const last = modifiers.at(-1);
  if (last?.kind !== "integerLiteral" || last.value <= secondDigitsMax) return;
  const element = elementTypeOf(oid);
  const type = element === 0 ? oid : element;
  if (type === typeOid.interval && modifiers.length < 2) return;
  const warning = precisionWarning(type, last.value);
  if (warning !== null) binder.warn("22023", warning, location);
}

/** The type that is meant, or the row that `NULL::t` is none of. */
export function castTarget(
  { subject, type, location }: Extract<Expression, { kind: "cast" }>,
  binder: Binder,
): SqlType | BoundExpression {
  try {
    const target = bindTypeName(type, userTypesOf(binder.environment));
    warnOfPrecision(target, type, binder);
    return target;
  } catch (error) {
    const none = subject.kind === "nullLiteral" ? noRowOf(type, binder, location) : null;
    if (none === null) throw error;
    return none;
  }
}
