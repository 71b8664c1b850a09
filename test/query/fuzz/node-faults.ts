/**
 * What befalls three nodes: one is killed, or has another lead, or is cut off from the others while it runs on. Each fault is counted once it has
 * happened for certain: a process has ended, another node leads, or nothing came through while nodes tried to talk.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { silentMs } from "../../../actors/shard/sql/temporary-sessions.js";
import type { ClusterRig } from "../../admin/cluster-rig.js";
import type { Random } from "./expressions.js";

export type Fault = "leaderKilled" | "followerKilled" | "handedOver" | "leaderCutOff" | "followerCutOff" | "linkCut";

export interface Struck {
  readonly fault: Fault;
  /** The node that has led. */
  readonly leader: number;
  /** The one that was killed, or cut off from others. */
  readonly node: number;
  /** Whether it was cut off for longer than a shard keeps what nobody speaks for. */
  readonly isLong: boolean;
}

const all = [0, 1, 2] as const;
/** Those which nothing has been heard of for half a second are taken for gone: some cuts are shorter. ms */
const cutMsMin = 200;
const cutMsMax = 4_000;
const longCutMs = silentMs + 6_000;
const longCutsOf = 12;
const tries = 300;

/** Twice as often those that every session notices. */
const usually: readonly Fault[] = [
  "leaderKilled",
  "leaderKilled",
  "followerKilled",
  "handedOver",
  "handedOver",
  "leaderCutOff",
  "leaderCutOff",
  "followerCutOff",
  "linkCut",
];

export class NodeFaults {
  readonly counts: Record<Fault | "longCuts", number> = {
    leaderKilled: 0,
    followerKilled: 0,
    handedOver: 0,
    leaderCutOff: 0,
    followerCutOff: 0,
    linkCut: 0,
    longCuts: 0,
  };
  readonly #cluster: ClusterRig;
  readonly #faults: readonly Fault[];
  /** By node: how often something has happened to it that sessions on it may not outlast. */
  readonly #harm = [0, 0, 0];
  #down: number | null = null;
  #cutOff: number | null = null;

  /** @param only faults that are to happen, with commas between; empty: all */
  constructor(cluster: ClusterRig, only = "") {
    this.#cluster = cluster;
    const named = only.split(",");
    this.#faults = only === "" ? usually : usually.filter((fault) => named.includes(fault));
  }

  /** The node that does not run; null while all do. */
  get down(): number | null {
    return this.#down;
  }

  /** The node that is cut off from others just now. */
  get cutOff(): number | null {
    return this.#cutOff;
  }

  /** Changes with everything that may end sessions on a node. */
  harmOf(node: number): number {
    return this.#harm[node] ?? 0;
  }

  #harmed(node: number): void {
    this.#harm[node] = this.harmOf(node) + 1;
  }

  get total(): number {
    return [...new Set(usually)].reduce((sum, fault) => sum + this.counts[fault], 0);
  }

  get running(): readonly number[] {
    return all.filter((node) => node !== this.#down);
  }

  /** Starts the node that was killed. */
  async restore(): Promise<void> {
    if (this.#down === null) return;
    await this.#cluster.start(this.#down);
    this.#down = null;
  }

  async leader(): Promise<number> {
    for (let count = 0; count < tries; count += 1) {
      const leader = await this.#cluster.leaderOf(1).catch(() => -1);
      if (leader >= 0) return leader;
      await sleep(100);
    }
    throw new Error("three nodes have a leader");
  }

  /** Lets something happen to nodes that all run. A cut is healed when this resolves. */
  async strike(random: Random): Promise<Struck> {
    const leader = await this.leader();
    const fault = random.pick(this.#faults);
    const follower = random.pick(all.filter((node) => node !== leader));
    const node = fault === "leaderKilled" || fault === "leaderCutOff" || fault === "handedOver" ? leader : follower;
    let isLong = false;
    if (fault === "handedOver") {
      const { code, stderr } = await this.#cluster.run(["cluster", "handover", "--shard", "1"]);
      if (code !== 0) throw new Error(stderr);
    } else if (fault === "leaderKilled" || fault === "followerKilled") {
      this.#down = node;
      this.#harmed(node);
      await this.#cluster.end(node, "SIGKILL");
    } else {
      isLong = random.next(longCutsOf) === 0;
      if (isLong) this.#harmed(node);
      const others = fault === "linkCut" ? [leader] : all.filter((each) => each !== node);
      await this.#cut(node, others, isLong ? longCutMs : cutMsMin + random.next(cutMsMax - cutMsMin));
      if (isLong) this.counts.longCuts += 1;
    }
    this.counts[fault] += 1;
    return { fault, leader, node, isLong };
  }

  async #cut(node: number, others: readonly number[], ms: number): Promise<void> {
    const { network } = this.#cluster;
    if (network === null) throw new Error("nodes that are cut off have a network between them");
    const passed = await network.cut(node, others);
    this.#cutOff = node;
    await sleep(ms);
    this.#cutOff = null;
    const came = passed();
    network.heal();
    if (came > 0) throw new Error(`${came} bytes came through a way that was cut`);
  }
}
