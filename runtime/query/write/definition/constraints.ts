/** Constraints as written become those of a table's definition, with the indexes that they need. */

import {
  type ColumnDefinition,
  type ConstraintDefinition,
  type Deferral,
  type ForeignKeyAction,
  type IndexDefinition,
  type IndexKey,
  primaryKeyOf,
  type StoredExpression,
} from "../../catalog/model.js";
import { isSystemColumn } from "../../catalog/system-column-names.js";
import { isTemporary } from "../../catalog/temporary.js";
import { notSupported, SqlError } from "../../error.js";
import { canCoerce } from "../../functions/coercion.js";
import type { ConstraintSyntax } from "../../syntax/ast-definition.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { columnsNamed } from "../../syntax/names-read.js";
import { storageOf } from "../../table/value-bytes.js";
import { hasOrder, isUnsorted } from "../../types/compare.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { elementTypeOf } from "../../types/type-table.js";
import { isComposite } from "../../types/user-types.js";
import { referenceOf } from "../reference-types.js";
import { type CatalogDraft, placeOf } from "./draft.js";
import { freeName } from "./names.js";
import type { DefinitionPorts } from "./ports.js";

export type ConstraintPart = Exclude<
  ConstraintSyntax,
  { kind: "notNull" | "null" | "default" | "identity" | "generated" }
>;
type KeyConstraint = Extract<ConstraintSyntax, { kind: "primaryKey" | "unique" }>;
type CheckConstraint = Extract<ConstraintSyntax, { kind: "check" }>;
type ReferenceConstraint = Extract<ConstraintSyntax, { kind: "foreignKey" }>;

/** A table on its way: what the constraints so far have made of it. */
export interface TableParts {
  readonly oid: number;
  readonly name: string;
  readonly schema: number;
  readonly storage: number;
  readonly isUnlogged?: true;
  columns: ColumnDefinition[];
  keyColumns: number[];
  constraints: ConstraintDefinition[];
  indexes: IndexDefinition[];
}

/** Columns of a unique index. */
interface UniqueKey {
  readonly columns: readonly number[];
  readonly isDeferrable: boolean;
}

const uniqueKeys = (indexes: readonly IndexDefinition[]): readonly UniqueKey[] =>
  indexes
    .filter(({ isUnique, predicate }) => isUnique && predicate === null)
    .map(({ keys, isDeferrable }) => ({
      columns: keys.map(({ column }) => column),
      isDeferrable: isDeferrable === true,
    }));

interface ReferencedTable {
  readonly oid: number;
  readonly schema: number;
  readonly name: string;
  readonly columns: readonly ColumnDefinition[];
  readonly keyColumns: readonly number[];
  readonly constraints: readonly ConstraintDefinition[];
  readonly isUnlogged?: true;
  readonly unique: readonly UniqueKey[];
}

export function expectPlain(constraint: ConstraintSyntax): void {
  const position = placeOf(constraint.location);
  const isTimed = constraint.kind === "primaryKey" || constraint.kind === "unique" || constraint.kind === "foreignKey";
  if (!isTimed && deferralOf(constraint) !== undefined) throw notSupported("a deferrable check", position);
}

/** When a constraint is looked at, as it was written. */
export const deferralOf = ({ isDeferrable, isInitiallyDeferred }: Deferrable): Deferral | undefined =>
  isInitiallyDeferred ? "initiallyDeferred" : isDeferrable ? "initiallyImmediate" : undefined;

type Deferrable = Pick<ConstraintSyntax, "isDeferrable" | "isInitiallyDeferred">;

/** As part of a definition: nothing of what is always looked at at once. */
const timed = (constraint: Deferrable): { readonly deferral?: Deferral } => {
  const deferral = deferralOf(constraint);
  return deferral === undefined ? {} : { deferral };
};

const validity = ({ isNotValid }: ConstraintSyntax): { readonly isNotValid?: true } =>
  isNotValid ? { isNotValid } : {};

/** Throws 42701 for a name that no column may have. */
export function expectOwnName(name: string, position?: number): void {
  if (!isSystemColumn(name)) return;
  throw new SqlError("42701", `column name "${name}" conflicts with a system column name`, { position });
}

export function columnNamed(columns: readonly ColumnDefinition[], name: string): ColumnDefinition | null {
  return columns.find((column) => !column.isDropped && column.name === name) ?? null;
}

/** Numbers of the columns that a key names. */
function keyColumns(
  parts: TableParts,
  names: readonly string[],
  constraint: ConstraintSyntax,
  isAltered: boolean,
): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const column = columnNamed(parts.columns, name);
    const position = placeOf(constraint.location);
    if (column === null && isAltered && constraint.kind === "primaryKey")
      throw new SqlError("42703", `column "${name}" of relation "${parts.name}" does not exist`);
    if (column === null)
      throw new SqlError("42703", `column "${name}" named in key does not exist`, isAltered ? {} : { position });
    if (numbers.includes(column.number)) {
      const what = constraint.kind === "primaryKey" ? "primary key" : "unique";
      throw new SqlError("42701", `column "${name}" appears twice in ${what} constraint`, { position });
    }
    numbers.push(column.number);
  }
  return numbers;
}

export function expectIndexable({ type: { oid } }: Pick<ColumnDefinition, "type">): void {
  if (isComposite(oid) || isComposite(elementTypeOf(oid))) throw notSupported(`a key of type ${typeLabel(oid)}`);
  if (storageOf(oid) === null || !hasOrder(oid) || isUnsorted(oid)) throw noOperatorClass(typeLabel(oid));
}

export const noOperatorClass = (type: string): SqlError =>
  new SqlError("42704", `data type ${type} has no default operator class for access method "btree"`, {
    hint: "You must specify an operator class for the index or define a default operator class for the data type.",
  });

const ascending = (column: ColumnDefinition): IndexKey => ({
  column: column.number,
  expression: null,
  type: column.type,
  isDescending: false,
  nullsFirst: false,
});

/** An expression with its text. */
export type StoreExpression = (syntax: Expression) => StoredExpression;

export class ConstraintMaker {
  readonly #draft: CatalogDraft;
  readonly #parts: TableParts;
  readonly #store: StoreExpression;
  readonly #ports: Pick<DefinitionPorts, "lockTable">;

  constructor(
    draft: CatalogDraft,
    parts: TableParts,
    store: StoreExpression,
    ports: Pick<DefinitionPorts, "lockTable">,
  ) {
    this.#ports = ports;
    this.#store = store;
    this.#draft = draft;
    this.#parts = parts;
  }

  /** Names of constraints are a table's own; those of keys are their indexes' too, which share a name space with tables. */
  #isTaken(name: string, isRelation: boolean): boolean {
    const { constraints, indexes, schema, name: own } = this.#parts;
    if (constraints.some((each) => each.name === name)) return true;
    return (
      isRelation && (own === name || indexes.some((index) => index.name === name) || this.#draft.isTaken(schema, name))
    );
  }

  #nameOf(constraint: ConstraintSyntax, columns: string | null, label: string, isRelation: boolean): string {
    if (constraint.name !== null) {
      if (isRelation && this.#draft.isTaken(this.#parts.schema, constraint.name)) {
        throw new SqlError("42P07", `relation "${constraint.name}" already exists`);
      }
      if (this.#isTaken(constraint.name, isRelation)) {
        throw new SqlError(
          "42710",
          `constraint "${constraint.name}" for relation "${this.#parts.name}" already exists`,
        );
      }
      return constraint.name;
    }
    return freeName(this.#parts.name, columns, label, (name) => this.#isTaken(name, isRelation));
  }

  /** @param own the column that the constraint was written at */
  add(constraint: ConstraintPart, own: string | null): ConstraintDefinition {
    expectPlain(constraint);
    switch (constraint.kind) {
      case "primaryKey":
      case "unique":
        return this.#key(constraint, own);
      case "check":
        return this.#check(constraint);
      case "foreignKey":
        return this.#reference(constraint, own);
    }
  }

  #key(constraint: KeyConstraint, own: string | null): ConstraintDefinition {
    const parts = this.#parts;
    const position = placeOf(constraint.location);
    if (constraint.index !== null) throw notSupported("a constraint USING INDEX", position);
    const isPrimary = constraint.kind === "primaryKey";
    // What is wrong with a table that is there PostgreSQL finds when it no longer knows the places.
    const isAltered = this.#draft.catalog.objectByOid(parts.oid) !== null;
    const isSecond = isPrimary && primaryKeyOf(parts) !== null;
    const second = `multiple primary keys for table "${parts.name}" are not allowed`;
    if (isSecond && !isAltered) throw new SqlError("42P16", second, { position });
    const names = own === null ? constraint.columns : [own];
    const numbers = keyColumns(parts, names, constraint, isAltered);
    if (isSecond) throw new SqlError("42P16", second);
    const columns = numbers.map((number) => parts.columns[number - 1]).filter((column) => column !== undefined);
    for (const column of columns) expectIndexable(column);
    const included = keyColumns(parts, constraint.included, constraint, isAltered);
    // Rows lie in the order of their primary key, unless several may have one for a while.
    const isOfRows = isPrimary && deferralOf(constraint) === undefined;
    const name = isPrimary
      ? this.#nameOf(constraint, null, "pkey", true)
      : this.#nameOf(constraint, names.join("_"), "key", true);
    const index: IndexDefinition = {
      kind: "index",
      oid: this.#draft.newOid(),
      name,
      schema: parts.schema,
      table: parts.oid,
      storage: 0,
      keys: columns.map(ascending),
      included,
      isUnique: true,
      ...(constraint.nullsNotDistinct ? { nullsAreEqual: true as const } : {}),
      isPrimary: isOfRows,
      ...(deferralOf(constraint) === undefined ? {} : { isDeferrable: true as const }),
      predicate: null,
    };
    parts.indexes.push({ ...index, storage: isOfRows ? parts.storage : index.oid });
    if (isOfRows) parts.keyColumns = numbers;
    if (isPrimary) {
      parts.columns = parts.columns.map((column) =>
        numbers.includes(column.number) ? { ...column, isNotNull: true } : column,
      );
    }
    const made: ConstraintDefinition = {
      kind: constraint.kind,
      oid: this.#draft.newOid(),
      name,
      columns: numbers,
      index: index.oid,
      ...timed(constraint),
    };
    parts.constraints.push(made);
    return made;
  }

  #check(constraint: CheckConstraint): ConstraintDefinition {
    const { expression: syntax } = constraint;
    const named = onlyColumn(syntax);
    const made: ConstraintDefinition = {
      kind: "check",
      oid: this.#draft.newOid(),
      name: this.#nameOf(constraint, named, "check", false),
      expression: this.#store(syntax),
      ...validity(constraint),
    };
    this.#parts.constraints.push(made);
    return made;
  }

  #reference(constraint: ReferenceConstraint, own: string | null): ConstraintDefinition {
    const parts = this.#parts;
    const position = placeOf(constraint.location);
    const names = own === null ? constraint.columns : [own];
    if (constraint.match === "partial") throw notSupported("MATCH PARTIAL", position);
    const columns = names.map((name) => {
      const column = columnNamed(parts.columns, name);
      if (column !== null) return column;
      throw new SqlError("42703", `column "${name}" referenced in foreign key constraint does not exist`, { position });
    });
    if (columns.some(({ generated }) => generated !== null)) {
      const refused = (event: string): SqlError =>
        new SqlError("42601", `invalid ${event} action for foreign key constraint containing generated column`);
      if (constraint.onUpdate !== "noAction" && constraint.onUpdate !== "restrict") throw refused("ON UPDATE");
      if (constraint.onDelete === "setNull" || constraint.onDelete === "setDefault") throw refused("ON DELETE");
    }
    const parent = this.#parent(constraint);
    this.#expectSameLife(parent);
    const referenced = this.#referencedColumns(parent, constraint, columns.length);
    const name = this.#nameOf(constraint, names.join("_"), "fkey", false);
    for (const [index, column] of columns.entries())
      expectComparable(name, column, referenced[index], constraint.onUpdate, position);
    const changed = deleteColumns(parts.columns, columns, constraint);
    const made: ConstraintDefinition = {
      kind: "foreignKey",
      oid: this.#draft.newOid(),
      name,
      columns: columns.map(({ number }) => number),
      referencedTable: parent.oid,
      referencedColumns: referenced.map(({ number }) => number),
      onUpdate: constraint.onUpdate satisfies ForeignKeyAction,
      onDelete: constraint.onDelete satisfies ForeignKeyAction,
      ...(constraint.match === "full" ? { match: "full" as const } : {}),
      ...(changed === null ? {} : { deleteColumns: changed }),
      ...timed(constraint),
      ...validity(constraint),
    };
    parts.constraints.push(made);
    return made;
  }

  /** What goes with a session, or may go with a crash, is not referred to by what stays. */
  #expectSameLife(parent: ReferencedTable): void {
    const { catalog } = this.#draft;
    const [own, other] = [this.#parts.schema, parent.schema].map((schema) => isTemporary(catalog, schema));
    const refused = (kind: string, kinds: string): SqlError =>
      new SqlError("42P16", `constraints on ${kind} tables may reference only ${kinds} tables`);
    if (own === true && other !== true) throw refused("temporary", "temporary");
    const isUnlogged = this.#parts.isUnlogged === true;
    if (isUnlogged && other === true) throw refused("unlogged", "permanent or unlogged");
    if (own !== true && !isUnlogged && (other === true || parent.isUnlogged === true))
      throw refused("permanent", "permanent");
  }

  /** The referenced table, which may be this one. */
  #parent({ table }: ReferenceConstraint): ReferencedTable {
    const parts = this.#parts;
    const found = this.#draft.find(table);
    const isSelf = (found === null && table.name === parts.name) || found?.oid === parts.oid;
    if (isSelf) return { ...parts, unique: uniqueKeys(parts.indexes) };
    const parent = this.#draft.table(table);
    // Who has removed a row of it and not committed would have seen nothing that refers to the row.
    this.#ports.lockTable(parent, "SHARE ROW EXCLUSIVE");
    return { ...parent, unique: uniqueKeys(this.#draft.catalog.indexesOf(parent)) };
  }

  #referencedColumns(parent: ReferencedTable, constraint: ReferenceConstraint, count: number): ColumnDefinition[] {
    const position = placeOf(constraint.location);
    let columns: ColumnDefinition[];
    if (constraint.referencedColumns.length === 0) {
      const primary = primaryKeyOf(parent);
      if (primary === null)
        throw new SqlError("42704", `there is no primary key for referenced table "${parent.name}"`, { position });
      if (primary.deferral !== undefined)
        throw new SqlError("55000", `cannot use a deferrable primary key for referenced table "${parent.name}"`);
      columns = primary.columns.flatMap((number) => parent.columns[number - 1] ?? []);
    } else {
      columns = constraint.referencedColumns.map((name) => {
        const column = columnNamed(parent.columns, name);
        if (column !== null) return column;
        throw new SqlError("42703", `column "${name}" referenced in foreign key constraint does not exist`, {
          position,
        });
      });
    }
    if (columns.length !== count) {
      throw new SqlError("42830", "number of referencing and referenced columns for foreign key disagree", {
        position,
      });
    }
    const numbers = columns.map(({ number }) => number);
    const isKey = (key: readonly number[]): boolean =>
      key.length === numbers.length && key.every((number) => numbers.includes(number));
    const unique = parent.unique.filter(({ columns: key }) => isKey(key));
    if (!isKey(parent.keyColumns) && unique.length > 0 && unique.every(({ isDeferrable }) => isDeferrable)) {
      throw new SqlError("55000", `cannot use a deferrable unique constraint for referenced table "${parent.name}"`);
    }
    if (!isKey(parent.keyColumns) && unique.length === 0) {
      throw new SqlError(
        "42830",
        `there is no unique constraint matching given keys for referenced table "${parent.name}"`,
        { position },
      );
    }
    return columns;
  }
}

/** Numbers of the columns that ON DELETE SET NULL or SET DEFAULT names; null where it names none. */
function deleteColumns(
  all: readonly ColumnDefinition[],
  own: readonly ColumnDefinition[],
  { deleteColumns: names }: ReferenceConstraint,
): number[] | null {
  if (names.length === 0) return null;
  return names.map((name) => {
    const column = columnNamed(all, name);
    if (column === null)
      throw new SqlError("42703", `column "${name}" referenced in foreign key constraint does not exist`);
    if (own.includes(column)) return column.number;
    throw new SqlError("42P10", `column "${name}" referenced in ON DELETE SET action must be part of foreign key`);
  });
}

const timeTypes: ReadonlySet<Oid> = new Set([typeOid.date, typeOid.timestamp, typeOid.timestamptz]);

/** Values of both sides of a foreign key can be compared. Throws 42804 for those that cannot, 0A000 where PostgreSQL would. */
export function expectComparable(
  name: string,
  column: ColumnDefinition,
  referenced: ColumnDefinition | undefined,
  onUpdate: ForeignKeyAction,
  position: number | undefined,
): void {
  if (referenced === undefined) return;
  const [from, to] = [column.type.oid, referenced.type.oid];
  const how = referenceOf(from, to);
  if (how === "same" || (how === "converted" && onUpdate !== "cascade")) return;
  const labels = [typeLabel(from), typeLabel(to)] as const;
  if (how === "converted") throw notSupported(`ON UPDATE CASCADE from ${labels[1]} to ${labels[0]}`, position);
  // Values of these types compare in PostgreSQL, and have different keys here.
  if ((timeTypes.has(from) && timeTypes.has(to)) || canCoerce(from, to, "implicit"))
    throw notSupported(`a foreign key from ${labels[0]} to ${labels[1]}`, position);
  throw new SqlError("42804", `foreign key constraint "${name}" cannot be implemented`, {
    position,
    detail: `Key columns "${column.name}" and "${referenced.name}" are of incompatible types: ${labels[0]} and ${labels[1]}.`,
  });
}

/** The column that an expression uses when it uses one only: it gives a check its name. */
function onlyColumn(syntax: unknown): string | null {
  const [name, ...others] = new Set(columnsNamed(syntax));
  return others.length === 0 ? (name ?? null) : null;
}
