/** Makes of what a transaction has changed the record that the kernel is to decide, and the answer that waits for it. */

import { assert } from "../../../runtime/types/assert.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { miB } from "../../../runtime/types/limits.js";
import type { SqlReply } from "../../messages/sql.js";
import { encodeSqlReply, writeSqlReply } from "../../messages/sql-codec.js";
import type { QueuedRequest } from "../request-queue.js";
import type { Deciding } from "./deciding.js";
import { writeFacts } from "./facts-of.js";
import { LoadedRows } from "./loaded-rows.js";
import { leaveNumbers } from "./numbers-left.js";
import { answer, failed, type SqlOutcome, type Stages, sqlErrorOf, stagesOf, transactionTooLarge } from "./outcome.js";
import { Transaction } from "./transaction.js";

/** Changes of one transaction: they are put into the trees in one go. */
const factsBytesMax = 256 * miB;

/** What follows once the kernel has spoken. Each ends the transaction. */
export interface Settling {
  readonly committed: (position: number) => SqlReply;
  /** Null: the refusal is told. */
  readonly refused: () => SqlReply | null;
}

/** What is said of a transaction that has changed something, and of one that has not. */
export type CommitReply = (position: number, wrote: boolean) => SqlReply;

export class CommitMaker {
  readonly #deciding: Deciding;
  readonly #reply = new ByteWriter(256);
  readonly #stage = new ByteWriter(64 * 1024);
  /** Facts of the commit that is made; a statement that stands alone writes them here itself. */
  readonly facts = new ByteWriter(64 * 1024);

  constructor(deciding: Deciding) {
    this.#deciding = deciding;
  }

  /** The commit of a transaction, or the answer at once when it has changed nothing. */
  ofTransaction(
    waiting: Readonly<QueuedRequest>,
    transaction: Transaction,
    position: number,
    reply: CommitReply,
    { remember, ended }: { readonly remember: (position: number) => void; readonly ended: () => void },
  ): SqlOutcome {
    const { host, sequences } = this.#deciding;
    const { tenant } = transaction;
    // What others have left goes with a record that is made in any case.
    const isRecord = transaction.sequences.size > 0 || !transaction.overlay.isEmpty;
    const objects = new Set([...transaction.sequences, ...(isRecord ? sequences.takeLeft(tenant) : [])]);
    const touched = [...objects].flatMap((object) => {
      const sequence = sequences.find(host.state, tenant, object);
      return sequence === null ? [] : [{ object, state: sequence }];
    });
    const facts = writeFacts(this.facts, transaction, touched, host);
    host.working();
    if (facts.entries === 0) {
      ended();
      return answer(reply(position, false));
    }
    if (facts.bytes > factsBytesMax) {
      transaction.restarts.undo(0, tenant, sequences);
      leaveNumbers(this.#deciding, { tenant, sequences: objects });
      throw transactionTooLarge(facts.bytes, factsBytesMax);
    }
    const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
    const stages = facts.parts.length === 0 ? null : stagesOf(tenant, facts.parts, principal.slice(), this.#stage);
    return this.ofFacts(waiting, stages, {
      committed: (at) => {
        remember(at);
        ended();
        const { loaded } = transaction.overlay;
        if (loaded instanceof LoadedRows) loaded.release();
        return reply(at, true);
      },
      refused: () => {
        transaction.restarts.undo(0, tenant, sequences);
        leaveNumbers(this.#deciding, { tenant, sequences: objects });
        ended();
        return null;
      },
    });
  }

  /** A record of the numbers that were left, before a reply about what came to nothing. */
  ofNumbersLeft(waiting: Readonly<QueuedRequest>, tenant: number, position: number, reply: SqlReply): SqlOutcome {
    const { host, sequences } = this.#deciding;
    const objects = sequences.takeLeft(tenant);
    if (objects.length === 0) return answer(reply);
    const touched = objects.flatMap((object) => {
      const state = sequences.find(host.state, tenant, object);
      return state === null ? [] : [{ object, state }];
    });
    const nothing = new Transaction(0, tenant, "readCommitted", -1);
    const { entries } = writeFacts(this.facts, nothing, touched, host);
    if (entries === 0) return answer(reply);
    assert(position >= 0, "numbers are taken of a tenant that is there");
    return this.ofFacts(waiting, null, {
      committed: () => reply,
      refused: () => {
        leaveNumbers(this.#deciding, { tenant, sequences: new Set(objects) });
        return reply;
      },
    });
  }

  /** What `facts` holds, for the kernel to decide and the log to hold. */
  ofFacts(waiting: Readonly<QueuedRequest>, stages: Stages | null, { committed, refused }: Settling): SqlOutcome {
    const bodyTo = this.facts.length;
    const principal = waiting.bytes.subarray(waiting.principalFrom, waiting.principalTo);
    const bytes = this.facts.raw(principal).view();
    return {
      stages,
      kind: "commit",
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
      bodyTo,
      committed: (at) => writeSqlReply(committed(at), this.#reply).view(),
      refused: (error) => {
        return encodeSqlReply(refused() ?? failed(sqlErrorOf(error)));
      },
    };
  }
}
