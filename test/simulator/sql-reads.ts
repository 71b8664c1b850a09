/** Queries over a state, by the shipping engine: a shard's decider that nothing is ever written with. */
import { decodeSqlReply, encodeSqlRequest } from "../../actors/messages/sql-codec.js";
import { SqlDecider } from "../../actors/shard/sql/decider.js";
import { factsLimits } from "../../actors/shard/sql/facts-limits.js";
import { QueryEngine } from "../../actors/sql/query-engine.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { SqlError } from "../../runtime/query/error.js";
import type { TreeReader } from "../../runtime/store/tree.js";
import { assert } from "../../runtime/types/assert.js";
import { prepareBodyBytesMax } from "../../runtime/types/limits.js";
import { type Parsed, readRows, requestOf, standingAlone } from "../sql/statement-request.js";

export type Rows = readonly (readonly (string | null)[])[];

const startedAt = 1_700_000_000_000_000;

export class SqlReads {
  readonly #decider: SqlDecider;

  constructor(state: TreeReader) {
    this.#decider = new SqlDecider({
      engine: new QueryEngine(),
      state,
      limits: factsLimits(prepareBodyBytesMax),
      answer: () => assert(false, "a query is answered as itself"),
      defect: (error) => {
        throw error;
      },
      working: () => {},
      now: () => startedAt / 1_000,
      monotonic: () => 0,
      random: () => 0.5,
    });
  }

  /**
   * Throws `SqlError` where the statement fails, and `KimberliteError` where the state cannot be read.
   *
   * @param asOf position of the tenant; null: now
   */
  rows(tenant: number, { text, syntax }: Parsed, asOf: number | null = null): Rows {
    const transaction = standingAlone(startedAt);
    const past: readonly (readonly [string, string])[] = asOf === null ? [] : [["kimberlite.as_of", String(asOf)]];
    const settings = [["is_superuser", "on"] as const, ...past];
    const head = { kind: "execute", tenant, session: 1, user: "admin", text, syntax, parameters: [] } as const;
    const request = requestOf({ ...head, settings, transaction });
    const bytes = encodeSqlRequest(request);
    const outcome = this.#decider.decide(
      {
        bytes,
        view: new DataView(bytes.buffer),
        port: null,
        envelope: null,
        correlation: 1,
        deadline: 0,
        kind: requestKind.sql,
        principalFrom: 0,
        principalTo: 0,
        bodyFrom: 0,
        bodyTo: bytes.length,
      },
      tenant,
    );
    if (outcome.kind === "failed") throw outcome.error;
    assert(outcome.kind === "answer", "a query is answered at once");
    const reply = decodeSqlReply(outcome.body);
    if (reply.kind === "failed") throw new SqlError(reply.sqlState, reply.message, reply.fields);
    assert(reply.kind === "rows" && reply.cursor === 0, "a query gives all its rows");
    return readRows(reply.rows);
  }
}
