/**
 * Statements on their way from a gateway to a shard (all that writes, and all of a transaction that has written or locked) or to a
 * projection (other reads), and their answers. The codecs stand beside the types; the gateway moves the rows of an answer to its socket
 * as they are, so they are already messages of PostgreSQL's protocol.
 */
import { SqlError, type SqlErrorFields } from "../../runtime/query/error.js";
import type { Oid } from "../../runtime/query/types/sql-type.js";

/** A value as a client sent it: text (0) or binary (1); null is NULL. It is decoded where the statement is bound, by the type found there. */
export interface WireValue {
  readonly format: 0 | 1;
  readonly bytes: Uint8Array | null;
}

export type SqlIsolation = "readCommitted" | "repeatableRead" | "serializable";

/**
 * What requests that run one statement again and again have in common. It is encoded once by whoever sends them, and whoever takes them
 * knows it again by its bytes: the same shape is then the same object, on which hangs what was found out about the statement.
 */
export interface SqlShape {
  readonly tenant: number;
  /** Who has logged in: what its commands are recorded under. The settings `session_authorization` and `role` say whom it acts as. */
  readonly user: string;
  /** The tenant's name. */
  readonly database: string;
  /** The statement's text, one statement, with its place in what the client sent (for error positions). */
  readonly text: string;
  /** Types that the client gave its parameters; 0 is "find out". */
  readonly parameterTypes: readonly Oid[];
  /** Formats of the result columns: none (all text), one for all, or one each. */
  readonly resultFormats: readonly (0 | 1)[];
  /** The result as the client was told of it, when it was: a statement whose result is another by now is not run (0A000). */
  readonly columns: readonly SqlColumn[] | null;
  /** Settings that differ from their defaults: `timezone`, `search_path`, `kimberlite.as_of`, … */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** The roles that the tenant knows (runtime/query/catalog/role-set.ts); empty: whoever asks, and nobody beside. */
  readonly roles: string;
}

/** A statement of a session. */
export interface SqlRequest extends SqlShape {
  /** Its own fields of the same names, as one object that other requests share; null when nobody has made one. */
  readonly shape?: SqlShape | null;
  /**
   *   describe  binds only: parameter types and result columns
   *   execute   runs: the first rows, and a cursor when there are more
   *   load      runs an INSERT of one row of parameters for many: its only parameter holds their values (load-block.ts). Only to a shard
   *   fetch     more rows of a cursor
   *   close     ends a cursor
   *   end       the session is gone: its transaction, locks and cursors end
   *   listen    to a projection: what was notified behind position `atLeast`, as rows of position, process, channel and payload. Answered
   *             once there is something, or with no row at once when `rowsMax` is 1; the answer's position is where to go on
   *
   * and, only to a shard that has the session's transaction (`transaction.requests` above 0, but for `savepoint`, which may begin it):
   *
   *   commit, rollback                                  end it: the answer's tag is COMMIT or ROLLBACK. A commit of a failed transaction
   *                                                     rolls back
   *   savepoint, releaseSavepoint, rollbackToSavepoint  `text` is the savepoint's name
   *
   * and to a shard, of whatever session:
   *
   *   locks     the locks of the tenant's sessions: the answer's tag tells of them (runtime/query/catalog/lock-facts.ts)
   */
  readonly kind:
    | "describe"
    | "execute"
    | "load"
    | "fetch"
    | "close"
    | "end"
    | "listen"
    | "commit"
    | "rollback"
    | "savepoint"
    | "releaseSavepoint"
    | "rollbackToSavepoint"
    | "locks";
  /** Unique among all sessions of all gateways: drawn at random by the gateway. */
  readonly session: number;
  /** The parsed statement (runtime/query/syntax), encoded; empty when the receiver is believed to know the text. */
  readonly syntax: Uint8Array;
  readonly parameters: readonly WireValue[];
  /** Rows of this answer at most; 0 is no limit of the client's. */
  readonly rowsMax: number;
  readonly cursor: number;
  readonly transaction: {
    /** True between BEGIN and its end, or within an implicit block of several statements. */
    readonly isOpen: boolean;
    readonly isolation: SqlIsolation;
    readonly isReadOnly: boolean;
    /**
     * Requests of this transaction that the shard has answered. 0 begins it there; above 0 the shard must know it, and else (it was
     * restarted, or leads elsewhere now) refuses with 40001: never a second transaction in the place of a lost one.
     */
    readonly requests: number;
    /** Where the transaction's snapshot is, once it has one: repeatable reads at a projection. -1 for none. */
    readonly snapshot: number;
    /** µs since 1970, what `now()` is. */
    readonly startedAt: number;
  };
  /** Position that the state must have reached: the session's own last write, or what it was shown. -1 for none. */
  readonly atLeast: number;
  /** Asks a projection for all that anybody was told is committed by now: the leader is asked how far that is, before it is read. */
  readonly isLinearizable: boolean;
}

export interface SqlColumn {
  readonly name: string;
  readonly table: Oid;
  readonly column: number;
  readonly type: Oid;
  readonly typeLength: number;
  readonly modifier: number;
}

/** Whether a client that was told of one result can read the other. */
export const isSameResult = (told: readonly SqlColumn[], now: readonly SqlColumn[] | null): boolean =>
  told === now ||
  (told.length === now?.length &&
    told.every(({ name, type, modifier }, at) => {
      const column = now[at];
      return column?.name === name && column.type === type && column.modifier === modifier;
    }));

export const resultChanged = (): SqlError => new SqlError("0A000", "cached plan must not change result type");

export interface SqlNotice {
  readonly severity: "NOTICE" | "WARNING" | "INFO";
  readonly sqlState: string;
  readonly message: string;
  readonly fields: SqlErrorFields;
}

export type SettingChange = readonly [name: string, value: string, scope: "session" | "local"];

export type SqlRows = Extract<SqlReply, { readonly kind: "rows" }>;

export type SqlReply =
  /** The receiver does not know the text: send the statement again with its syntax. */
  | { readonly kind: "syntaxWanted" }
  | { readonly kind: "failed"; readonly sqlState: string; readonly message: string; readonly fields: SqlErrorFields }
  | {
      readonly kind: "described";
      readonly parameterTypes: readonly Oid[];
      readonly columns: readonly SqlColumn[] | null;
    }
  | {
      readonly kind: "rows";
      /** Null for statements without a result. */
      readonly columns: readonly SqlColumn[] | null;
      /** DataRow messages, back to back, ready to be sent. */
      readonly rows: Uint8Array;
      readonly rowCount: number;
      /** Empty while there are more rows; else `SELECT 3`, `INSERT 0 1`. */
      readonly tag: string;
      /** 0 when nothing is left. */
      readonly cursor: number;
      /** Position of the state that was read, or of the write. */
      readonly position: number;
      readonly wrote: boolean;
      /** The answer is to be held back for so long (`pg_sleep`). ms */
      readonly delayMs: number;
      readonly notices: readonly SqlNotice[];
      /** Settings that the statement changed (`set_config`), for the session or until the transaction ends. */
      readonly settings: readonly SettingChange[];
    };
