/** What names mean in a query that is shown: its relations under the names that they are shown by, and their columns. */

import type { ColumnOrigin } from "../../catalog/shown-expression.js";
import { notSupported, SqlError } from "../../error.js";
import type { ColumnName } from "../../syntax/ast-expression.js";
import type { FromItem } from "../../syntax/ast-query.js";
import { quoteIdentifier } from "../../types/quote.js";
import { type Oid, type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import type { Analysed } from "../analysed.js";
import { ColumnsUsed } from "./columns-used.js";

export interface Output {
  readonly name: string;
  readonly type: SqlType;
  /** The column of a table or view that it is, as it is. */
  readonly origin?: ColumnOrigin;
}

export interface ScopeColumn extends Output {
  /** As an expression shows it. */
  readonly text: string;
}

export interface ScopeRelation {
  /** What its query calls it. */
  readonly name: string;
  readonly shown: string;
  readonly columns: readonly ScopeColumn[];
  /** It is a table, whose rows have a `tableoid`, a `ctid` and an `xmin`. */
  readonly isTable: boolean;
  /** Of a table or view of the catalog. */
  readonly oid?: Oid;
}

/** A query of WITH. */
export interface CommonTableScope {
  readonly name: string;
  readonly outputs: readonly Output[];
}

/** System columns that can be read, with the numbers that PostgreSQL has for them. */
const systemColumns: ReadonlyMap<string, { readonly type: SqlType; readonly number: number }> = new Map([
  ["tableoid", { type: sqlType(typeOid.oid), number: -6 }],
  ["ctid", { type: sqlType(typeOid.tid), number: -1 }],
  ["xmin", { type: sqlType(typeOid.xid), number: -2 }],
]);

function systemColumn({ shown, oid }: ScopeRelation, name: string): ScopeColumn | null {
  const found = systemColumns.get(name);
  if (found === undefined) return null;
  const { type, number } = found;
  const own = oid === undefined ? {} : { origin: { relation: oid, column: number } };
  return { name, text: `${quoteIdentifier(shown)}.${name}`, type, ...own };
}

export class QueryScope {
  readonly parent: QueryScope | null;
  /** Names by which relations are shown, of this query and those around it: none is shown by another's. */
  readonly taken: ReadonlySet<string>;
  readonly relations: ScopeRelation[] = [];
  /** Columns that a bare name may mean. */
  columns: readonly ScopeColumn[] = [];
  commonTables: readonly CommonTableScope[];
  readonly #shown = new Map<FromItem, string>();
  /** Whether a name has meant a column of this query. */
  isUsed = false;
  /** Of this query, and all around and within it. */
  readonly columnsUsed: ColumnsUsed;

  /** @param taken names that stand for something else already */
  constructor(
    parent: QueryScope | null,
    from: readonly FromItem[],
    taken: ReadonlySet<string>,
    columnsUsed: ColumnsUsed = parent?.columnsUsed ?? new ColumnsUsed(),
  ) {
    this.parent = parent;
    this.columnsUsed = columnsUsed;
    this.commonTables = parent?.commonTables ?? [];
    const all = new Set(taken);
    for (const item of from) this.#name(item, all);
    this.taken = all;
  }

  /** Each relation gets a name of its own, in the order in which they are read. */
  #name(item: FromItem, taken: Set<string>): void {
    if (item.kind === "join") {
      this.#name(item.left, taken);
      this.#name(item.right, taken);
    }
    const wanted = givenName(item) ?? ownName(item);
    if (wanted === null) return;
    let name = wanted;
    for (let pass = 1; taken.has(name); pass += 1) name = `${wanted}_${pass}`;
    taken.add(name);
    this.#shown.set(item, name);
  }

  /** The name by which an item of FROM is shown; empty for a join that has none. */
  shownName(item: FromItem): string {
    return this.#shown.get(item) ?? "";
  }

  commonTable(name: string): CommonTableScope | null {
    return this.commonTables.findLast((one) => one.name === name) ?? null;
  }

  column(syntax: ColumnName): Analysed {
    const found = this.#find(syntax.parts);
    if (found !== null) {
      this.isUsed = true;
      this.columnsUsed.add(found);
      return columnOf(found);
    }
    if (this.parent !== null) return this.parent.column(syntax);
    throw new SqlError("42703", `column "${syntax.parts.join(".")}" does not exist`);
  }

  #find(parts: readonly string[]): ScopeColumn | null {
    const sought = parts.at(-1) ?? "";
    if (parts.length === 1) {
      const found = this.columns.filter(({ name }) => name === sought);
      if (found.length > 1) throw notSupported("showing a column that several tables have");
      const tables = this.relations.filter(({ isTable }) => isTable);
      return found[0] ?? (tables.length === 1 && tables[0] !== undefined ? systemColumn(tables[0], sought) : null);
    }
    const relation = this.relation(parts.at(-2) ?? "");
    if (relation === null) return null;
    const found = relation.columns.filter(({ name }) => name === sought);
    if (found.length > 1) throw notSupported("showing one of several columns of one name");
    if (found[0] !== undefined) return found[0];
    return relation.isTable ? systemColumn(relation, sought) : null;
  }

  /** A relation of this query alone. */
  relation(name: string): ScopeRelation | null {
    return this.relations.find((one) => one.name === name) ?? null;
  }
}

/** What a query in FROM that is not LATERAL sees: what stands around all of this one. */
export function beside(scope: QueryScope): QueryScope {
  const seen = new QueryScope(scope.parent, [], scope.taken, scope.columnsUsed);
  seen.commonTables = scope.commonTables;
  return seen;
}

export const columnOf = ({ text, name, type, origin }: ScopeColumn): Analysed => ({
  kind: "name",
  text,
  isSpecial: false,
  column: name,
  type,
  ...(origin === undefined ? {} : { origin }),
});

/** The name that somebody gave it. */
export const givenName = ({ alias }: FromItem): string | null =>
  alias === null || alias.isOwn === true ? null : alias.name;

export function ownName(item: FromItem): string | null {
  switch (item.kind) {
    case "table":
      return item.name.name;
    case "join":
      return null;
    case "subqueryReference":
      return "unnamed_subquery";
    case "functionReference": {
      const call = item.functions[0]?.call;
      return call?.kind === "functionCall" ? (call.name.at(-1) ?? null) : null;
    }
  }
}

/** Columns as they are named behind a relation's alias. */
export function renamed(outputs: readonly Output[], shown: string, names: readonly string[]): readonly ScopeColumn[] {
  return outputs.map(({ name, ...output }, index) => {
    const own = names[index] ?? name;
    return { ...output, name: own, text: `${quoteIdentifier(shown)}.${quoteIdentifier(own)}` };
  });
}
