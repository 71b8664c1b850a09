/** Clients that write any bytes and ask what is committed; who they talk to is any replica whose shard says that it leads. */

import { prepareOperations } from "../../runtime/storage/frame.js";
import { ByteShard } from "./byte-shard.js";
import type { Committed } from "./commit-oracle.js";
import { nextVoters } from "./next-voters.js";
import type { SimNode } from "./node.js";
import { RequestOracle } from "./request-oracle.js";
import type { Simulation } from "./simulation.js";
import { Stream } from "./streams.js";
import type { Workload } from "./workload.js";

const probes = 2;
const requestBytes = 16;
/** Mean µs between two questions when nothing is written any more. */
const idleMicros = 40_000;

export class ByteWorkload implements Workload {
  readonly #simulation: Simulation;
  readonly #random: Stream;
  readonly #oracle = new RequestOracle();
  readonly #shards: (ByteShard | null)[];
  readonly sql = null;
  requests = 0;
  #isSettling = false;
  #probesAnswered = 0;
  #firstProbe = Number.POSITIVE_INFINITY;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#random = new Stream(simulation.options.seed, "workload");
    const { replicas, standbys } = simulation.options;
    this.#shards = new Array<ByteShard | null>(replicas + standbys).fill(null);
  }

  get answered(): number {
    return this.#oracle.answered;
  }

  makeShard(node: SimNode): readonly string[] {
    const { pipeline, checkpointEvery } = this.#simulation.options;
    const cell = node.makeCell("shard-1");
    const shard = new ByteShard(
      cell,
      { geometry: node.geometry, pipeline, checkpointEvery },
      {
        acked: (request, op) => this.#simulation.check(() => this.#acked(request, op)),
        unknown: () => {},
        upgrading: () => this.#newRequest(requestBytes),
      },
    );
    cell.actor = shard;
    this.#shards[node.replica] = shard;
    return [];
  }

  #acked(request: number, op: number): void {
    const { newest, hasForgotten } = this.#simulation.commits;
    // Where what was committed once may be denied, something else has its number (seed 93141022).
    if (op <= newest && !hasForgotten) this.#oracle.acked(request, op);
    if (request >= this.#firstProbe) this.#probesAnswered += 1;
  }

  begin(): void {
    this.#next();
  }

  #next(): void {
    const { events, options } = this.#simulation;
    const mayWrite = this.#isSettling ? this.#probesAnswered < probes : this.requests < options.requestsMax;
    const pace = mayWrite ? options.requestMicros : Math.max(options.requestMicros, idleMicros);
    events.at(events.now + this.#random.exponential(this.#isSettling ? 20_000 : pace), () => {
      if (mayWrite) this.#submit();
      if (this.#random.chance(options.confirmShare)) this.#confirm();
      this.#next();
    });
  }

  #submit(): void {
    const { nodes, options } = this.#simulation;
    for (const node of nodes) {
      const shard = this.#shards[node.replica];
      const cell = node.cell("shard-1");
      if (!node.isAlive || cell === null || shard === null || shard === undefined || !shard.isLeading) continue;
      const size = requestBytes + this.#random.below(Math.max(options.bodyBytesMax - requestBytes + 1, 1));
      const { request, body } = this.#newRequest(size);
      cell.enter(() => void shard.submit(request, body));
    }
  }

  #newRequest(size: number): { readonly request: number; readonly body: Uint8Array } {
    const request = this.requests + 1;
    const body = new Uint8Array(size);
    new DataView(body.buffer).setUint32(0, request, true);
    body.fill(this.#random.below(256), 8);
    this.requests = request;
    this.#oracle.sent(request);
    return { request, body };
  }

  #confirm(): void {
    const { nodes } = this.#simulation;
    for (const node of nodes) {
      const shard = this.#shards[node.replica];
      const cell = node.cell("shard-1");
      if (!node.isAlive || cell === null || shard === null || shard === undefined || !shard.isLeading) continue;
      const floor = this.#oracle.newestAnswered;
      cell.enter(() => shard.confirm((commit) => this.#confirmed(floor, commit)));
    }
  }

  /** What was answered and is damaged in every copy may be gone, where damage is without bounds (seed 80065388). */
  #confirmed(floor: number, commit: number): void {
    if (this.#simulation.commits.isBlind) return;
    this.#simulation.check(() => this.#oracle.confirmed(floor, commit));
  }

  committed(committed: Committed): void {
    this.#oracle.committed(committed);
  }

  handOver(replica: number): boolean {
    const shard = this.#shards[replica];
    const cell = this.#simulation.nodes[replica]?.cell("shard-1") ?? null;
    if (cell === null || shard === null || shard === undefined || !shard.isLeading) return false;
    cell.enter(() => shard.abdicate());
    return true;
  }

  refounded(newest: number): void {
    this.#oracle.refounded(newest);
  }

  warned(): void {}

  settle(): void {
    this.#isSettling = true;
    this.#firstProbe = this.requests + 1;
  }

  reconfigure(by: number, proposed: () => void): void {
    const { nodes } = this.#simulation;
    for (const node of nodes) {
      const shard = this.#shards[node.replica];
      const cell = node.cell("shard-1");
      const voters = nextVoters(this.#simulation, node, by);
      if (!node.isAlive || cell === null || !shard?.isLeading || voters === null) continue;
      const { request, body } = this.#newRequest(requestBytes);
      cell.enter(() => {
        if (shard.submit(request, body, prepareOperations.reconfiguration, voters)) proposed();
      });
    }
  }

  isSettled(): boolean {
    return this.#probesAnswered >= probes;
  }

  standing(): string {
    return `${this.#probesAnswered} of ${probes} probes answered`;
  }

  end(): void {}
}
