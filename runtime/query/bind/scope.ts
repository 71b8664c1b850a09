/** Names that expressions of one query level see, and beyond them those of the levels around it. */

import type { TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode } from "../plan/plan.js";
import { type Oid, recordType, type SqlType } from "../types/sql-type.js";
import type { Unreadable } from "./authority.js";
import { positionOf } from "./binder.js";

export interface ScopeColumn {
  readonly name: string;
  readonly id: ColumnId;
  readonly type: SqlType;
  /** Where it comes from, for result columns and messages; 0 when computed. */
  readonly table: Oid;
  readonly column: number;
  /** What it is, when it is more than the column of the id: the merged column of a FULL JOIN USING. */
  readonly expression: BoundExpression | null;
  /** Of a column that may not be read, by whoever asks or from where it stands: told when an expression names it, and where. */
  readonly onRead?: (location: number) => void;
  /** Found by its name and by NATURAL, and not by `*`: what SEARCH or CYCLE adds, for queries within the one that has the WITH. */
  readonly isUnexpanded?: true;
}

/** A table, subquery, function or aliased join of FROM. */
export interface ScopeRelation {
  readonly name: string;
  /** Schema, when the name is a table's own and no alias. */
  readonly schema: string | null;
  readonly columns: readonly ScopeColumn[];
  /** Found by name and not by `*`: positions of versions. */
  readonly hidden: readonly ScopeColumn[];
  readonly table: TableDefinition | null;
  /** A function's single column is also found by the function's name as a value. */
  readonly isScalarFunction: boolean;
  /** A location in the text, for errors about it. */
  readonly location: number;
  /** The row key, when the scan puts it out. */
  readonly keyId: ColumnId | null;
  /** A column that is never NULL in its rows, where it may be the empty half of an outer join: NULL says that there is no row. */
  readonly present?: PlanColumn;
  /** Of a view or a query in FROM: whose rows its rows are made of, when that was asked for and can be said. */
  readonly parts?: readonly LockablePart[] | null;
  /** A join under an alias: in the empty half of another one it is a row of NULLs. */
  readonly isJoin?: true;
  /** Of a function that answers rows of a composite type: that type. */
  readonly rowType?: SqlType;
  /** What has no rows of tables to be locked, as a message names it. */
  readonly lockless?: "a function" | "a WITH query";
}

/** A table whose rows are locked with those that are made of them. */
export interface LockablePart {
  readonly table: TableDefinition;
  readonly keyId: ColumnId;
  /** Asks for the right to lock them, of whoever reads them. */
  readonly expectLockable: () => void;
}

/** What a FROM item makes visible. */
export interface FromNames {
  readonly relations: readonly ScopeRelation[];
  /** What unqualified names and `*` mean, in order. */
  readonly columns: readonly ScopeColumn[];
}

export const noNames: FromNames = { relations: [], columns: [] };

/** Names of two items side by side. Throws 42712 for a name that both have. */
export function joinNames(left: FromNames, right: FromNames, columns: readonly ScopeColumn[] | null = null): FromNames {
  for (const relation of right.relations) {
    if (relation.name === "") continue;
    const other = left.relations.find(({ name, schema, table }) => {
      if (name !== relation.name) return false;
      // Tables of two schemas may share a name while neither has an alias.
      return schema === null || relation.schema === null || table === relation.table || schema === relation.schema;
    });
    if (other !== undefined) {
      throw new SqlError("42712", `table name "${relation.name}" specified more than once`);
    }
  }
  return {
    relations: [...left.relations, ...right.relations],
    columns: columns ?? [...left.columns, ...right.columns],
  };
}

/**
 * What a LATERAL item within a join sees: the items before the join, and those before it within. An alias of the join hides the latter
 * outside, so that both may have one name; who uses it finds it ambiguous.
 */
export const besideNames = (before: FromNames, within: FromNames): FromNames => ({
  relations: [...before.relations, ...within.relations],
  columns: [...before.columns, ...within.columns],
});

export class Scope {
  readonly names: FromNames;
  readonly parent: Scope | null;
  readonly commonTables: CommonTables | null;
  #ids: Set<ColumnId> | null = null;

  constructor(names: FromNames, parent: Scope | null, commonTables: CommonTables | null) {
    this.names = names;
    this.parent = parent;
    this.commonTables = commonTables;
  }

  /** Whether a column is of this level. */
  owns(id: ColumnId): boolean {
    if (this.#ids === null) {
      this.#ids = new Set(this.names.columns.map((column) => column.id));
      for (const { columns, hidden, present } of this.names.relations) {
        if (present !== undefined) this.#ids.add(present.id);
        for (const column of columns) this.#ids.add(column.id);
        for (const column of hidden) this.#ids.add(column.id);
      }
    }
    return this.#ids.has(id);
  }

  /** This level and those around it, outwards. */
  levels(): readonly Scope[] {
    const levels: Scope[] = [this];
    for (let { parent } = this; parent !== null; { parent } = parent) levels.push(parent);
    return levels;
  }

  /** An unqualified name; null when no level has it. 42702 when one level has it twice. */
  column(name: string, location: number): BoundExpression | null {
    for (const scope of this.levels()) {
      const found = scope.names.columns.filter((column) => column.name === name);
      const [first] = found;
      if (found.length > 1) {
        throw new SqlError("42702", `column reference "${name}" is ambiguous`, { position: positionOf(location) });
      }
      if (first !== undefined) return reference(first, location, ownerName(scope.names, first));
      const hidden = scope.names.relations.flatMap((relation) => relation.hidden).filter((one) => one.name === name);
      if (hidden.length > 1)
        throw new SqlError("42702", `column reference "${name}" is ambiguous`, { position: positionOf(location) });
      if (hidden[0] !== undefined) return reference(hidden[0], location, name);
    }
    return null;
  }

  /**
   * The relation that an unqualified name is a column of, where a column that is added to another one could take its place; null where
   * none could, and for what joins merge.
   */
  qualifierOf(name: string): string | null {
    for (const scope of this.levels()) {
      const column = scope.names.columns.find((one) => one.name === name);
      if (column === undefined) continue;
      const { relations } = scope.names;
      const owner = relations.find(({ columns }) => columns.includes(column));
      if (scope === this && relations.length < 2) return null;
      return owner === undefined || owner.name === "" ? null : owner.name;
    }
    return null;
  }

  /** A relation by name; null when no level has it. */
  relation(schema: string | null, name: string, location: number): ScopeRelation | null {
    for (const scope of this.levels()) {
      const found = scope.names.relations.filter(
        (relation) => relation.name === name && (schema === null || relation.schema === schema),
      );
      if (found.length > 1) {
        throw new SqlError("42P09", `table reference "${name}" is ambiguous`, { position: positionOf(location) });
      }
      if (found[0] !== undefined) return found[0];
    }
    return null;
  }
}

const ownerName = (names: FromNames, column: ScopeColumn): string => {
  const owner = names.relations.find(({ columns }) => columns.includes(column));
  return owner === undefined || owner.name === "" ? column.name : `${owner.name}.${column.name}`;
};

/** The column as an expression. */
export function reference(column: ScopeColumn, location: number, name: string): BoundExpression {
  column.onRead?.(location);
  return column.expression ?? { kind: "column", id: column.id, name, type: column.type, location };
}

/** Columns of which some may not be read. What has no number is read with all of them. */
export const guarded = (columns: readonly ScopeColumn[], unreadable: Unreadable | null): readonly ScopeColumn[] =>
  unreadable === null
    ? columns
    : columns.map((column) => {
        const isOpen = column.column !== 0 && !unreadable.numbers.has(column.column);
        return isOpen ? column : { ...column, onRead: unreadable.onRead };
      });

/** A relation as one value: the row of its columns. */
export function wholeRow(relation: ScopeRelation, location: number): BoundExpression {
  const [first] = relation.columns;
  if (relation.isScalarFunction && first !== undefined && relation.columns.length === 1) {
    return reference(first, location, `${relation.name}.${first.name}`);
  }
  return {
    kind: "rowOf",
    names: relation.columns.map(({ name }) => name),
    items: relation.columns.map((column) => reference(column, location, `${relation.name}.${column.name}`)),
    type: relation.rowType ?? recordType(relation.columns),
    location,
    ...(relation.present === undefined ? {} : { present: presenceOf(relation.name, relation.present, location) }),
  };
}

const presenceOf = (name: string, { id, type }: PlanColumn, location: number): BoundExpression => ({
  kind: "column",
  id,
  name: `${name}.*`,
  type,
  location,
});

/** A WITH query that names below it may mean. */
export interface CommonTableBinding {
  readonly name: string;
  readonly number: number;
  readonly columns: readonly { readonly name: string; readonly type: SqlType; readonly id: ColumnId }[];
  /** Null while a recursive query's own step is bound: its rows are the working table's. */
  readonly source: PlanNode | null;
  /** How many of the columns, the last ones, SEARCH and CYCLE have added. */
  readonly added?: number;
}

export interface CommonTables {
  readonly tables: readonly CommonTableBinding[];
  readonly parent: CommonTables | null;
  /** Names of those of the same WITH that are not visible yet, the one that is bound among them. */
  readonly later?: readonly string[];
}

/** Whether a name is that of a WITH query that is not visible from where it stands. */
export function isLaterTable(tables: CommonTables | null, name: string): boolean {
  for (let level = tables; level !== null; level = level.parent) if (level.later?.includes(name) === true) return true;
  return false;
}

export function findCommonTable(tables: CommonTables | null, name: string): CommonTableBinding | null {
  for (let level = tables; level !== null; level = level.parent) {
    const found = level.tables.find((table) => table.name === name);
    if (found !== undefined) return found;
  }
  return null;
}
