/**
 * A client of one tenant's bank, connected to one node at a time. It knows what a client of PostgreSQL's protocol would: what was answered, what
 * was refused, and that nobody will tell of a commit whose node is gone. It does not repeat what is unknown.
 */
import type { SqlReply, SqlRequest } from "../../actors/messages/sql.js";
import type { ErrorRecord } from "../../runtime/types/errors.js";
import { requestOf, textValues, withoutSyntax } from "../sql/statement-request.js";
import type { Transfer } from "./sql-bank.js";
import type { Rows } from "./sql-reads.js";
import {
  type Around,
  lookAround,
  manyAlone,
  type Script,
  type Step,
  transferAlone,
  transferInSteps,
} from "./sql-scripts.js";
import { accounts } from "./sql-statements.js";

const user = "admin";
/** Transfers of one statement: three or four prepares of what is staged. */
const manyMax = 150;
const isolations = ["readCommitted", "repeatableRead", "serializable"] as const;

export interface SqlClientWorld extends Around {
  /** What a commit answered must be there. */
  answered(transfer: Transfer): void;
  nextSession(): number;
  /** µs since 1970, never the same twice. */
  nextStart(): number;
}

export class SqlClient {
  readonly tenant: number;
  readonly #world: SqlClientWorld;
  #session = 0;
  /** The replica on whose node its session is; -1 for none. */
  replica = -1;
  #script: Script | null = null;
  #step: Step | null = null;
  #transfer: Transfer | null = null;
  #isolation: Step["isolation"] = null;
  #requests = 0;
  #startedAt = 0;

  constructor(tenant: number, world: SqlClientWorld) {
    this.tenant = tenant;
    this.#world = world;
  }

  get isIdle(): boolean {
    return this.#script === null;
  }

  connect(replica: number): void {
    this.replica = replica;
    this.#session = this.#world.nextSession();
  }

  /** Its node is gone, or it does not wait any longer. What tells the node so. */
  disconnect(): SqlRequest {
    this.#settle("unknown");
    this.replica = -1;
    this.#isolation = null;
    return this.#make({ kind: "end", parsed: withoutSyntax(), parameters: [], isolation: null });
  }

  /** Begins something new; what it sends first. */
  begin(): SqlRequest {
    const { random, bank } = this.#world;
    const isolation = random.pick(isolations);
    this.#requests = 0;
    this.#startedAt = this.#world.nextStart();
    if (random.chance(0.15)) {
      this.#script = lookAround(this.#world, isolation);
    } else {
      const source = 1 + random.below(accounts);
      const target = 1 + ((source + random.below(accounts - 1)) % accounts);
      const isMany = random.chance(0.04);
      const transfer = isMany
        ? bank.begin(this.tenant, source, target, 0, random.between(50, manyMax))
        : bank.begin(this.tenant, source, target, 1 + random.below(40));
      this.#transfer = transfer;
      if (isMany) this.#script = manyAlone(transfer);
      else if (random.chance(0.3)) this.#script = transferAlone(transfer);
      else this.#script = transferInSteps(this.#world, transfer, isolation);
    }
    const first = this.#go([]);
    if (first === null) throw new Error("a script sends something");
    return first;
  }

  /** What it sends next, with the rows of the last answer; null when it has done what it began. */
  #go(rows: Rows): SqlRequest | null {
    const next = this.#script?.next(rows);
    if (next === undefined || next.done === true) {
      this.#done();
      return null;
    }
    this.#step = next.value;
    this.#isolation = next.value.isolation;
    return this.#make(next.value);
  }

  #done(): void {
    const transfer = this.#transfer;
    this.#script = null;
    this.#step = null;
    this.#transfer = null;
    this.#isolation = null;
    if (transfer?.fate === "committed") this.#world.answered(transfer);
  }

  #make({ kind, parsed, parameters }: Step): SqlRequest {
    const isOpen = this.#isolation !== null;
    const request = requestOf({
      kind,
      tenant: this.tenant,
      session: this.#session,
      user,
      ...parsed,
      parameters: textValues(parameters),
      settings: [["is_superuser", "on"]],
      transaction: {
        isOpen,
        isolation: this.#isolation ?? "readCommitted",
        isReadOnly: false,
        requests: this.#requests,
        snapshot: -1,
        startedAt: this.#startedAt,
      },
    });
    if (isOpen) this.#requests += 1;
    return request;
  }

  /** What becomes of a transfer whose script does not go on. */
  #settle(otherwise: "refused" | "unknown"): void {
    const transfer = this.#transfer;
    if (transfer !== null) {
      // Nobody but this client could have asked for its commit.
      if (transfer.fate === "open") transfer.fate = "refused";
      if (transfer.fate === "asked") transfer.fate = otherwise;
    }
    this.#done();
  }

  /** @param rows of the answer. What it sends next; null when it is done */
  ok(reply: SqlReply, rows: Rows): SqlRequest | null {
    if (reply.kind === "failed") return this.#refused();
    // A failed transaction's COMMIT says ROLLBACK.
    if (this.#step?.kind === "commit" && reply.kind === "rows" && reply.tag !== "COMMIT") {
      this.#settle("refused");
      return null;
    }
    return this.#go(rows);
  }

  /** A statement failed: the transaction that it was part of, if any, still has to be ended. */
  #refused(): SqlRequest | null {
    const isolation = this.#isolation;
    const isOver = isolation === null || this.#step?.kind === "commit" || this.#step?.kind === "rollback";
    this.#settle("refused");
    if (isOver) return null;
    // Many clients commit all the same.
    const kind = this.#world.random.chance(0.5) ? "commit" : "rollback";
    const step: Step = { kind, parsed: withoutSyntax(), parameters: [], isolation };
    this.#isolation = isolation;
    this.#script = ending(step);
    return this.#go([]);
  }

  /** The answer is an error of the way, not of the statement. Null: there is nothing more to send. */
  lost({ outcome }: ErrorRecord): null {
    const isCommit = this.#isolation === null || this.#step?.kind === "commit";
    this.#settle(isCommit && outcome !== "notCommitted" ? "unknown" : "refused");
    return null;
  }
}

function* ending(step: Step): Script {
  yield step;
}
