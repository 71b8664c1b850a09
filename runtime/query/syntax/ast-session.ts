/** Statements about the session, its transaction and its cursors, as they were written. */
import type { TableLockMode } from "../catalog/lock-facts.js";
import type { CreateTableAs } from "./ast-definition.js";
import type { Expression, Located, TypeName } from "./ast-expression.js";
import type { DataStatement, Truncate } from "./ast-modify.js";
import type { Query, RelationName } from "./ast-query.js";

export interface TransactionModes {
  readonly isolation: "readUncommitted" | "readCommitted" | "repeatableRead" | "serializable" | null;
  readonly isReadOnly: boolean | null;
  readonly isDeferrable: boolean | null;
}

export type TransactionStatement = Located &
  (
    | { readonly kind: "begin"; readonly modes: TransactionModes; readonly isStart: boolean }
    | { readonly kind: "commit" | "rollback"; readonly andChain: boolean }
    | { readonly kind: "savepoint" | "release" | "rollbackTo"; readonly name: string }
    | { readonly kind: "prepareTransaction" | "commitPrepared" | "rollbackPrepared"; readonly name: string }
    /** `SET TRANSACTION …`, or `SET SESSION CHARACTERISTICS AS TRANSACTION …`. */
    | {
        readonly kind: "setTransaction";
        readonly modes: TransactionModes;
        readonly isSession: boolean;
        readonly snapshot: string | null;
      }
    | { readonly kind: "setConstraints"; readonly names: readonly RelationName[]; readonly isDeferred: boolean }
  );

export type SettingStatement = Located &
  (
    | { readonly kind: "set"; readonly name: string; readonly values: readonly string[]; readonly isLocal: boolean }
    /** `SET x TO DEFAULT` and `RESET x`. */
    | { readonly kind: "reset"; readonly tag: "SET" | "RESET"; readonly name: string; readonly isLocal: boolean }
    | { readonly kind: "resetAll" }
    | { readonly kind: "show"; readonly name: string }
    | { readonly kind: "discard"; readonly what: "all" | "plans" | "sequences" | "temporary" }
  );

export interface Copy extends Located {
  readonly kind: "copy";
  readonly table: RelationName | null;
  readonly query: DataStatement | null;
  readonly columns: readonly string[];
  readonly isFrom: boolean;
  /** Null: STDIN or STDOUT. */
  readonly file: string | null;
  readonly isProgram: boolean;
  /** Lower-case names; a value is null when none was written. */
  readonly options: readonly {
    readonly name: string;
    readonly value: string | readonly string[] | null;
    readonly location: number;
  }[];
  readonly where: Expression | null;
}

export interface Explain extends Located {
  readonly kind: "explain";
  readonly statement: DataStatement | CreateTableAs | CreateTableAsExecute | Execute;
  readonly options: readonly { readonly name: string; readonly value: string | null; readonly location: number }[];
}

/** CREATE TABLE … AS EXECUTE: the session knows which query that is. */
export interface CreateTableAsExecute extends Located {
  readonly kind: "createTableAsExecute";
  readonly execute: Execute;
  readonly table: Omit<CreateTableAs, "query">;
}

export interface Prepare extends Located {
  readonly kind: "prepare";
  readonly name: string;
  readonly types: readonly TypeName[];
  /** Its locations count from the beginning of the whole PREPARE. */
  readonly statement: DataStatement;
}

export interface Execute extends Located {
  readonly kind: "execute";
  readonly name: string;
  readonly arguments: readonly Expression[];
}

export interface Deallocate extends Located {
  readonly kind: "deallocate";
  /** Null: all. */
  readonly name: string | null;
}

export interface DeclareCursor extends Located {
  readonly kind: "declareCursor";
  readonly name: string;
  readonly query: Query;
  readonly isBinary: boolean;
  readonly isScroll: boolean;
  readonly isNoScroll: boolean;
  readonly isHold: boolean;
}

export interface Fetch extends Located {
  readonly kind: "fetch";
  readonly cursor: string;
  readonly isMove: boolean;
  readonly direction: "forward" | "backward" | "absolute" | "relative";
  /** Infinity as null: ALL. */
  readonly count: number | null;
}

export interface CloseCursor extends Located {
  readonly kind: "closeCursor";
  /** Null: all. */
  readonly name: string | null;
}

export type NotificationStatement = Located &
  (
    | { readonly kind: "listen"; readonly channel: string }
    | { readonly kind: "notify"; readonly channel: string; readonly payload: string }
    /** Null: all. */
    | { readonly kind: "unlisten"; readonly channel: string | null }
  );

export interface LockTable extends Located {
  readonly kind: "lockTable";
  readonly tables: readonly RelationName[];
  readonly mode: TableLockMode;
  readonly isNoWait: boolean;
}

/** VACUUM, ANALYZE, CLUSTER, REINDEX, CHECKPOINT: nothing needs them here. */
export interface Maintenance extends Located {
  readonly kind: "maintenance";
  readonly command: "VACUUM" | "ANALYZE" | "REINDEX" | "CHECKPOINT" | "CLUSTER";
  /** What a transaction block refuses it as, such as "REINDEX DATABASE"; null where it may stand in one. */
  readonly outsideBlocks: string | null;
  readonly tables: readonly RelationName[];
  /** Of each of the tables, as they are told apart by their places; absent where none could be named. */
  readonly columns?: readonly (readonly string[])[];
  /** ANALYZE, alone or with VACUUM. */
  readonly analyzes?: boolean;
}

/** What the grammar knows and nobody does here. Refused when it is bound, so that a block of statements runs up to it. */
export interface Unsupported extends Located {
  readonly kind: "unsupported";
  /** As in "MERGE is not supported". */
  readonly what: string;
}

export type SessionStatement =
  | TransactionStatement
  | SettingStatement
  | Copy
  | Explain
  | Prepare
  | Execute
  | CreateTableAsExecute
  | Deallocate
  | DeclareCursor
  | Fetch
  | CloseCursor
  | NotificationStatement
  | LockTable
  | Maintenance
  | Truncate
  | Unsupported;
