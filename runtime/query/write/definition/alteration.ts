/** A table on its way from one definition to the next, within one action of ALTER TABLE. */

import { assert } from "../../../types/assert.js";
import { expectNoQuery } from "../../bind/no-query.js";
import type { TableLockMode } from "../../catalog/lock-facts.js";
import type { Catalog, ColumnDefinition, IndexDefinition, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import { ColumnMaker } from "./column-maker.js";
import { ConstraintMaker, columnNamed, type StoreExpression, type TableParts } from "./constraints.js";
import { expectNoSystemColumns } from "./generated.js";
import type { DefinitionPorts } from "./ports.js";
import { rewrite } from "./table-rows.js";

export class Alteration {
  readonly ports: DefinitionPorts;
  /** As it was before the action. */
  readonly table: TableDefinition;
  readonly catalog: Catalog;

  /** @param mode in which the table is locked */
  constructor(ports: DefinitionPorts, oid: number, mode: TableLockMode = "ACCESS EXCLUSIVE") {
    const table = ports.draft.catalog.objectByOid(oid);
    assert(table?.kind === "table", "a table that is altered is there");
    ports.lockTable(table, mode);
    ports.expectSettled(table, "ALTER TABLE");
    this.ports = ports;
    this.table = table;
    this.catalog = ports.draft.catalog;
  }

  column(name: string, position: number | undefined): ColumnDefinition {
    const column = columnNamed(this.table.columns, name);
    if (column !== null) return column;
    throw new SqlError("42703", `column "${name}" of relation "${this.table.name}" does not exist`, { position });
  }

  /** Takes the next definition, and what comes with it, if what it says that the one before did not can be bound. */
  put(next: TableDefinition, ...others: readonly IndexDefinition[]): TableDefinition {
    const numbered = { ...next, version: this.table.version + 1 };
    this.ports.draft.put(...others, numbered);
    this.ports.validate(this.ports.draft.catalog, newlySaid(this.table, numbered));
    return numbered;
  }

  changeColumn(
    name: string,
    position: number | undefined,
    change: (column: ColumnDefinition) => ColumnDefinition,
  ): void {
    const column = this.column(name, position);
    const columns = this.table.columns.map((each) => (each.number === column.number ? change(each) : each));
    this.put({ ...this.table, columns });
  }

  parts(): TableParts {
    const { oid, name, schema, storage, columns, keyColumns, constraints, isUnlogged } = this.table;
    return {
      ...(isUnlogged === true ? { isUnlogged } : {}),
      oid,
      name,
      schema,
      storage,
      columns: [...columns],
      keyColumns: [...keyColumns],
      constraints: [...constraints],
      indexes: [...this.catalog.indexesOf(this.table)],
    };
  }

  makers(parts: TableParts): { columns: ColumnMaker; constraints: ConstraintMaker } {
    const { draft } = this.ports;
    const store: StoreExpression = (syntax) => {
      expectNoQuery(syntax, "check constraint", "unplaced");
      expectNoSystemColumns(syntax, parts, "unplaced");
      return this.ports.storeExpression(syntax);
    };
    const constraints = new ConstraintMaker(draft, parts, store, this.ports);
    return { columns: new ColumnMaker(this.ports, parts, "unplaced"), constraints };
  }

  /** The table and its indexes under storages of their own, for all rows to be written anew. */
  restored(column: (each: ColumnDefinition) => ColumnDefinition): TableDefinition {
    const { draft } = this.ports;
    const storage = draft.newOid();
    const next: TableDefinition = {
      ...this.table,
      storage,
      columns: this.table.columns.map(column),
      version: this.table.version + 1,
    };
    const indexes = this.ports.draft.catalog
      .indexesOf(this.table)
      .map((index) => ({ ...index, storage: index.isPrimary ? storage : draft.newOid() }));
    draft.put(...indexes, next);
    return next;
  }

  /** Rows get other keys: by the new primary key, or by number. */
  rekey(next: TableDefinition, primary: IndexDefinition | undefined): void {
    const { draft } = this.ports;
    const storage = draft.newOid();
    const table: TableDefinition = { ...next, storage };
    const others = this.catalog
      .indexesOf(this.table)
      .filter((index) => !index.isPrimary && table.indexes.includes(index.oid))
      .map((index) => ({ ...index, storage: draft.newOid() }));
    const indexes = primary === undefined ? others : [...others, { ...primary, storage }];
    const put = this.put(table, ...indexes);
    rewrite(this.ports, this.table, this.catalog, put, (values) => [...values]);
  }
}

/** A definition without what the one before said as well, over columns that mean the same: a hundred actions bind each rule once. */
function newlySaid(before: TableDefinition, next: TableDefinition): TableDefinition {
  if (!before.columns.every((column, index) => meansSame(column, next.columns[index]))) return next;
  const [constraints, indexes] = [new Set(before.constraints), new Set(before.indexes)];
  return {
    ...next,
    columns: next.columns.map((column, index) =>
      index < before.columns.length ? { ...column, default: null, generated: null } : column,
    ),
    constraints: next.constraints.filter((constraint) => !constraints.has(constraint)),
    indexes: next.indexes.filter((oid) => !indexes.has(oid)),
  };
}

const meansSame = (before: ColumnDefinition, next: ColumnDefinition | undefined): boolean =>
  next?.name === before.name &&
  next.type === before.type &&
  next.isDropped === before.isDropped &&
  next.default === before.default &&
  next.generated === before.generated;
