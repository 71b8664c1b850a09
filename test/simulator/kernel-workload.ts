/** The shipping shard with its state, and clients of two tenants that write, retry and read through any node. */
import { shardOn } from "../../actors/shard/actor.js";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import { encodeStreamCreate } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { framesMin } from "../../runtime/store/frame-pool.js";
import { pageBytes } from "../../runtime/store/layout.js";
import type { StoreReader } from "../../runtime/store/reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { type ErrorRecord, isKimberliteError } from "../../runtime/types/errors.js";
import type { Committed } from "./commit-oracle.js";
import { expect, SimulationFailure } from "./failure.js";
import { type ClientWorld, KernelClient, sessionsMax, tenants } from "./kernel-clients.js";
import { digestOf, KernelModel } from "./kernel-model.js";
import { Gateway, StateReader } from "./kernel-side.js";
import { nextVoters } from "./next-voters.js";
import { clusterId, directory, type SimNode } from "./node.js";
import type { Simulation } from "./simulation.js";
import { SqlClients, type SqlCounts } from "./sql-clients.js";
import { Stream } from "./streams.js";
import type { Workload } from "./workload.js";

const clientsPerTenant = 2;
const retryMs = 700;
const setupKeyByte = 9;

interface Side {
  readonly gateway: Gateway;
  readonly reader: StateReader;
}

export class KernelWorkload implements Workload, ClientWorld {
  readonly #simulation: Simulation;
  readonly random: Stream;
  readonly model = new KernelModel();
  readonly bodyBytesMax: number;
  readonly #sides: (Side | null)[];
  readonly #clients: KernelClient[];
  readonly #sql: SqlClients | null;
  readonly #floors = new Map<number, number>();
  readonly #sessions = new Map<number, number>();
  /** Who waits for the answer to a correlation. */
  readonly #waiting = new Map<number, { readonly client: KernelClient; readonly number: number }>();
  #isSetUp = false;
  #lastNumber = 0;
  #lastCorrelation = 0;
  #isSettling = false;
  #answeredAtSettle = 0;
  requests = 0;
  reads = 0;
  compared = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { options } = simulation;
    this.random = new Stream(options.seed, "workload");
    this.bodyBytesMax = options.bodyBytesMax;
    this.#sides = new Array<Side | null>(options.replicas + options.standbys).fill(null);
    this.#clients = tenants.flatMap((tenant) =>
      Array.from({ length: clientsPerTenant }, (_, index) => new KernelClient(tenant * 10 + index, tenant, this)),
    );
    this.#sql =
      options.sqlClients === 0
        ? null
        : new SqlClients(
            simulation,
            this.model,
            tenants,
            (replica) => this.#sides[replica]?.gateway ?? null,
            () => this.#nextCorrelation(),
          );
  }

  get isBlind(): boolean {
    return this.#simulation.commits.isBlind;
  }

  get answered(): number {
    return this.#clients.reduce((sum, client) => sum + client.answered, 0);
  }

  get sql(): SqlCounts | null {
    return this.#sql?.counts ?? null;
  }

  // ------------------------------------------------------------------ nodes

  async makeShard(node: SimNode): Promise<readonly string[]> {
    const { options } = this.#simulation;
    const cell = node.makeCell("shard-1");
    cell.actor = await shardOn(node.machine).create(cell, {
      shard: 1,
      directory,
      clusterId,
      replica: "replica-1",
      keeper: "keeper-1",
      replicas: options.replicas + options.standbys,
      voters: options.replicas,
      self: node.replica,
      projections: ["projection-1.0"],
      interest: new SharedArrayBuffer(4),
      cacheBytes: framesMin * pageBytes,
      pipelineMax: Math.min(options.pipeline, 2),
      checkpointBytes: options.checkpointEvery === 0 ? 2 ** 30 : options.checkpointEvery * 4_096,
      checkpointMs: 1_000,
    });
    const gatewayCell = node.makeCell("gateway-0");
    const gateway = new Gateway(gatewayCell, {
      ok: (correlation, body) => this.#simulation.check(() => this.#ok(correlation, body)),
      fail: (correlation, error) => this.#simulation.check(() => this.#fail(correlation, error)),
    });
    gatewayCell.actor = gateway;
    const readerCell = node.makeCell("projection-1.0");
    const reader = new StateReader(readerCell, node);
    readerCell.actor = reader;
    this.#sides[node.replica] = { gateway, reader };
    return ["gateway-0", "projection-1.0"];
  }

  #anyNode(): { readonly node: SimNode; readonly side: Side } | null {
    const { nodes } = this.#simulation;
    const node = this.random.pick(nodes);
    const side = this.#sides[node.replica];
    return node.isAlive && side !== null && side !== undefined ? { node, side } : null;
  }

  // ------------------------------------------------------------------ what clients need

  floor(tenant: number): number {
    return this.#floors.get(tenant) ?? -1;
  }

  answeredAt(tenant: number, position: number): void {
    this.#floors.set(tenant, Math.max(this.floor(tenant), position));
  }

  foreignSession(tenant: number): number {
    for (const [other, session] of this.#sessions) {
      const isFree = this.#sessions.get(tenant) !== session;
      if (other !== tenant && isFree) return session;
    }
    return 0;
  }

  openedSession(tenant: number, session: number): void {
    this.#sessions.set(tenant, session);
  }

  nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  // ------------------------------------------------------------------ work

  begin(): void {
    this.#setUpNext();
  }

  /** Two tenants, a stream each; repeated until the log says that they are there. */
  #setUpNext(): void {
    const { events } = this.#simulation;
    const state = new StateReads(this.model.state);
    const done = tenants.every((tenant) => (state.tenant(tenant)?.nextPosition ?? 0) > 0);
    if (done) {
      this.#isSetUp = true;
      for (const client of this.#clients) this.#drive(client);
      this.#sql?.begin();
      this.#readLater();
      return;
    }
    const found = this.#anyNode();
    if (found !== null) {
      for (const tenant of tenants) this.#setUpTenant(found.node, found.side, tenant, state.tenant(tenant) !== null);
    }
    events.at(events.now + 200_000, () => this.#simulation.check(() => this.#setUpNext()));
  }

  #setUpTenant(node: SimNode, { gateway }: Side, tenant: number, isThere: boolean): void {
    if (!isThere) {
      const quotas = { ...quotasDefault, sessionsMax };
      const body = encodeTenantAdopt(new ByteWriter(), tenant, 1, "fresh", quotas).finish();
      node.cell("gateway-0")?.enter(() => gateway.command(requestKind.tenantAdopt, body, () => {}));
      return;
    }
    const key = new Uint8Array(16).fill(setupKeyByte);
    const body = encodeStreamCreate(new ByteWriter(), { tenant, requestKey: key }, "s", true).finish();
    const principal = new TextEncoder().encode("client");
    node.cell("gateway-0")?.enter(() => gateway.send(0, requestKind.streamCreate, principal, body));
  }

  #drive(client: KernelClient): void {
    const { events, options } = this.#simulation;
    const mean = this.#isSettling ? 30_000 : options.requestMicros;
    events.at(events.now + this.random.exponential(mean), () => this.#simulation.check(() => this.#send(client)));
  }

  #send(client: KernelClient): void {
    const { events, options } = this.#simulation;
    const mayBegin = this.#isSettling || this.requests < options.requestsMax;
    if (client.isIdle && !mayBegin) {
      this.#drive(client);
      return;
    }
    const found = this.#anyNode();
    const request = client.request();
    const correlation = this.#nextCorrelation();
    this.#waiting.set(correlation, { client, number: request.number });
    this.requests += 1;
    if (found !== null) {
      const { node, side } = found;
      node
        .cell("gateway-0")
        ?.enter(() => side.gateway.send(correlation, request.kind, request.principal, request.body));
    }
    events.at(events.now + retryMs * 1000, () => this.#simulation.check(() => this.#gaveUp(correlation, client)));
  }

  #nextCorrelation(): number {
    this.#lastCorrelation += 1;
    return this.#lastCorrelation;
  }

  #gaveUp(correlation: number, client: KernelClient): void {
    if (this.#waiting.delete(correlation)) this.#drive(client);
  }

  #ok(correlation: number, body: Uint8Array): void {
    const waiting = this.#waiting.get(correlation);
    if (waiting === undefined) {
      this.#sql?.ok(correlation, body);
      return;
    }
    this.#waiting.delete(correlation);
    waiting.client.ok(waiting.number, body);
    this.#drive(waiting.client);
  }

  #fail(correlation: number, error: ErrorRecord): void {
    const waiting = this.#waiting.get(correlation);
    if (waiting === undefined) {
      this.#sql?.fail(correlation, error);
      return;
    }
    this.#waiting.delete(correlation);
    waiting.client.fail(waiting.number, error);
    this.#drive(waiting.client);
  }

  // ------------------------------------------------------------------ reading

  #readLater(): void {
    const { events } = this.#simulation;
    events.at(events.now + 30_000 + this.random.below(60_000), () => {
      this.#simulation.check(() => this.#read());
      this.#readLater();
    });
  }

  #read(): void {
    const found = this.#anyNode();
    if (found === null) return;
    const { node, side } = found;
    const floors = new Map(this.#floors);
    const { replica } = node;
    const seen = (reader: StoreReader, op: number): void =>
      this.#checked(() => {
        this.reads += 1;
        const state = new StateReads(reader);
        for (const [tenant, floor] of floors) {
          const next = state.tenant(tenant)?.nextPosition ?? 0;
          // A disk that has lost both copies of what was answered, without an atlas, may honestly show less (seed 92017040).
          expect(
            next > floor || this.#simulation.commits.hasForgotten,
            "log order",
            () => `a read of tenant ${tenant} at replica ${replica} sees ${next} positions after ${floor} was answered`,
          );
        }
        this.#compare(replica, reader, op);
        this.#sql?.seen(reader, replica, op);
      });
    node.cell("projection-1.0")?.enter(() => side.reader.readLinearizable(seen));
  }

  /** What the store or its disk says goes to the reader, everything else ends the run. */
  #checked(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (isKimberliteError(error)) throw error;
      this.#simulation.fail(error);
    }
  }

  /** The state at an op is the one that the committed log gives. */
  #compare(replica: number, reader: StoreReader, op: number): void {
    if (this.isBlind) return;
    expect(
      op <= this.#simulation.commits.newest,
      "state",
      () => `replica ${replica} shows op ${op}, which is not committed`,
    );
    if (op !== this.model.op) return;
    this.compared += 1;
    expect(
      digestOf(reader) === this.model.digest(),
      "state",
      () => `the state of replica ${replica} at op ${op} is another than that of the log`,
    );
  }

  committed(committed: Committed): void {
    try {
      this.model.apply(committed);
      this.#sql?.committed();
    } catch (error) {
      if (error instanceof SimulationFailure) throw error;
      throw new SimulationFailure("state", `the log gives no state at op ${committed.op}: ${String(error)}`, error);
    }
  }

  handOver(replica: number): boolean {
    const side = this.#sides[replica];
    const cell = this.#simulation.nodes[replica]?.cell("gateway-0") ?? null;
    if (cell === null || side === null || side === undefined) return false;
    cell.enter(() => side.gateway.handOver());
    return true;
  }

  reconfigure(by: number, proposed: () => void): void {
    for (const node of this.#simulation.nodes) {
      const side = this.#sides[node.replica];
      const voters = nextVoters(this.#simulation, node, by);
      if (!side || voters === null || node.numbers()?.isPrimary !== true) continue;
      node.cell("gateway-0")?.enter(() => side.gateway.reconfigure(voters, proposed));
    }
  }

  refounded(): void {
    throw new SimulationFailure(
      "assertion",
      "a cluster under workload kernel is not founded anew: its clients remember what was answered",
    );
  }

  warned(replica: number, message: string): void {
    if (message !== "the state is rebuilt from the log") return;
    expect(
      this.#simulation.injector.hasStruck(replica, ["pages"]),
      "storage",
      () => `the pages of replica ${replica} cannot be read, and no fault has touched them`,
    );
  }

  settle(): void {
    this.#isSettling = true;
    this.#answeredAtSettle = this.answered;
    this.#sql?.settle();
  }

  isSettled(core: readonly number[]): boolean {
    if (this.answered < this.#answeredAtSettle + 2 || this.#sql?.isSettled === false) return false;
    return core.every((replica) => this.#isShown(replica));
  }

  #isShown(replica: number): boolean {
    let isNewest = false;
    const side = this.#sides[replica];
    side?.reader.look((_reader, op) => {
      isNewest = op === this.#simulation.commits.newest;
    });
    return isNewest;
  }

  standing(): string {
    const since = this.answered - this.#answeredAtSettle;
    const sql = this.#sql === null ? "" : `, ${this.#sql.standing()}`;
    return `${since} requests answered since the heal, set up: ${this.#isSetUp}${sql}`;
  }

  /** At quiescence every replica's state is that of the log. */
  end(): void {
    this.#sql?.end();
    for (const node of this.#simulation.nodes) {
      if (!node.isAlive) continue;
      this.#sides[node.replica]?.reader.look((reader, op) =>
        this.#checked(() => this.#compare(node.replica, reader, op)),
      );
    }
  }
}
