/**
 * The catalog of one tenant as the binder sees it: plain, frozen data. Every object has an oid of its own, from `firstUserOid` on, that is
 * never reused. The catalog of any past position can be had the same way as the present one.
 *
 * Expressions (defaults, checks, index expressions, view queries) are kept as SQL text with the syntax tree that the gateway's parser made
 * of it, since no other thread has the parser. They are bound when they are used. The text is what was promised and outlives every
 * internal form; the tree names the schema of every table.
 */

import type { Expression } from "../syntax/ast-expression.js";
import type { Query } from "../syntax/ast-query.js";
import type { Datum } from "../types/datum.js";
import type { Oid, SqlType } from "../types/sql-type.js";
import type { Acl } from "./privileges.js";

export const firstUserOid: Oid = 16_384;
export const publicSchemaOid: Oid = 2_200;
/** Of the tenant itself, as its catalog has it. */
export const databaseObjectOid: Oid = 1_262;
export const pgCatalogSchemaOid: Oid = 11;
export const informationSchemaOid: Oid = 13_000;
export const kimberliteSchemaOid: Oid = 13_001;

/** What is there without being made; CREATE EXTENSION says so. */
export const extensions = [
  {
    oid: 13_002,
    name: "kimberlite",
    version: "1.0",
    schema: kimberliteSchemaOid,
    comment: "time travel, audit and proofs in SQL",
  },
  {
    oid: 13_003,
    name: "uuid-ossp",
    version: "1.1",
    schema: publicSchemaOid,
    comment: "generate universally unique identifiers (UUIDs)",
  },
  { oid: 13_004, name: "pgcrypto", version: "1.3", schema: publicSchemaOid, comment: "cryptographic functions" },
] as const satisfies readonly {
  readonly oid: Oid;
  readonly name: string;
  readonly version: string;
  readonly schema: Oid;
  readonly comment: string;
}[];

export interface StoredExpression {
  readonly text: string;
  readonly syntax: Expression;
}

export interface StoredQuery {
  readonly text: string;
  readonly syntax: Query;
}

/** What COMMENT ON has said of an object ("") and of its parts (`partName`). Absent where nothing was said. */
export type Comments = Readonly<Record<string, string>>;

/** Names of an object's parts in its `comments`. */
export const partName = {
  itself: "",
  column: (number: number): string => `column ${number}`,
  constraint: (oid: Oid): string => `constraint ${oid}`,
} as const;

export interface Commented {
  readonly comments?: Comments;
}

/** What belongs to somebody, who may let others use it. */
export interface Owned {
  readonly owner: string;
  /** Who may do what with it (privileges.ts). Absent while nothing was granted or revoked: then what its kind begins with. */
  readonly acl?: Acl;
}

export interface SchemaDefinition extends Commented, Owned {
  readonly kind: "schema";
  readonly oid: Oid;
  readonly name: string;
  /** Of the schema that every tenant begins with: it is there no more, though nothing else is stored of it. */
  readonly isDropped?: true;
}

export interface ColumnDefinition {
  /** 1, 2, …: never reused within its table, also when a column before it is dropped. */
  readonly number: number;
  readonly name: string;
  readonly type: SqlType;
  /** How many dimensions of arrays were written when it was made, if more than one: nobody is held to them. */
  readonly dimensions?: number;
  /** The collation that was asked for, where it is not that of the type. */
  readonly collation?: Oid;
  readonly isNotNull: boolean;
  readonly default: StoredExpression | null;
  readonly identity: "always" | "byDefault" | null;
  /** What a stored generated column holds. */
  readonly generated: StoredExpression | null;
  /** Sequence that a serial or identity column draws from, or 0. */
  readonly sequence: Oid;
  readonly isDropped: boolean;
  /** What rows that were written before the column was added have in it. */
  readonly missingValue: Datum;
  /** Who may do what with this column, beside what the table's list says. Absent: nobody. */
  readonly acl?: Acl;
}

export type ForeignKeyAction = "noAction" | "restrict" | "cascade" | "setNull" | "setDefault";

/** Of a constraint that may be looked at when its transaction commits: whether it is unless SET CONSTRAINTS says otherwise. */
export type Deferral = "initiallyImmediate" | "initiallyDeferred";

export type ConstraintDefinition =
  | {
      readonly kind: "primaryKey" | "unique";
      readonly oid: Oid;
      readonly name: string;
      readonly columns: readonly number[];
      readonly index: Oid;
      /** Absent: it is looked at with each row. */
      readonly deferral?: Deferral;
    }
  | {
      readonly kind: "check";
      readonly oid: Oid;
      readonly name: string;
      readonly expression: StoredExpression;
      /** Rows that were there before it may break it (NOT VALID). */
      readonly isNotValid?: true;
    }
  | {
      readonly kind: "foreignKey";
      readonly oid: Oid;
      readonly name: string;
      readonly columns: readonly number[];
      readonly referencedTable: Oid;
      readonly referencedColumns: readonly number[];
      readonly onUpdate: ForeignKeyAction;
      readonly onDelete: ForeignKeyAction;
      /** Either all of the columns are NULL or none is. Absent: a NULL in one of them refers to nothing (MATCH SIMPLE). */
      readonly match?: "full";
      /** Columns that ON DELETE SET NULL and SET DEFAULT change. Absent: all. */
      readonly deleteColumns?: readonly number[];
      readonly isNotValid?: true;
      /** Absent: it is looked at with each statement. */
      readonly deferral?: Deferral;
    };

export interface IndexKey {
  /** Column number, or 0 when `expression` says what is indexed. */
  readonly column: number;
  readonly expression: StoredExpression | null;
  readonly type: SqlType;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
  /** The operator class that was asked for, where it is not the type's own. All of a type have the same order here. */
  readonly operatorClass?: string;
  /** The collation that was asked for. Absent: the column's. */
  readonly collation?: Oid;
}

export interface IndexDefinition extends Commented {
  readonly kind: "index";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly table: Oid;
  /** Number under which its entries lie in the store. */
  readonly storage: number;
  readonly keys: readonly IndexKey[];
  /** Columns that are only carried along (INCLUDE). */
  readonly included: readonly number[];
  readonly isUnique: boolean;
  /** Unique keys with NULLs in the same places are the same (NULLS NOT DISTINCT). Absent: every NULL is another. */
  readonly nullsAreEqual?: true;
  /** It is the order of the table's rows, and has no entries of its own: of a primary key, unless that is deferrable. */
  readonly isPrimary: boolean;
  /** Its constraint is deferrable: several rows may have a key for a while, so their entries are not unique in the tree. */
  readonly isDeferrable?: true;
  /** The one by which CLUSTER was asked to arrange the table's rows last. */
  readonly isClustered?: true;
  /** The one by which a changed row is to be told to who replicates. */
  readonly isReplicaIdentity?: true;
  /** A partial index's condition. */
  readonly predicate: StoredExpression | null;
}

export interface TableDefinition extends Commented, Owned {
  readonly kind: "table";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /**
   * Number under which its rows lie in the store: a new one when all of them are written anew (TRUNCATE, a change of a column's type), so
   * that the rows of before stay where the definition of before finds them.
   */
  readonly storage: number;
  /** All columns ever, in the order of their numbers, dropped ones too. */
  readonly columns: readonly ColumnDefinition[];
  /** Columns of the row key: the primary key's; empty for a table without one, or a deferrable one, whose rows are keyed by a number. */
  readonly keyColumns: readonly number[];
  readonly constraints: readonly ConstraintDefinition[];
  readonly indexes: readonly Oid[];
  /** Grows with each change of the definition. */
  readonly version: number;
  /** UNLOGGED was asked for, which changes nothing of how its rows are kept. */
  readonly isUnlogged?: true;
  /** What is to tell a changed row to who replicates, which nobody does here. Absent: the primary key. */
  readonly replicaIdentity?: "full" | "nothing" | "index";
  /** Of a temporary table: what becomes of it when a transaction commits. Absent: nothing. */
  readonly onCommit?: "deleteRows" | "drop";
  /** Of what holds a materialized view's rows: that they were never computed, so that reading them is an error (55000). */
  readonly isUnpopulated?: true;
}

type KeyConstraint = Extract<ConstraintDefinition, { readonly kind: "primaryKey" | "unique" }>;

/** Null without one. Its columns are not the row key's when it is deferrable. */
export const primaryKeyOf = ({ constraints }: Pick<TableDefinition, "constraints">): KeyConstraint | null =>
  constraints.find((each): each is KeyConstraint => each.kind === "primaryKey") ?? null;

export interface ViewColumnDefinition {
  readonly name: string;
  readonly type: SqlType;
  /** Where it is not that of the type. */
  readonly collation?: Oid;
  /** Who may do what with the column, beside what the view's list says. */
  readonly acl?: Acl;
  /** What an INSERT through the view gives to the column beneath when it says nothing. */
  readonly default?: StoredExpression;
}

export interface ViewDefinition extends Commented, Owned {
  readonly kind: "view";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly columns: readonly ViewColumnDefinition[];
  readonly query: StoredQuery;
  /** It was made by a superuser: what it reads is read with a superuser's rights. */
  readonly isOwnerSuperuser?: boolean;
  /** Rows that are written through it must be seen through it: by its own condition, or also by those of the views beneath. Absent: neither. */
  readonly checkOption?: "local" | "cascaded";
}

/**
 * How a materialized view comes to hold what its query says: each commit that changes what it reads changes its rows too, or only REFRESH
 * does, for a reason.
 */
export type Maintenance = { readonly kind: "incremental" } | { readonly kind: "refresh"; readonly reason: string };

/** A table that a materialized view reads, and the columns of it that it depends on. */
export interface ViewSource {
  readonly table: Oid;
  readonly columns: readonly number[];
}

/** Settings and time by which literals of a stored query are read: `'yesterday'` is the day before the view was made. */
export interface ViewBinding {
  readonly timeZone: string;
  readonly dateStyle: {
    readonly format: "ISO" | "SQL" | "Postgres" | "German";
    readonly order: "MDY" | "DMY" | "YMD";
  };
  readonly intervalStyle: "postgres" | "postgres_verbose" | "sql_standard" | "iso_8601";
  /** µs since 2000-01-01 UTC. */
  readonly time: number;
}

/** A view whose rows are stored: facts of the log like those of a table (docs/decisions/0016-materialized-views-are-facts.md). */
export interface MaterializedViewDefinition extends Omit<ViewDefinition, "kind"> {
  readonly kind: "materializedView";
  /**
   * Where its rows lie: a table of the same oid, name, schema and owner without a primary key, whose row keys are hashes (view/view-rows.ts).
   * Behind the view's columns it has those in which sums and counts are kept, which have no names.
   */
  readonly rows: TableDefinition;
  readonly maintenance: Maintenance;
  /** False after WITH NO DATA: it cannot be read (55000) before it is refreshed. */
  readonly isPopulated: boolean;
  /** How often its rows were computed as a whole, and the position of the state that they were last computed from. */
  readonly refreshes: number;
  readonly refreshedAt: number;
  /** What literals in the query mean is settled when the view is made. */
  readonly binding: ViewBinding;
  /** Tables and materialized views that the query reads, also through views. */
  readonly sources: readonly ViewSource[];
}

export interface SequenceDefinition extends Commented, Owned {
  readonly kind: "sequence";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  readonly type: SqlType;
  readonly start: bigint;
  readonly increment: bigint;
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly cycles: boolean;
  /** Numbers that a session of PostgreSQL would take at a time, where that is not 1. It is shown, and each number is taken by itself. */
  readonly cache?: bigint;
  /** Column that owns it, so that it goes with the column; 0 and 0 for none. */
  readonly ownerTable: Oid;
  readonly ownerColumn: number;
  readonly isUnlogged?: true;
}

/** A type whose values are a list of labels (types/user-types.ts says what its oid tells). */
export interface EnumDefinition extends Commented, Owned {
  readonly kind: "enum";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /** In their order. None ever goes, and none ever gets another `value`. */
  readonly labels: readonly { readonly oid: Oid; readonly label: string; readonly value: number }[];
}

/** A type whose values are those of another one that fulfil its conditions. */
export interface DomainDefinition extends Commented, Owned {
  readonly kind: "domain";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /** Over another domain: that one, with the type beneath all of them. */
  readonly base: SqlType;
  /** The collation that was asked for, where it is not that of the type beneath. */
  readonly collation?: Oid;
  readonly isNotNull: boolean;
  readonly default: StoredExpression | null;
  /** What the default is a value of first, where that is not `base`: it was that of the domain beneath when this one was made. */
  readonly defaultType?: SqlType;
  /** Conditions over `VALUE`. */
  readonly checks: readonly {
    readonly oid: Oid;
    readonly name: string;
    readonly expression: StoredExpression;
    /** Rows that were there before it may break it (NOT VALID). */
    readonly isNotValid?: true;
  }[];
}

export interface AttributeDefinition {
  /** 1, 2, …: not that of one before it, also when that is dropped. */
  readonly number: number;
  readonly name: string;
  readonly type: SqlType;
  /** How many dimensions of arrays were written, if more than one. */
  readonly dimensions?: number;
  /** The collation that was asked for, where it is not that of the type. */
  readonly collation?: Oid;
}

/** A type whose values are rows of these fields (types/user-types.ts says what its oid tells). */
export interface CompositeDefinition extends Commented, Owned {
  readonly kind: "composite";
  readonly oid: Oid;
  readonly name: string;
  readonly schema: Oid;
  /** In their order. */
  readonly attributes: readonly AttributeDefinition[];
}

export type TypeDefinition = EnumDefinition | DomainDefinition | CompositeDefinition;

/** The tenant as an object: who may connect, make schemas, make temporary tables. In the catalog once something was granted or revoked. */
export interface DatabaseDefinition extends Owned {
  readonly kind: "database";
  readonly oid: Oid;
  readonly name: string;
}

/** Kinds of objects that can be made with other privileges than they begin with, as `pg_default_acl` names them. */
export type DefaultKind = "r" | "S" | "f" | "T" | "n";

/** What ALTER DEFAULT PRIVILEGES has said: the privileges of objects that a role will make. */
export interface DefaultPrivileges {
  readonly kind: "defaultPrivileges";
  readonly oid: Oid;
  readonly role: string;
  /** Where the objects lie; 0: anywhere. The lists for anywhere stand in the place of what objects begin with, others are added to it. */
  readonly schema: Oid;
  readonly objects: DefaultKind;
  readonly acl: Acl;
}

/** Things that share one name space within a schema. */
export type Relation =
  | TableDefinition
  | IndexDefinition
  | ViewDefinition
  | MaterializedViewDefinition
  | SequenceDefinition;

export type CatalogObject = SchemaDefinition | TypeDefinition | Relation;

/** What the catalog's trees hold: objects, and what stands beside them. */
export type CatalogEntry = CatalogObject | DatabaseDefinition | DefaultPrivileges;

/** Whether it is one that is found by its name or its number. */
export const isObject = (entry: CatalogEntry): entry is CatalogObject =>
  entry.kind !== "database" && entry.kind !== "defaultPrivileges";

/** Whether it is one of those that share a name space within a schema: all but schemas and types. */
export const isRelation = (object: CatalogObject): object is Relation => object.kind !== "schema" && !isType(object);

export const isTypeKind = (kind: string): kind is TypeDefinition["kind"] =>
  kind === "enum" || kind === "domain" || kind === "composite";

export const isType = (object: CatalogObject): object is TypeDefinition => isTypeKind(object.kind);

/** Where the rows of an object lie that has some: of a table, or of a materialized view. */
export function rowsOfObject(object: CatalogObject | null): TableDefinition | null {
  if (object?.kind === "table") return object;
  return object?.kind === "materializedView" ? object.rows : null;
}

/** One version of one tenant's catalog. Built-in schemas (`pg_catalog`, `information_schema`, `kimberlite`) are not in it. */
export interface Catalog {
  /** Equal versions are equal catalogs: plans are kept by it. */
  readonly version: number;
  schemaByName(name: string): SchemaDefinition | null;
  relationByName(schema: Oid, name: string): Relation | null;
  typeByName(schema: Oid, name: string): TypeDefinition | null;
  objectByOid(oid: Oid): CatalogObject | null;
  indexesOf(table: TableDefinition): readonly IndexDefinition[];
  /** Foreign keys of any table that refer to this one. */
  referencing(table: Oid): readonly { readonly table: TableDefinition; readonly constraint: ConstraintDefinition }[];
  objects(): Iterable<CatalogObject>;
  /** Null: nothing was granted or revoked of the tenant itself. */
  readonly database: DatabaseDefinition | null;
  readonly defaultPrivileges: readonly DefaultPrivileges[];
}
