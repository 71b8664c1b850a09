/** Calls about the cluster, answered by any of its nodes: what every replica says of itself, and leadership given to another node. */
import { setTimeout as pause } from "node:timers/promises";
import type { HandedOver } from "../../actors/shard/handover.js";
import type { ShardReports } from "../../actors/shard/messages.js";
import { type ClusterPlan, peersOf } from "../../actors/supervisor/placement.js";
import type { Tree } from "../../runtime/actor/tree.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type ClusterHealth, judge, loneMember } from "./cluster-health.js";
import { checkStep, isInOrder, unsafeStep } from "./reconfiguration.js";

export interface ClusterStatus extends ClusterHealth {
  readonly clusterId: string;
  /** Number of the node that was asked. */
  readonly asked: number;
}

export interface LeadershipMoved {
  readonly shard: number;
  readonly view: number;
  /** Numbers of nodes. */
  readonly from: number;
  readonly to: number;
  /** From the call to the first word of the new leader. */
  readonly ms: number;
}

const reportsMs = 3_000;
const handoverMs = 8_000;
const barrierMs = 8_000;
const peersMs = 8_000;
const reconfigureMs = 8_000;
/** From the operation that ends a configuration to a leader in the next one and all in step. */
const settleMs = 15_000;
const settlePollMs = 50;

export class ClusterCalls {
  readonly #tree: Pick<Tree, "port">;
  /** As it is now: standbys come and go. */
  readonly #cluster: () => ClusterPlan | null;
  readonly #clusterId: Uint8Array;
  /** Shards of this node, the system shard included. */
  readonly #shards: number;
  #isReconfiguring = false;

  constructor(tree: Pick<Tree, "port">, cluster: () => ClusterPlan | null, clusterId: Uint8Array, shards: number) {
    this.#tree = tree;
    this.#cluster = cluster;
    this.#clusterId = clusterId;
    this.#shards = shards;
  }

  get #members() {
    return this.#cluster()?.nodes ?? [loneMember];
  }

  get #self(): number {
    return this.#members[this.#cluster()?.self ?? 0]?.node ?? 1;
  }

  #reports(shard: number): Promise<ShardReports> {
    return this.#tree
      .port(`shard-${shard}`)
      .ask<ShardReports>({ kind: "reports" }, { deadlineMs: reportsMs })
      .catch(() => []);
  }

  async status(): Promise<ClusterStatus> {
    const reports = await Promise.all(Array.from({ length: this.#shards }, (_, shard) => this.#reports(shard)));
    const clusterId = Buffer.from(this.#clusterId).toString("hex");
    return { clusterId, asked: this.#self, ...judge(this.#members, reports) };
  }

  /**
   * Hands over one shard, wherever it leads, or with null every shard that leads on this node. Throws `shardUnknown`, or
   * `shardUnavailable` with the reason when a shard stays where it is.
   */
  async handOver(shard: number | null): Promise<LeadershipMoved[]> {
    if (shard !== null && !(Number.isSafeInteger(shard) && shard >= 0 && shard < this.#shards)) {
      throw new KimberliteError("shardUnknown", `there are the shards 0 to ${this.#shards - 1}`, {
        detail: { shard: String(shard) },
      });
    }
    const { shards } = await this.status();
    const meant = shards.filter((one) => (shard === null ? one.leader === this.#self : one.shard === shard));
    const moved: LeadershipMoved[] = [];
    // One after the other: each is a moment in which its writers wait.
    for (const { shard: number, leader } of meant) {
      const began = performance.now();
      const after = await this.#tree
        .port(`shard-${number}`)
        .ask<HandedOver>({ kind: "handOver" }, { deadlineMs: handoverMs })
        .catch((error: unknown) => Promise.reject(this.#inNodes(number, error)));
      const ms = Math.round((performance.now() - began) * 10) / 10;
      const to = this.#members[after.leader]?.node ?? 0;
      moved.push({ shard: number, view: after.view, from: leader ?? 0, to, ms });
    }
    return moved;
  }

  /**
   * Commits an operation that says nothing on every shard, `times` times: whoever was asked to remember something before it has done so, or
   * never will. Throws `shardUnavailable` when a shard cannot. @returns the op of the last, by shard
   */
  async barrier(times: number): Promise<number[]> {
    const last: number[] = [];
    for (let shard = 0; shard < this.#shards; shard++) {
      for (let time = 0; time < times; time++) {
        const port = this.#tree.port(`shard-${shard}`);
        last[shard] = await port.ask<number>({ kind: "barrier" }, { deadlineMs: barrierMs });
      }
    }
    return last;
  }

  /**
   * One voter more or fewer, shard by shard: each has to be in order again before the next begins. A call that was interrupted may be repeated.
   * Throws `stepUnsafe` with the reason, `shardUnavailable` when a shard does not come to it in time.
   */
  async reconfigure(voters: number): Promise<ClusterStatus> {
    if (this.#isReconfiguring) throw unsafeStep("another change is under way at this node");
    this.#isReconfiguring = true;
    try {
      for (let shard = 0; shard < this.#shards; shard++) {
        if (!checkStep(await this.status(), shard, voters)) continue;
        const port = this.#tree.port(`shard-${shard}`);
        await port.ask<number>({ kind: "reconfigure", voters }, { deadlineMs: reconfigureMs });
        await this.#settled(shard, voters);
      }
      return await this.status();
    } finally {
      this.#isReconfiguring = false;
    }
  }

  async #settled(shard: number, voters: number): Promise<void> {
    const giveUp = performance.now() + settleMs;
    while (!isInOrder((await this.status()).shards[shard], voters)) {
      if (performance.now() > giveUp) {
        throw new KimberliteError(
          "shardUnavailable",
          `shard ${shard} has ${voters} voters from now on, and is not in order after ${settleMs / 1_000} s: see \`kimberlite cluster status\`, and repeat this when it is`,
          { detail: { shard, voters } },
        );
      }
      await pause(settlePollMs);
    }
  }

  /** How many vote on every shard; null while they differ or nobody answers. */
  async voters(): Promise<number | null> {
    const { shards } = await this.status();
    const [first] = shards;
    const isKnown = shards.every(({ leader, voters }) => leader !== null && voters === first?.voters);
    return first !== undefined && isKnown ? first.voters : null;
  }

  /** Tells the replicas of this node where the others are. Throws `shardUnavailable` when one does not answer: it is to be told again. */
  async tellPeers(plan: ClusterPlan): Promise<void> {
    for (let shard = 0; shard < this.#shards; shard++) {
      const message = { kind: "peers", replicas: peersOf(plan, shard).replicas };
      await this.#tree.port(`replica-${shard}`).ask<true>(message, { deadlineMs: peersMs });
    }
  }

  /** Throws `stepUnsafe` when one of these nodes, by number, still answers. */
  async checkSilent(numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return;
    const { nodes } = await this.status();
    const answering = nodes.find(({ node, reachable }) => reachable && numbers.includes(node));
    if (answering === undefined) return;
    throw new KimberliteError(
      "stepUnsafe",
      `node ${answering.node} (${answering.name}) still answers, and another is to have its number: stop it for good first`,
      { detail: { node: answering.node } },
    );
  }

  /** A shard speaks of replicas, a person thinks in nodes. */
  #inNodes(shard: number, error: unknown): unknown {
    const successor = error instanceof KimberliteError ? error.detail["successor"] : undefined;
    const member = typeof successor === "number" ? this.#members[successor] : undefined;
    if (member === undefined) return error;
    return new KimberliteError(
      "shardUnavailable",
      `shard ${shard} stays where it is: node ${member.node} (${member.name}), which would lead next, is not connected`,
      { detail: { shard, node: member.node }, cause: error },
    );
  }
}
