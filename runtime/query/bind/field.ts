/** Columns of a row that is one value: `(t).a`, and `(t).*` in a select list. */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Indirection, Located } from "../syntax/ast-expression.js";
import { type RecordField, type SqlType, typeOid } from "../types/sql-type.js";
import { isRowType } from "../types/type-table.js";
import { isComposite } from "../types/user-types.js";
import { type Binder, positionOf } from "./binder.js";

/** The columns of a row; null where they are not known. */
export const fieldsOfType = (
  { oid, fields }: SqlType,
  { context }: Binder["environment"],
): readonly RecordField[] | null => (isComposite(oid) ? context.names.fieldsOf(oid) : (fields ?? null));

type Named = readonly [name: string, expression: BoundExpression];

/** Null where nobody knows what the row is of before it is there. */
function known(subject: BoundExpression, { environment }: Binder): readonly Named[] | null {
  if (subject.kind === "rowOf") return subject.items.map((item, index) => [subject.names[index] ?? "", item]);
  const { location } = subject;
  return (
    fieldsOfType(subject.type, environment)?.map(({ name, type }, index) => [
      name,
      { kind: "field", record: subject, index, type, location },
    ]) ?? null
  );
}

/** Throws 42703 for a column that the row does not have, 42809 for what is no row, 0A000 where its columns are not known. */
export function fieldNamed(
  wanted: string,
  subject: BoundExpression,
  { subject: syntax, location }: Indirection,
  binder: Binder,
): BoundExpression {
  const position = positionOf(location);
  if (!isRowType(subject.type.oid)) {
    const type = binder.labelOf(subject.type);
    const message = `column notation .${wanted} applied to type ${type}, which is not a composite type`;
    throw new SqlError("42809", message, { position });
  }
  const columns = known(subject, binder);
  if (columns === null) throw notSupported(`field "${wanted}" of this value`, position);
  const found = columns.find(([name]) => name === wanted);
  if (found !== undefined) return found[1];
  if (subject.type.oid !== typeOid.record) {
    const message = `column "${wanted}" not found in data type ${binder.labelOf(subject.type)}`;
    throw new SqlError("42703", message, { position });
  }
  if (subject.kind === "rowOf" && syntax.kind === "columnName")
    throw new SqlError("42703", `column ${syntax.parts.at(-1) ?? ""}.${wanted} does not exist`, { position });
  throw new SqlError("42703", `could not identify column "${wanted}" in record data type`, { position });
}

/** All columns of a row, for `(…).*`. */
export function fieldsOf(subject: BoundExpression, { location }: Located, binder: Binder): readonly Named[] {
  if (!isRowType(subject.type.oid))
    throw new SqlError("42809", `type ${binder.labelOf(subject.type)} is not composite`);
  const columns = known(subject, binder);
  if (columns === null) throw notSupported('row expansion via "*" of this value', positionOf(location));
  return columns;
}
