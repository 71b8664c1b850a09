/** The SQL clients of a run: who waits for which answer, and what all states that anybody sees have to hold. */
import type { SqlRequest } from "../../actors/messages/sql.js";
import { decodeSqlReply, encodeSqlRequest } from "../../actors/messages/sql-codec.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import type { TreeReader } from "../../runtime/store/tree.js";
import type { ErrorRecord } from "../../runtime/types/errors.js";
import { readRows, requestOf, standingAlone, withoutSyntax } from "../sql/statement-request.js";
import { expect } from "./failure.js";
import type { KernelModel } from "./kernel-model.js";
import type { Gateway } from "./kernel-side.js";
import type { SimNode } from "./node.js";
import type { Simulation } from "./simulation.js";
import { Bank, numbersOf, type Transfer } from "./sql-bank.js";
import { SqlClient, type SqlClientWorld } from "./sql-client.js";
import { SqlReads } from "./sql-reads.js";
import { foundation, statements } from "./sql-statements.js";
import { Stream } from "./streams.js";

const retryMs = 300;
/** A client that has waited for so long goes away. */
const patienceMs = 3_000;
const thinkMicros = 40_000;
const encoder = new TextEncoder();
const principal = encoder.encode("admin");

interface Waiting {
  readonly client: SqlClient;
  readonly number: number;
}

interface PastState {
  readonly position: number;
  readonly transfers: number;
}

export interface SqlCounts {
  readonly committed: number;
  readonly refused: number;
  readonly unknown: number;
  readonly stagedParts: number;
  /** Of states by queries, and of their past. */
  readonly checks: number;
  readonly pastChecks: number;
}

export class SqlClients implements SqlClientWorld {
  readonly #simulation: Simulation;
  readonly #model: KernelModel;
  readonly #reads: SqlReads;
  readonly #tenants: readonly number[];
  readonly #gatewayOf: (replica: number) => Gateway | null;
  readonly #nextCorrelation: () => number;
  readonly random: Stream;
  readonly bank = new Bank();
  readonly #clients: SqlClient[];
  readonly #waiting = new Map<number, Waiting>();
  readonly #held = new Map<number, ReadonlySet<number>>();
  #lastSession = 0;
  #lastStart = 1_700_000_000_000_000;
  #lastNumber = 0;
  #isSettling = false;
  #committedAtSettle = 0;
  #begun = 0;
  #checks = 0;
  #pastChecks = 0;
  /** By tenant: how many transfers there were at which of its positions. */
  readonly #past = new Map<number, PastState[]>();
  /** Which of them is looked at. */
  readonly #looks: Stream;
  /** By tenant: records of SQL in the log that the last check was of. */
  readonly #sqlCommits = new Map<number, number>();

  constructor(
    simulation: Simulation,
    model: KernelModel,
    tenants: readonly number[],
    gatewayOf: (replica: number) => Gateway | null,
    nextCorrelation: () => number,
  ) {
    const { seed, sqlClients } = simulation.options;
    this.#simulation = simulation;
    this.#model = model;
    this.#reads = new SqlReads(model.state);
    this.#tenants = tenants;
    this.#gatewayOf = gatewayOf;
    this.#nextCorrelation = nextCorrelation;
    this.random = new Stream(seed, "sql");
    this.#looks = new Stream(seed, "sql past");
    this.#clients = tenants.flatMap((tenant) => Array.from({ length: sqlClients }, () => new SqlClient(tenant, this)));
  }

  get counts(): SqlCounts {
    const { bank } = this;
    return {
      committed: bank.count("committed"),
      refused: bank.count("refused"),
      unknown: bank.count("unknown"),
      stagedParts: this.#model.stagedParts,
      checks: this.#checks,
      pastChecks: this.#pastChecks,
    };
  }

  // ------------------------------------------------------------------ what clients need

  shown(numbers: readonly number[], where: string): void {
    if (this.#simulation.commits.isBlind) return;
    for (const number of numbers) {
      const isCommitted = [...this.#held.values()].some((held) => held.has(number));
      expect(isCommitted, "sql", () => `${where} shows transfer ${number}, which is not committed`);
    }
  }

  answered(transfer: Transfer): void {
    const { number, tenant } = transfer;
    if (this.#simulation.commits.isBlind) return;
    const held = this.#held.get(tenant);
    expect(
      numbersOf(transfer).every((one) => held?.has(one) === true),
      "ack durability",
      () => `transfer ${number} of tenant ${tenant} was answered as committed, and is not in the committed log`,
    );
  }

  nextSession(): number {
    this.#lastSession += 1;
    return this.#lastSession;
  }

  nextStart(): number {
    this.#lastStart += 1;
    return this.#lastStart;
  }

  // ------------------------------------------------------------------ work

  begin(): void {
    this.#found();
  }

  /** Tables and accounts of all tenants, said again until they are there. */
  #found(): void {
    const left = this.#tenants.filter((tenant) => !this.bank.isFounded(this.#reads, tenant));
    if (left.length === 0) {
      for (const client of this.#clients) this.#drive(client);
      return;
    }
    const node = this.random.pick(this.#simulation.nodes);
    for (const tenant of left) this.#foundTenant(node, tenant);
    this.#after(retryMs * 1_000, () => this.#found());
  }

  #foundTenant(node: SimNode, tenant: number): void {
    const session = this.nextSession();
    for (const { text, syntax } of foundation) {
      const transaction = standingAlone(this.nextStart());
      const settings = [["is_superuser", "on"]] as const;
      const head = { kind: "execute", tenant, session, user: "admin", text, syntax, parameters: [] } as const;
      this.#post(node, this.#nextCorrelation(), requestOf({ ...head, settings, transaction }));
    }
    this.#post(node, this.#nextCorrelation(), endOf(tenant, session));
  }

  #after(micros: number, work: () => void): void {
    const { events } = this.#simulation;
    events.at(events.now + micros, () => this.#simulation.check(work));
  }

  #drive(client: SqlClient): void {
    // A replica that follows gathers before it applies: it is seen in step only where nobody writes for a moment. So who got on has time.
    const settling = this.isSettled ? 1_000_000 : 150_000;
    const mean = this.#isSettling ? settling : this.#simulation.options.requestMicros;
    this.#after(this.random.exponential(mean), () => this.#start(client));
  }

  #start(client: SqlClient): void {
    const { nodes, options } = this.#simulation;
    if (!this.#isSettling && this.#begun >= options.requestsMax) return this.#drive(client);
    if (client.replica >= 0 && (!isUp(nodes[client.replica]) || this.random.chance(0.05))) this.#leave(client);
    if (client.replica < 0) {
      const node = this.random.pick(nodes);
      if (!isUp(node)) return this.#drive(client);
      client.connect(node.replica);
    }
    this.#begun += 1;
    this.#send(client, client.begin());
  }

  #send(client: SqlClient, request: SqlRequest): void {
    const node = this.#simulation.nodes[client.replica];
    const correlation = this.#nextCorrelation();
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    this.#waiting.set(correlation, { client, number });
    this.#post(node, correlation, request);
    this.#await(correlation, client, node?.starts ?? 0, patienceMs);
  }

  /** A connection ends with its node. */
  #await(correlation: number, client: SqlClient, starts: number, leftMs: number): void {
    const lookMs = 50;
    this.#after(lookMs * 1_000, () => {
      if (!this.#waiting.has(correlation)) return;
      const node = this.#simulation.nodes[client.replica];
      if (leftMs > 0 && isUp(node) && node.starts === starts) {
        this.#await(correlation, client, starts, leftMs - lookMs);
        return;
      }
      this.#waiting.delete(correlation);
      this.#leave(client);
      this.#drive(client);
    });
  }

  #leave(client: SqlClient): void {
    const node = this.#simulation.nodes[client.replica];
    const end = client.disconnect();
    this.#post(node, this.#nextCorrelation(), end);
  }

  #post(node: SimNode | undefined, correlation: number, request: SqlRequest): void {
    if (!isUp(node)) return;
    const gateway = this.#gatewayOf(node.replica);
    const body = encodeSqlRequest(request);
    node.cell("gateway-0")?.enter(() => gateway?.send(correlation, requestKind.sql, principal, body));
  }

  ok(correlation: number, body: Uint8Array): void {
    const waiting = this.#waiting.get(correlation);
    if (waiting === undefined) return;
    this.#waiting.delete(correlation);
    const reply = decodeSqlReply(body);
    this.#goOn(waiting.client, waiting.client.ok(reply, reply.kind === "rows" ? readRows(reply.rows) : []));
  }

  fail(correlation: number, error: ErrorRecord): void {
    const waiting = this.#waiting.get(correlation);
    if (waiting === undefined) return;
    this.#waiting.delete(correlation);
    waiting.client.lost(error);
    this.#goOn(waiting.client, null);
  }

  #goOn(client: SqlClient, next: SqlRequest | null): void {
    if (next === null) this.#drive(client);
    else if (this.random.chance(0.65)) this.#send(client, next);
    else this.#think(client, next);
  }

  /** A client takes its time within its transaction: leaders may come and go meanwhile. */
  #think(client: SqlClient, next: SqlRequest): void {
    const node = this.#simulation.nodes[client.replica];
    const starts = node?.starts;
    this.#after(this.random.exponential(thinkMicros), () => {
      if (isUp(node) && node.starts === starts) {
        this.#send(client, next);
        return;
      }
      this.#leave(client);
      this.#drive(client);
    });
  }

  // ------------------------------------------------------------------ what states hold

  /** The committed log has grown. */
  committed(): void {
    for (const tenant of this.#tenants) {
      const commits = this.#model.sqlCommits.get(tenant) ?? 0;
      if (commits === (this.#sqlCommits.get(tenant) ?? 0)) continue;
      this.#sqlCommits.set(tenant, commits);
      this.#checks += 1;
      const held = this.bank.check(this.#reads, tenant, () => `the state at op ${this.#model.op}`);
      for (const number of this.#held.get(tenant) ?? []) {
        expect(held.has(number), "sql", () => `transfer ${number} of tenant ${tenant} was committed, and is gone`);
      }
      this.#held.set(tenant, held);
      this.#remember(tenant, held.size);
    }
  }

  /** A past that was looked at when it was the present is the same when it is asked for. */
  #remember(tenant: number, transfers: number): void {
    const past = this.#past.get(tenant) ?? [];
    this.#past.set(tenant, past);
    const position = (new StateReads(this.#model.state).tenant(tenant)?.nextPosition ?? 0) - 1;
    past.push({ position, transfers });
    if (!this.bank.isFounded(this.#reads, tenant) || this.#looks.chance(0.5)) return;
    const then = this.#looks.pick(past);
    if (then.transfers === 0) return;
    this.#pastChecks += 1;
    const where = (): string => `tenant ${tenant} at op ${this.#model.op} as of position ${then.position}`;
    const count = this.#reads.rows(tenant, statements.allTransfers, then.position).length;
    expect(count === then.transfers, "sql", () => `${where()}: ${count} transfers, and there were ${then.transfers}`);
    const [total] = this.#reads.rows(tenant, statements.total, then.position);
    this.bank.checkTotal(total ?? [], (what) => () => `${where()}: ${what}`);
  }

  /** A state that a replica shows. One that is the log's, key by key, needs no second look. */
  seen(state: TreeReader, replica: number, op: number): void {
    if (op === this.#model.op && !this.#simulation.commits.isBlind) return;
    const reads = new SqlReads(state);
    for (const tenant of this.#tenants) {
      this.#checks += 1;
      const held = this.bank.check(reads, tenant, () => `replica ${replica} at op ${op}`);
      this.shown([...held], `replica ${replica} at op ${op}`);
    }
  }

  settle(): void {
    this.#isSettling = true;
    this.#committedAtSettle = this.bank.count("committed");
  }

  /** Those of each tenant get on with their work. */
  get isSettled(): boolean {
    return this.bank.count("committed") >= this.#committedAtSettle + 2;
  }

  standing(): string {
    const { committed, refused, unknown } = this.counts;
    return `transfers committed ${committed - this.#committedAtSettle} since the heal, refused ${refused}, unknown ${unknown} in all`;
  }

  /** What was answered is in the committed log. */
  end(): void {
    if (this.#simulation.commits.isBlind) return;
    for (const tenant of this.#tenants) {
      for (const transfer of this.bank.committed(tenant)) this.answered(transfer);
    }
  }
}

const isUp = (node: SimNode | undefined): node is SimNode => node?.isAlive === true;

function endOf(tenant: number, session: number): SqlRequest {
  const head = { kind: "end", tenant, session, user: "admin", ...withoutSyntax(), parameters: [] } as const;
  return requestOf({ ...head, transaction: standingAlone(0) });
}
