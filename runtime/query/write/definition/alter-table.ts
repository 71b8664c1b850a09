/** ALTER TABLE: one action after the other, each on what the one before has made. */
import { assert, unreachable } from "../../../types/assert.js";
import type {
  Catalog,
  ColumnDefinition,
  ConstraintDefinition,
  IndexDefinition,
  TableDefinition,
} from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import { findCast } from "../../functions/coercion.js";
import type { AlterTable, AlterTableAction } from "../../syntax/ast-definition.js";
import { typeLabel } from "../../types/type-name.js";
import {
  ConstraintMaker,
  type ConstraintPart,
  columnNamed,
  expectIndexable,
  expectSameType,
  type TableParts,
} from "./constraints.js";
import { ColumnMaker, definitionOf } from "./create-table.js";
import { placeOf, shownName } from "./draft.js";
import { dropRelation } from "./drop.js";
import { changeOwner } from "./grant.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { buildIndex, checkNotNull, checkRows, hasRows, rewrite, updateRows } from "./table-rows.js";
import { columnType } from "./types.js";
import { columnReadersOf } from "./view-sources.js";
import { expectNoView, followDroppedColumn, viewsReading } from "./views.js";

export function alterTable(statement: AlterTable, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const tag = `ALTER ${statement.objectType === "materializedView" ? "MATERIALIZED VIEW" : statement.objectType.toUpperCase()}`;
  const found = draft.find(statement.name);
  if (found === null && statement.ifExists) {
    ports.notice("NOTICE", "00000", `relation "${shownName(statement.name)}" does not exist, skipping`);
    return { tag };
  }
  // As in PostgreSQL, ALTER TABLE also gives away what is no table.
  const isOther = found !== null && found.kind !== "table" && found.kind !== "index";
  if (isOther && statement.actions.every(({ kind }) => kind === "setOwner")) {
    for (const action of statement.actions) if (action.kind === "setOwner") changeOwner(found, action.owner, ports);
    return { tag };
  }
  if (statement.objectType !== "table" && found !== null) throw notSupported(tag, placeOf(statement.location));
  const { oid } = draft.table(statement.name);
  for (const action of statement.actions) new Alteration(ports, oid).perform(action);
  return { tag };
}

class Alteration {
  readonly #ports: DefinitionPorts;
  readonly #table: TableDefinition;
  readonly #catalog: Catalog;

  constructor(ports: DefinitionPorts, oid: number) {
    const table = ports.draft.catalog.objectByOid(oid);
    assert(table?.kind === "table", "a table that is altered is there");
    ports.lockTable(table);
    this.#ports = ports;
    this.#table = table;
    this.#catalog = ports.draft.catalog;
  }

  perform(action: AlterTableAction): void {
    const position = placeOf(action.location);
    switch (action.kind) {
      case "addColumn":
        return this.#addColumn(action);
      case "dropColumn":
        return this.#dropColumn(action);
      case "setDefault":
        return this.#changeColumn(action.column, position, (column) => {
          this.#expectNoIdentity(column);
          return { ...column, default: this.#ports.storeExpression(action.expression) };
        });
      case "dropDefault":
        return this.#changeColumn(action.column, position, (column) => {
          this.#expectNoIdentity(column);
          return { ...column, default: null };
        });
      case "setNotNull": {
        const column = this.#column(action.column, position);
        checkNotNull(this.#ports, this.#table, column.number);
        return this.#changeColumn(action.column, position, (each) => ({ ...each, isNotNull: true }));
      }
      case "dropNotNull": {
        const column = this.#column(action.column, position);
        if (this.#table.keyColumns.includes(column.number)) {
          throw new SqlError("42P16", `column "${column.name}" is in a primary key`);
        }
        if (column.identity !== null) {
          throw new SqlError(
            "42601",
            `column "${column.name}" of relation "${this.#table.name}" is an identity column`,
          );
        }
        return this.#changeColumn(action.column, position, (each) => ({ ...each, isNotNull: false }));
      }
      case "setType":
        return this.#setType(action);
      case "addConstraint":
        return this.#addConstraint(action);
      case "dropConstraint":
        return this.#dropConstraint(action.name, action.ifExists, action.isCascade);
      case "addIdentity":
        return this.#addIdentity(action);
      case "dropIdentity":
        return this.#dropIdentity(action.column, action.ifExists, position);
      case "validateConstraint":
        return;
      case "setOwner":
        return changeOwner(this.#table, action.owner, this.#ports);
      case "dropExpression":
        return this.#changeColumn(action.column, position, (column) => ({ ...column, generated: null }));
      case "other":
        throw notSupported(`ALTER TABLE … ${action.name}`, position);
      default:
        return unreachable(action);
    }
  }

  #column(name: string, position: number | undefined): ColumnDefinition {
    const column = columnNamed(this.#table.columns, name);
    if (column !== null) return column;
    throw new SqlError("42703", `column "${name}" of relation "${this.#table.name}" does not exist`, { position });
  }

  #expectNoIdentity({ name, identity, generated }: ColumnDefinition): void {
    const label = `column "${name}" of relation "${this.#table.name}"`;
    if (identity !== null) throw new SqlError("42601", `${label} is an identity column`);
    if (generated !== null) throw new SqlError("42601", `${label} is a generated column`);
  }

  #put(next: TableDefinition, ...others: readonly IndexDefinition[]): TableDefinition {
    const numbered = { ...next, version: this.#table.version + 1 };
    this.#ports.draft.put(...others, numbered);
    this.#ports.validate(this.#ports.draft.catalog, numbered);
    return numbered;
  }

  #changeColumn(
    name: string,
    position: number | undefined,
    change: (column: ColumnDefinition) => ColumnDefinition,
  ): void {
    const column = this.#column(name, position);
    const columns = this.#table.columns.map((each) => (each.number === column.number ? change(each) : each));
    this.#put({ ...this.#table, columns });
  }

  #parts(): TableParts {
    const { oid, name, schema, storage, columns, keyColumns, constraints } = this.#table;
    return {
      oid,
      name,
      schema,
      storage,
      columns: [...columns],
      keyColumns: [...keyColumns],
      constraints: [...constraints],
      indexes: [...this.#catalog.indexesOf(this.#table)],
    };
  }

  #makers(parts: TableParts): { columns: ColumnMaker; constraints: ConstraintMaker } {
    const { draft } = this.#ports;
    const constraints = new ConstraintMaker(draft, parts, (syntax) => this.#ports.storeExpression(syntax));
    return { columns: new ColumnMaker(this.#ports, parts), constraints };
  }

  // ------------------------------------------------------------------ columns

  #addColumn({ column: syntax, ifNotExists, location }: Extract<AlterTableAction, { kind: "addColumn" }>): void {
    const ports = this.#ports;
    const { name } = this.#table;
    if (columnNamed(this.#table.columns, syntax.name) !== null) {
      const message = `column "${syntax.name}" of relation "${name}" already exists`;
      if (!ifNotExists) throw new SqlError("42701", message, { position: placeOf(location) });
      ports.notice("NOTICE", "42701", `${message}, skipping`);
      return;
    }
    const parts = this.#parts();
    const { columns, constraints } = this.#makers(parts);
    const added = columns.add(syntax);
    const wantsNotNull = added.isNotNull;
    // Until the rows that are there have their values, NULL must do.
    parts.columns[added.number - 1] = { ...added, isNotNull: false };
    ports.draft.put(...columns.sequences);
    const table = this.#put(definitionOf(parts, this.#table));
    const constant = added.generated === null ? ports.constantDefault(ports.draft.catalog, table, added.number) : null;
    let next = table;
    if (constant !== null) {
      next = this.#put({
        ...table,
        columns: table.columns.map((each) =>
          each.number === added.number ? { ...each, missingValue: constant.value } : each,
        ),
      });
      if (wantsNotNull && constant.value === null && hasRows(ports, next)) {
        throw new SqlError("23502", `column "${added.name}" of relation "${name}" contains null values`, {
          table: name,
          column: added.name,
        });
      }
    } else {
      updateRows(ports, table, (values) => {
        if (added.generated === null) {
          values[added.number - 1] = ports.write(ports.draft.catalog).defaultOf(table, added.number);
        }
      });
    }
    if (wantsNotNull) {
      next = this.#put({
        ...next,
        columns: next.columns.map((each) => (each.number === added.number ? { ...each, isNotNull: true } : each)),
      });
    }
    if (columns.constraints.length === 0) return;
    const then = new Alteration(ports, next.oid);
    for (const { constraint, column } of columns.constraints) then.#addMade(constraint, column);
    assert(constraints !== null, "constraints of a column are added behind it");
  }

  #dropColumn({ column: name, ifExists, isCascade }: Extract<AlterTableAction, { kind: "dropColumn" }>): void {
    const { draft } = this.#ports;
    const column = columnNamed(this.#table.columns, name);
    if (column === null) {
      const message = `column "${name}" of relation "${this.#table.name}" does not exist`;
      if (!ifExists) throw new SqlError("42703", message);
      this.#ports.notice("NOTICE", "00000", `${message}, skipping`);
      return;
    }
    const { number } = column;
    const usesColumn = (constraint: ConstraintDefinition): boolean =>
      constraint.kind === "check" ? mentions(constraint.expression.syntax, name) : constraint.columns.includes(number);
    const referencing = draft.catalog
      .referencing(this.#table.oid)
      .filter(({ constraint }) => constraint.kind === "foreignKey" && constraint.referencedColumns.includes(number));
    const computed = this.#computedFrom(name);
    const views = viewsReading(this.#ports, this.#table, column);
    const kept = columnReadersOf(this.#ports, this.#table.oid, number);
    if (referencing.length + computed.length + views.length + kept.length > 0 && !isCascade) {
      const self = `table ${this.#table.name}`;
      const dependents = [
        ...computed.map((each) => `column ${each.name} of ${self}`),
        ...referencing.map(({ table, constraint }) => `constraint ${constraint.name} on table ${table.name}`),
        ...views.map((view) => `view ${view.name}`),
        ...kept.map((view) => `materialized view ${view.name}`),
      ];
      throw new SqlError(
        "2BP01",
        `cannot drop column ${name} of table ${this.#table.name} because other objects depend on it`,
        {
          detail: dependents.map((each) => `${each} depends on column ${name} of ${self}`).join("\n"),
          hint: "Use DROP ... CASCADE to drop the dependent objects too.",
        },
      );
    }
    for (const each of computed) {
      new Alteration(this.#ports, this.#table.oid).#dropColumn({
        kind: "dropColumn",
        column: each.name,
        ifExists: false,
        isCascade: true,
        location: -1,
      });
    }
    for (const { oid } of kept) {
      const view = draft.catalog.objectByOid(oid);
      if (view?.kind === "materializedView") dropRelation(this.#ports, view, true);
    }
    for (const view of views) {
      this.#ports.notice("NOTICE", "00000", `drop cascades to view ${view.name}`);
      if (draft.catalog.objectByOid(view.oid) !== null) dropRelation(this.#ports, view, true);
    }
    followDroppedColumn(this.#ports, this.#table, column);
    for (const { table, constraint } of referencing) {
      new Alteration(this.#ports, table.oid).#dropConstraint(constraint.name, true, true);
    }
    const left = draft.catalog.objectByOid(this.#table.oid);
    assert(left?.kind === "table", "a table that is altered is there");
    for (const constraint of left.constraints) {
      if (usesColumn(constraint))
        new Alteration(this.#ports, this.#table.oid).#dropConstraint(constraint.name, true, true);
    }
    const now = draft.catalog.objectByOid(this.#table.oid);
    assert(now?.kind === "table", "a table that is altered is there");
    const gone = draft.catalog
      .indexesOf(now)
      .filter(
        (index) =>
          index.keys.some((key) => key.column === number || mentions(key.expression?.syntax, name)) ||
          index.included.includes(number) ||
          mentions(index.predicate?.syntax, name),
      );
    const columns = now.columns.map((each) =>
      each.number === number
        ? {
            ...each,
            name: `........pg.dropped.${number}........`,
            isDropped: true,
            isNotNull: false,
            default: null,
            identity: null,
            generated: null,
            sequence: 0,
          }
        : each,
    );
    draft.put({
      ...now,
      columns,
      indexes: now.indexes.filter((oid) => !gone.some((index) => index.oid === oid)),
      version: now.version + 1,
    });
    for (const index of gone) draft.remove(index.oid);
    const owned = draft.catalog.objectByOid(column.sequence);
    if (owned?.kind === "sequence" && owned.ownerTable === now.oid) draft.remove(owned.oid);
  }

  /** Generated columns whose expression names the column. */
  #computedFrom(name: string): readonly ColumnDefinition[] {
    return this.#table.columns.filter(({ isDropped, generated }) => !isDropped && mentions(generated?.syntax, name));
  }

  #setType({ column: name, type: syntax, using, location }: Extract<AlterTableAction, { kind: "setType" }>): void {
    const ports = this.#ports;
    const position = placeOf(location);
    const column = this.#column(name, position);
    const type = columnType(syntax);
    if (column.generated !== null && using !== null) {
      throw new SqlError("42611", "cannot specify USING when altering type of generated column", {
        position,
        detail: `Column "${name}" is a generated column.`,
      });
    }
    const change = ports.conversion(this.#catalog, this.#table, column.number, type, using);
    if (column.default !== null && findCast(column.type, type, "assignment") === null) {
      throw new SqlError(
        "42804",
        `default for column "${name}" cannot be cast automatically to type ${typeLabel(type.oid)}`,
      );
    }
    const [reader] = columnReadersOf(ports, this.#table.oid, column.number);
    if (reader !== undefined) {
      throw new SqlError("0A000", "cannot alter type of a column used by a view or rule", {
        position,
        detail: `materialized view ${reader.name} depends on column "${name}"`,
      });
    }
    const [computed] = this.#computedFrom(name);
    if (computed !== undefined) {
      throw new SqlError("0A000", "cannot alter type of a column used by a generated column", {
        position,
        detail: `Column "${name}" is used by generated column "${computed.name}".`,
      });
    }
    expectNoView(ports, this.#table, column, location);
    if (using === null && column.type.oid === type.oid && column.type.modifier === type.modifier) return;
    for (const { keys } of ports.draft.catalog.indexesOf(this.#table))
      if (keys.some((key) => key.column === column.number)) expectIndexable({ type });
    const next = this.#restored((each) =>
      each.number === column.number ? { ...each, type, missingValue: null } : each,
    );
    const indexes = ports.draft.catalog.indexesOf(next).map((index) => ({
      ...index,
      keys: index.keys.map((key) => (key.column === column.number ? { ...key, type } : key)),
    }));
    const put = this.#put(next, ...indexes);
    expectReferencesFit(ports.draft.catalog, put, position);
    rewrite(ports, this.#table, this.#catalog, put, change);
  }

  /** The table and its indexes under storages of their own, for all rows to be written anew. */
  #restored(
    column: (each: ColumnDefinition) => ColumnDefinition,
    keyColumns = this.#table.keyColumns,
  ): TableDefinition {
    const { draft } = this.#ports;
    const storage = draft.newOid();
    const next: TableDefinition = {
      ...this.#table,
      storage,
      keyColumns,
      columns: this.#table.columns.map(column),
      version: this.#table.version + 1,
    };
    const indexes = this.#ports.draft.catalog
      .indexesOf(this.#table)
      .map((index) => ({ ...index, storage: index.isPrimary ? storage : draft.newOid() }));
    draft.put(...indexes, next);
    return next;
  }

  #addIdentity({ column: name, constraint, location }: Extract<AlterTableAction, { kind: "addIdentity" }>): void {
    const position = placeOf(location);
    const column = this.#column(name, position);
    if (constraint.kind !== "identity") throw notSupported("ALTER COLUMN … ADD", position);
    if (!column.isNotNull) {
      throw new SqlError(
        "55000",
        `column "${name}" of relation "${this.#table.name}" must be declared NOT NULL before identity can be added`,
      );
    }
    const parts = this.#parts();
    const { columns } = this.#makers(parts);
    const changed = columns.identity(column, constraint);
    this.#ports.draft.put(...columns.sequences);
    this.#changeColumn(name, position, () => changed);
  }

  #dropIdentity(name: string, ifExists: boolean, position: number | undefined): void {
    const column = this.#column(name, position);
    if (column.identity === null) {
      const message = `column "${name}" of relation "${this.#table.name}" is not an identity column`;
      if (!ifExists) throw new SqlError("55000", message);
      this.#ports.notice("NOTICE", "00000", `${message}, skipping`);
      return;
    }
    this.#changeColumn(name, position, (each) => ({ ...each, identity: null, sequence: 0 }));
    this.#ports.draft.remove(column.sequence);
  }

  // ------------------------------------------------------------------ constraints

  #addConstraint({ constraint, location }: Extract<AlterTableAction, { kind: "addConstraint" }>): void {
    switch (constraint.kind) {
      case "primaryKey":
      case "unique":
      case "check":
      case "foreignKey":
        return this.#addMade(constraint, null);
      default:
        throw notSupported("this kind of constraint", placeOf(location));
    }
  }

  #addMade(constraint: ConstraintPart, own: string | null): void {
    const ports = this.#ports;
    const parts = this.#parts();
    const before = parts.indexes.length;
    const { constraints } = this.#makers(parts);
    const made = constraints.add(constraint, own);
    const [added] = parts.indexes.slice(before);
    const next = definitionOf(parts, this.#table);
    if (made.kind === "primaryKey") {
      for (const number of made.columns) checkNotNull(ports, this.#table, number);
      this.#rekey(next, added);
      return;
    }
    const put = this.#put(next, ...(added === undefined ? [] : [added]));
    if (added !== undefined) buildIndex(ports, put, added);
    else checkRows(ports, put, made);
  }

  /** Rows get other keys: by the new primary key, or by number. */
  #rekey(next: TableDefinition, primary: IndexDefinition | undefined): void {
    const { draft } = this.#ports;
    const storage = draft.newOid();
    const table: TableDefinition = { ...next, storage };
    const others = this.#catalog
      .indexesOf(this.#table)
      .filter((index) => !index.isPrimary && table.indexes.includes(index.oid))
      .map((index) => ({ ...index, storage: draft.newOid() }));
    const indexes = primary === undefined ? others : [...others, { ...primary, storage }];
    const put = this.#put(table, ...indexes);
    rewrite(this.#ports, this.#table, this.#catalog, put, (values) => [...values]);
  }

  #dropConstraint(name: string, ifExists: boolean, isCascade: boolean): void {
    const { draft } = this.#ports;
    const constraint = this.#table.constraints.find((each) => each.name === name);
    if (constraint === undefined) {
      const message = `constraint "${name}" of relation "${this.#table.name}" does not exist`;
      if (!ifExists) throw new SqlError("42704", message);
      this.#ports.notice("NOTICE", "00000", `${message}, skipping`);
      return;
    }
    const constraints = this.#table.constraints.filter((each) => each !== constraint);
    if (constraint.kind === "check" || constraint.kind === "foreignKey") {
      this.#put({ ...this.#table, constraints });
      return;
    }
    const isReferenced = (numbers: readonly number[]): boolean =>
      numbers.length === constraint.columns.length && numbers.every((number) => constraint.columns.includes(number));
    const referencing = draft.catalog
      .referencing(this.#table.oid)
      .filter(({ constraint: each }) => each.kind === "foreignKey" && isReferenced(each.referencedColumns));
    if (referencing.length > 0 && !isCascade) {
      throw new SqlError(
        "2BP01",
        `cannot drop constraint ${name} on table ${this.#table.name} because other objects depend on it`,
        {
          detail: referencing
            .map(
              ({ table, constraint: each }) =>
                `constraint ${each.name} on table ${table.name} depends on index ${name}`,
            )
            .join("\n"),
          hint: "Use DROP ... CASCADE to drop the dependent objects too.",
        },
      );
    }
    for (const { table, constraint: each } of referencing) {
      new Alteration(this.#ports, table.oid).#dropConstraint(each.name, true, true);
    }
    const now = draft.catalog.objectByOid(this.#table.oid);
    assert(now?.kind === "table", "a table that is altered is there");
    const next: TableDefinition = {
      ...now,
      constraints: now.constraints.filter(({ oid }) => oid !== constraint.oid),
      indexes: now.indexes.filter((oid) => oid !== constraint.index),
      keyColumns: constraint.kind === "primaryKey" ? [] : now.keyColumns,
    };
    if (constraint.kind === "primaryKey") this.#rekey(next, undefined);
    else this.#put(next);
    draft.remove(constraint.index);
  }
}

/** Both sides of every foreign key of a table, and to it, are still of types that go together. */
function expectReferencesFit(catalog: Catalog, table: TableDefinition, position: number | undefined): void {
  const own = table.constraints.map((constraint) => ({ table, constraint }));
  for (const { table: child, constraint } of [...own, ...catalog.referencing(table.oid)]) {
    if (constraint.kind !== "foreignKey") continue;
    const parent = catalog.objectByOid(constraint.referencedTable);
    assert(parent?.kind === "table", "what a foreign key references is a table");
    for (const [index, number] of constraint.columns.entries()) {
      const column = child.columns[number - 1];
      assert(column !== undefined, "a foreign key is of its table's columns");
      const referenced = parent.columns[(constraint.referencedColumns[index] ?? 0) - 1];
      expectSameType(constraint.name, column, referenced, parent, position);
    }
  }
}

/** Whether an expression names a column. */
function mentions(syntax: unknown, name: string): boolean {
  const stack: unknown[] = [syntax];
  while (stack.length > 0) {
    const node = stack.pop();
    if (typeof node !== "object" || node === null) continue;
    if (Array.isArray(node)) {
      stack.push(...(node as unknown[]));
      continue;
    }
    const fields = node as Readonly<Record<string, unknown>>;
    if (fields["kind"] === "columnName" && Array.isArray(fields["parts"]) && fields["parts"].at(-1) === name)
      return true;
    stack.push(...Object.values(fields));
  }
  return false;
}
