/**
 * What becomes of a statement that the shard has looked at, and the answers that need no more than a few words.
 *
 *   answer   nothing is written: it may be sent as any answer that rests on the state as proposed
 *   commit   the changes of a transaction, for the kernel to decide and the log to hold; the answer waits for it
 *   told     it was answered already: a transaction has written rows, which only its COMMIT will say to be there. What comes next of it need
 *            not wait for the disk. Were what it has met never to be committed, neither would the transaction be
 *   waits    a lock is in the way: the statement comes back into the queue when its owners have ended, and is run again from its start
 */
import { announcedTypes } from "../../../runtime/query/bind/bound.js";
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import type { ErrorRecord, KimberliteError } from "../../../runtime/types/errors.js";
import { kiB } from "../../../runtime/types/limits.js";
import type { SqlReply } from "../../messages/sql.js";
import { writeSqlReply } from "../../messages/sql-codec.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import { writeStage } from "./facts-of.js";

export type SqlOutcome =
  /** The body is to be copied before the next statement is decided. */
  | { readonly kind: "answer"; readonly body: Uint8Array }
  | { readonly kind: "failed"; readonly error: KimberliteError }
  | { readonly kind: "told" }
  | { readonly kind: "waits" }
  | {
      readonly kind: "commit";
      /** Body of a `sqlCommit`, then the principal; overwritten by the next transaction. */
      readonly bytes: Uint8Array;
      readonly view: DataView;
      readonly bodyTo: number;
      /** Bodies of the `sqlStage`s that have to be written before it, one after the other. */
      readonly stages: Stages | null;
      /** The answer once the record is written, overwritten by the next one's. Ends the transaction. */
      readonly committed: (position: number) => Uint8Array;
      /** The answer when the kernel refused it. Ends the transaction too. */
      readonly refused: (error: ErrorRecord) => Uint8Array;
    };

/** Parts of a large transaction on their way into the log. */
export interface Stages {
  readonly count: number;
  /** The next one to be written. */
  next: number;
  /** Body of a `sqlStage`, then the principal; overwritten by the next one. */
  body(part: number): { readonly bytes: Uint8Array; readonly view: DataView; readonly bodyTo: number };
}

/** @param out where the bodies are made, and those of others */
export function stagesOf(tenant: number, parts: readonly Uint8Array[], principal: Uint8Array, out: ByteWriter): Stages {
  return {
    count: parts.length,
    next: 0,
    body: (part) => {
      const entries = parts[part];
      assert(entries !== undefined, "only parts that there are are staged");
      const bodyTo = writeStage(out, tenant, part, entries).length;
      const bytes = out.raw(principal).view();
      return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bodyTo };
    },
  };
}

const noBytes = new Uint8Array(0);

const answers = new ByteWriter(4 * kiB);
/** Memory for more than this is not kept. */
const keptBytesMax = 64 * kiB;

/** The body may be overwritten by the next one's. */
export function answer(reply: SqlReply): SqlOutcome {
  const isLarge = reply.kind === "rows" && reply.rows.length > keptBytesMax;
  return { kind: "answer", body: writeSqlReply(reply, isLarge ? new ByteWriter() : answers).view() };
}

export const failed = ({ sqlState, message, fields }: SqlError): SqlReply => ({
  kind: "failed",
  sqlState,
  message,
  fields,
});

export const done = (tag: string, position: number): Extract<SqlReply, { kind: "rows" }> => ({
  kind: "rows",
  columns: null,
  rows: noBytes,
  rowCount: 0,
  tag,
  cursor: 0,
  position,
  wrote: false,
  delayMs: 0,
  notices: [],
  settings: [],
});

export const described = ({ bound, columns }: PlannedStatement): SqlReply => ({
  kind: "described",
  parameterTypes: announcedTypes(bound),
  columns,
});

export const transactionTooLarge = (bytes: number, limit: number): SqlError =>
  new SqlError("54000", `the transaction changes too much at once: ${bytes} bytes, the limit is ${limit}`, {
    hint: "Split it into several transactions.",
  });

/** A refusal of the kernel in SQL's terms. */
export const sqlErrorOf = ({ code, message }: ErrorRecord): SqlError =>
  new SqlError(code === "quotaExceeded" ? "53400" : "XX000", message);

export const locksLost = (): SqlError =>
  new SqlError("57P01", "terminating connection because the session's advisory locks were lost", {
    detail: "The shard that keeps them has another leader, or had lost the link to this node.",
  });

export const transactionLost = (): SqlError =>
  new SqlError("40001", "could not serialize access: the transaction was lost, none of it is committed", {
    hint: "Run the transaction again.",
  });
