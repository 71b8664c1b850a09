/** What definitions need beyond the catalog: rows that are already there, expressions checked and evaluated, the session's words. */

import type { TreeReader } from "../../../store/tree.js";
import type { BoundQuery } from "../../bind/bound.js";
import type { Telling } from "../../bind/no-query.js";
import type { TableLockMode } from "../../catalog/lock-facts.js";
import type {
  Catalog,
  DomainDefinition,
  MaterializedViewDefinition,
  StoredExpression,
  StoredQuery,
  TableDefinition,
  ViewBinding,
} from "../../catalog/model.js";
import type { Actor } from "../../catalog/privileges.js";
import type { RowBatch } from "../../engine.js";
import type { Expression } from "../../syntax/ast-expression.js";
import type { Query } from "../../syntax/ast-query.js";
import type { TableSource } from "../../table/access.js";
import type { Overlay } from "../../table/overlay.js";
import type { Datum } from "../../types/datum.js";
import type { Oid, SqlType } from "../../types/sql-type.js";
import type { DescribedView } from "../../view/compile.js";
import type { WritePorts } from "../ports.js";
import type { LoadTarget } from "../program/program.js";
import type { Cascades } from "./cascades.js";
import type { CatalogDraft } from "./draft.js";

/** Where new entries go: as a writer of rows has them, and as they are. */
export interface DefinitionLoad extends Pick<WritePorts, "overlay" | "reader" | "locks"> {
  readonly target: LoadTarget;
}

export interface DefinitionPorts {
  readonly tenant: number;
  /** The current user: who owns what is made. */
  readonly user: string;
  readonly sessionUser: string;
  /** The current user with its rights. */
  readonly actor: Actor;
  actorNamed(role: string): Actor;
  /** Whose privileges a role has. */
  readonly rightsOf: (role: string) => ReadonlySet<string>;
  /** Whether the current user is a member of a role, or is it. */
  isMember(role: string): boolean;
  /** Name of the tenant. */
  readonly database: string;
  /** Whose the tenant is. */
  readonly databaseOwner: string;
  /** Schema of the session's temporary tables; null while it has made none. */
  readonly temporarySchema: string | null;
  readonly draft: CatalogDraft;
  readonly overlay: Overlay;
  readonly reader: TreeReader;
  /** The query of CREATE TABLE AS. */
  readonly query: BoundQuery | null;
  /** Its rows in the order of its result columns, to be read beside what is loaded. A batch is valid until the next one. */
  queryBatches(query: BoundQuery): Iterable<RowBatch>;
  notice(severity: "NOTICE" | "WARNING", sqlState: string, message: string, detail?: string): void;
  readonly cascades: Cascades;
  /** What writing needs, against another catalog. */
  write(catalog: Catalog): WritePorts;
  /**
   * Where many entries under a new storage go, which nobody else can have locked. All that is to be read of the transaction's tables is read
   * before.
   */
  load(): DefinitionLoad;
  /** Rows that are there, to be read beside what is loaded; null when the transaction has written some itself. */
  committed(): TableSource | null;
  /**
   * Binds what the table's definition says of its rows and its defaults, for its errors.
   *
   * @param telling "placed": all that it says stands in the statement
   */
  validate(catalog: Catalog, table: TableDefinition, telling?: Telling): void;
  /** Binds what a domain's definition says of its values, for its errors. */
  validateDomain(catalog: Catalog, domain: DomainDefinition): void;
  /** A default's value for rows that are there already; null when each row needs its own. */
  constantDefault(catalog: Catalog, table: TableDefinition, column: number): { readonly value: Datum } | null;
  /** Type of an expression over a table's row. @param clause as in "aggregate functions are not allowed in index expressions" */
  typeOf(catalog: Catalog, table: TableDefinition, expression: StoredExpression, clause: string): SqlType;
  /**
   * How rows' values change when a column gets another type: by `using`, or by the assignment cast. 42804 when there is none.
   */
  conversion(
    catalog: Catalog,
    table: TableDefinition,
    column: number,
    type: SqlType,
    using: Expression | null,
  ): (values: readonly Datum[]) => Datum[];
  /** An expression, or a query, with the text that it is shown as. */
  storeExpression(syntax: Expression): StoredExpression;
  storeQuery(syntax: Query): StoredQuery;
  /** Numbers of the columns that a stored query reads, by table; nothing of one that does not fit its tables any more. */
  columnsRead(catalog: Catalog, query: StoredQuery): ReadonlyMap<Oid, ReadonlySet<number>>;
  /**
   * Waits until nobody else uses a table in a way that the mode excludes, and keeps others from that until the transaction's end. Without a mode
   * it is ACCESS EXCLUSIVE.
   */
  lockTable(table: TableDefinition, mode?: TableLockMode): void;
  /** Throws 55006 while constraints of the table wait to be looked at. */
  expectSettled(table: TableDefinition, command: "ALTER TABLE" | "DROP TABLE" | "TRUNCATE"): void;
  readonly views: ViewPorts;
  /** Sets a sequence back to its start. */
  restart(sequence: number, value: bigint): void;
}

/** What definitions of materialized views need. */
export interface ViewPorts {
  /** How literals are read by the session that defines something. */
  readonly binding: ViewBinding;
  /** Newest position of the tenant. */
  readonly position: number;
  /** What is to be known of a query, against the draft's catalog. */
  describe(query: StoredQuery): DescribedView;
  /** Computes a view of the draft as a whole; how many rows it has. */
  refresh(view: MaterializedViewDefinition): number;
}

/** What a statement's tag says; most say only what they are. */
export interface DefinitionResult {
  readonly tag: string;
}
