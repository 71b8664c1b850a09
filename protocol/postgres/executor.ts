/**
 * Where a session's statements are run. The gateway's is made of shards and projections; tests have one in memory.
 */
import type { SqlReply, SqlRequest, SqlRows } from "../../actors/messages/sql.js";
import type { KimberliteError } from "../../runtime/types/errors.js";

/**
 *   projection   reads, on a snapshot
 *   shard        what writes or locks, and all of a transaction that has
 */
export type SqlDestination = "projection" | "shard";

/** `lost`: no answer of the one that was asked. `outcome` of the error says whether what was asked may have been done. */
export type SqlOutcome = SqlReply | { readonly kind: "lost"; readonly error: KimberliteError };

export interface SqlCall {
  /** Asks to end it early; the outcome still comes. */
  cancel(): void;
  /** Its session is over: what was not sent yet is not sent, whatever was goes on. The outcome still comes. */
  takeBack(): void;
}

export interface SqlExecutor {
  /** Answers exactly once, never before it has returned. */
  run(request: SqlRequest, destination: SqlDestination, settle: (outcome: SqlOutcome) => void): SqlCall;
  /**
   * As `run` by the shard, for several requests of one session that are under way together: they are decided in the order in which they were
   * sent, or not at all. Null, and nothing is sent, when that cannot be promised now.
   */
  runInOrder(request: SqlRequest, settle: (outcome: SqlOutcome) => void): SqlCall | null;
  /**
   * Answers at once what reads one row by its key, as a projection would; null when it has to be run. The rows are overwritten by the next
   * answer. Throws a `SqlError` for what the statement is refused with.
   */
  readNow(request: SqlRequest): SqlRows | null;
}
