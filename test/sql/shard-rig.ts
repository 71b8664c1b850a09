/**
 * SQL over a shard without threads, replica or disk: parser, decider and kernel over a state in memory, driven by hand, so that what waits for
 * whom is the test's own choice. The log is kept, to be replayed.
 */
import { LoadBlockWriter } from "../../actors/messages/load-block.js";
import type { SettingChange, SqlReply, SqlRequest, WireValue } from "../../actors/messages/sql.js";
import { decodeSqlReply, encodeSqlRequest } from "../../actors/messages/sql-codec.js";
import type { QueuedRequest } from "../../actors/shard/request-queue.js";
import { SqlDecider } from "../../actors/shard/sql/decider.js";
import { type FactsLimits, factsLimits } from "../../actors/shard/sql/facts-limits.js";
import type { SqlOutcome } from "../../actors/shard/sql/outcome.js";
import { QueryEngine } from "../../actors/sql/query-engine.js";
import { SqlParser } from "../../protocol/server/sql-parser.js";
import type { Port } from "../../runtime/actor/definition.js";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import type { RowRules } from "../../runtime/query/bind/bound.js";
import { encodeStatement } from "../../runtime/query/syntax/ast.js";
import { tableTree } from "../../runtime/store/table-trees.js";
import { treeKeyBytesMax } from "../../runtime/store/tree.js";
import { assert } from "../../runtime/types/assert.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { prepareBodyBytesMax } from "../../runtime/types/limits.js";
import { ShardTwin } from "../kernel/shard-twin.js";
import { type Parsed, readRows, requestOf, textValues, withoutSyntax } from "./statement-request.js";

export const tenant = 3;
export const parser = await SqlParser.load();
const encoder = new TextEncoder();

function parse(text: string): Parsed {
  const [parsed] = parser.parse(text);
  assert(parsed !== undefined, "a text has a statement");
  return { text: parsed.text, syntax: encodeStatement(parsed.statement) };
}

export type Answer =
  | { readonly kind: "waits" }
  | { readonly kind: "described" }
  | { readonly kind: "error"; readonly sqlState: string; readonly message: string; readonly detail: string }
  | {
      readonly kind: "rows";
      readonly tag: string;
      readonly rows: readonly (readonly (string | null)[])[];
      readonly position: number;
    };

export function answerOf(reply: SqlReply): Answer {
  switch (reply.kind) {
    case "failed":
      return { kind: "error", sqlState: reply.sqlState, message: reply.message, detail: reply.fields.detail ?? "" };
    case "described":
      return { kind: "described" };
    case "rows":
      return { kind: "rows", tag: reply.tag, rows: readRows(reply.rows), position: reply.position };
    default:
      throw new Error(`an answer of kind ${reply.kind} was not expected`);
  }
}

/** A way that requests come. */
export const portOf = (): Port & { isOpen: boolean } => ({ neighbour: "gateway-0", epoch: 1 as Epoch, isOpen: true });

const port: Port = portOf();

/** Counts the checks that it binds. */
class CountingEngine extends QueryEngine {
  checks = 0;

  override rulesOf(...of: Parameters<QueryEngine["rulesOf"]>): RowRules {
    const rules = super.rulesOf(...of);
    this.checks += rules.checks.length;
    return rules;
  }
}

export class ShardRig {
  readonly engine = new CountingEngine();
  readonly shard: ShardTwin;
  readonly decider: SqlDecider;
  /** To be changed by tests. */
  readonly limits: { -readonly [Limit in keyof FactsLimits]: FactsLimits[Limit] } = {
    ...factsLimits(prepareBodyBytesMax),
  };
  /** Statements that were put back into the queue. */
  readonly #woken: QueuedRequest[] = [];
  readonly #late = new Map<number, Answer>();
  #correlation = 0;
  #session = 0;
  /** What the statements of all sessions know of roles; empty: nothing. */
  roles = "";
  monotonic = 0;
  /** Requests that the decider was asked to decide, those that were woken again. */
  decided = 0;
  /** Keys that were applied and that programs of before do not take, also where its log is read again. */
  longKeys = 0;
  /** Statements that were answered at once, whatever was under way. */
  told = 0;
  /** What the newest answer says of its session's settings. */
  said: readonly SettingChange[] = [];
  /** How often a statement has said that it is at work. */
  signs = 0;

  /** @param from a shard whose log was replayed; by default a new one */
  constructor(from: ShardTwin | null = null) {
    this.shard = from ?? new ShardTwin({ longKey: () => void (this.longKeys += 1) }, undefined, 16 * 1024 * 1024);
    if (from === null) {
      this.shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault));
    }
    this.decider = new SqlDecider({
      engine: this.engine,
      state: this.shard.state,
      limits: this.limits,
      answer: (request, body) => void this.#late.set(request.correlation, this.#taken(body)),
      defect: (error) => {
        throw error;
      },
      working: () => {
        this.signs += 1;
      },
      now: () => 1_700_000_000_000,
      monotonic: () => this.monotonic,
      random: () => 0.5,
    });
  }

  session(user = "admin"): RigSession {
    this.#session += 1;
    return new RigSession(this, this.#session, user);
  }

  /** The shard ends what nobody ends. @returns how many sessions it took for such */
  lookAfterSessions(): number {
    const ends = this.decider.endsOfSilent();
    for (const end of ends) this.send(end, null);
    return ends.length;
  }

  /** @param from which way it comes; null: the shard has asked itself */
  send(request: SqlRequest, from: Port | null = port): { correlation: number; answer: Answer } {
    this.#correlation += 1;
    const correlation = this.#correlation;
    const body = encodeSqlRequest(request);
    const principal = encoder.encode(request.user);
    const bytes = new Uint8Array(principal.length + body.length);
    bytes.set(principal);
    bytes.set(body, principal.length);
    const answer = this.#decide({
      bytes,
      view: new DataView(bytes.buffer),
      port: from,
      envelope: null,
      correlation,
      deadline: 0,
      kind: requestKind.sql,
      principalFrom: 0,
      principalTo: principal.length,
      bodyFrom: principal.length,
      bodyTo: bytes.length,
    });
    this.#settle();
    return { correlation, answer };
  }

  /** Runs what was woken, in the order of the queue. */
  #settle(): void {
    for (;;) {
      this.decider.requeueWoken({ unshift: (_tenant, request) => this.#woken.unshift({ ...request }) });
      const next = this.#woken.shift();
      if (next === undefined) return;
      const answer = this.#decide(next);
      if (answer.kind !== "waits") this.#late.set(next.correlation, answer);
    }
  }

  timer(): void {
    this.decider.timer();
    this.#settle();
  }

  cancel(correlation: number): void {
    this.decider.cancel(port, correlation);
    this.#settle();
  }

  #taken(body: Uint8Array): Answer {
    const reply = decodeSqlReply(body);
    this.said = reply.kind === "rows" ? reply.settings : [];
    return answerOf(reply);
  }

  /** The answer of a statement that waited; null while it still does. */
  late(correlation: number): Answer | null {
    return this.#late.get(correlation) ?? null;
  }

  #decide(waiting: QueuedRequest): Answer {
    this.decided += 1;
    const outcome: SqlOutcome = this.decider.decide(waiting, tenant);
    switch (outcome.kind) {
      case "waits":
        return { kind: "waits" };
      case "told": {
        const answer = this.late(waiting.correlation);
        assert(answer !== null, "what was told has an answer");
        this.told += 1;
        return answer;
      }
      case "failed":
        // Not the error itself: what deciding throws stops the shard, and a refusal does not.
        throw new Error(`refused: ${outcome.error.message}`, { cause: outcome.error });
      case "answer":
        return this.#taken(outcome.body);
      case "commit": {
        const { stages } = outcome;
        this.shard.principal = outcome.bytes.slice(outcome.bodyTo);
        for (; stages !== null && stages.next < stages.count; stages.next += 1) {
          const { bytes, bodyTo } = stages.body(stages.next);
          const staged = this.shard.submitBytes(requestKind.sqlStage, bytes.slice(0, bodyTo));
          assert(staged.outcome === decided.written, "a part is staged");
        }
        const {
          outcome: written,
          position,
          error,
        } = this.shard.submitBytes(requestKind.sqlCommit, outcome.bytes.slice(0, outcome.bodyTo));
        if (written === decided.written) return this.#taken(outcome.committed(position));
        assert(error !== null, "what is not written is refused");
        return this.#taken(outcome.refused(error));
      }
    }
  }
}

/** One client. Statements as a gateway would send them: BEGIN is its own affair. */
export class RigSession {
  readonly #rig: ShardRig;
  readonly #number: number;
  #isOpen = false;
  #isolation: SqlRequest["transaction"]["isolation"] = "readCommitted";
  #requests = 0;
  settings: readonly (readonly [string, string])[] = [];
  isSuperuser = true;
  /** Which way its requests come. */
  port: Port = port;
  /** Of the statement that was sent last. */
  correlation = 0;

  readonly #user: string;
  #startedAt = 1_700_000_000_000_000;

  constructor(rig: ShardRig, number: number, user: string) {
    this.#rig = rig;
    this.#user = user;
    this.#number = number;
  }

  begin(isolation: SqlRequest["transaction"]["isolation"] = "readCommitted"): void {
    this.#isOpen = true;
    this.#startedAt += 1;
    this.#isolation = isolation;
    this.#requests = 0;
  }

  #send(kind: SqlRequest["kind"], { text, syntax }: Parsed, parameters: readonly WireValue[] = []): Answer {
    const request = requestOf({
      kind,
      tenant,
      session: this.#number,
      user: this.#user,
      text,
      syntax,
      parameters,
      roles: this.#rig.roles,
      settings: this.isSuperuser ? [["is_superuser", "on"], ...this.settings] : this.settings,
      transaction: {
        isOpen: this.#isOpen,
        isolation: this.#isolation,
        isReadOnly: false,
        requests: this.#requests,
        snapshot: -1,
        startedAt: this.#startedAt,
      },
    });
    const { correlation, answer } = this.#rig.send(request, this.port);
    this.correlation = correlation;
    // As a gateway counts.
    if (this.#isOpen && kind !== "describe") this.#requests += 1;
    return answer;
  }

  /** What a COPY asks for before its rows are there. */
  describe(text: string): Answer {
    return this.#send("describe", parse(text));
  }

  /** @param parameters as texts, of the types that the statement gives them */
  run(text: string, parameters: readonly (string | null)[] = []): Answer {
    return this.#send("execute", parse(text), textValues(parameters));
  }

  /** A part of a COPY: an INSERT of one row of parameters, for each row of values. */
  load(text: string, rows: readonly (readonly (string | null)[])[]): Answer {
    const block = new LoadBlockWriter();
    for (const row of rows) {
      for (const value of row) {
        if (value === null) block.null();
        else block.value(encoder.encode(value));
      }
      block.endRow();
    }
    return this.#send("load", parse(text), [{ format: 0, bytes: block.take() }]);
  }

  /** What the statement that was sent last came to, once it need not wait any more. */
  late(): Answer | null {
    return this.#rig.late(this.correlation);
  }

  #end(kind: "commit" | "rollback"): Answer {
    const answer = this.#send(kind, withoutSyntax());
    this.#isOpen = false;
    return answer;
  }

  commit(): Answer {
    return this.#end("commit");
  }

  rollback(): Answer {
    return this.#end("rollback");
  }

  /** Its gateway names it to a leader that may not know of it. */
  callIn(): Answer {
    return this.#send("close", withoutSyntax());
  }

  /** It is over, as its gateway says. */
  end(): Answer {
    return this.#send("end", withoutSyntax());
  }

  /** Its gateway knows of no transaction, and has told nobody of its end. */
  forget(): void {
    this.#isOpen = false;
  }

  /** The end of the transaction before this one, said late. */
  rollbackBefore(): void {
    this.#startedAt -= 1;
    this.#send("rollback", withoutSyntax());
    this.#startedAt += 1;
  }

  savepoint(name: string): Answer {
    return this.#send("savepoint", withoutSyntax(name));
  }

  rollbackTo(name: string): Answer {
    return this.#send("rollbackToSavepoint", withoutSyntax(name));
  }

  /** Runs a statement that must not fail or wait; its rows. */
  rows(text: string): readonly (readonly (string | null)[])[] {
    const answer = this.run(text);
    if (answer.kind !== "rows") throw new Error(`${text}: ${JSON.stringify(answer)}`);
    return answer.rows;
  }

  /** What the newest answer says of a setting; null for nothing. */
  told(name: string): string | null {
    return this.#rig.said.find(([each]) => each === name)?.[1] ?? null;
  }

  /** SQLSTATE of a statement that must fail. */
  state(text: string): string {
    const answer = this.run(text);
    if (answer.kind !== "error") throw new Error(`${text}: ${JSON.stringify(answer)}`);
    return answer.sqlState;
  }
}

/** All that tables hold, but for the positions that wrote it. */
export function contentsOf(rig: ShardRig): string[] {
  const found: string[] = [];
  for (const tree of [tableTree.rows, tableTree.index]) {
    const cursor = rig.shard.state.cursor(tree);
    const key = new Uint8Array(treeKeyBytesMax);
    for (let more = cursor.seek(new Uint8Array(0)); more; more = cursor.next()) {
      const item = Buffer.from(key.subarray(0, cursor.keyInto(key))).toString("hex");
      const { valueBytes, valueStart, valueLength } = cursor;
      found.push(
        `${tree} ${item} ${Buffer.from(valueBytes.subarray(valueStart + 8, valueStart + valueLength)).toString("hex")}`,
      );
    }
  }
  return found;
}

/** Three sessions of a shard that is new. */
export const rig = (): { shard: ShardRig; a: RigSession; b: RigSession; c: RigSession } => {
  const shard = new ShardRig();
  const a = shard.session();
  a.rows("CREATE TABLE t (id int PRIMARY KEY, v int, u text UNIQUE)");
  a.rows("INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')");
  return { shard, a, b: shard.session(), c: shard.session() };
};

export const stateOf = (answer: Answer | null): string | null => (answer?.kind === "error" ? answer.sqlState : null);
export const tagOf = (answer: Answer | null): string | null => (answer?.kind === "rows" ? answer.tag : null);
