/** Nodes of one cluster as processes of this machine, over loopback. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { ClusterPlan } from "../../actors/supervisor/placement.js";
import { type ChildOptions, NodeChild } from "../node/node-child.js";

export interface ClusterOptions {
  readonly directory: string;
  readonly nodes: number;
  readonly shards?: number;
  readonly layout?: ChildOptions["layout"];
  readonly checkpointBytes?: number;
  readonly checkpointMs?: number;
}

export interface ShardView {
  readonly shard: number;
  readonly status: string;
  readonly view: number;
  readonly leader: number;
  readonly leadsHere: boolean;
  readonly op: number;
  readonly commit: number;
}

export class ClusterProcesses {
  readonly options: ClusterOptions;
  readonly members: (NodeChild | null)[] = [];
  readonly ports: number[] = [];
  readonly #plan: Omit<ClusterPlan, "self" | "clusterId">;
  readonly #clusterId = randomBytes(16).toString("hex");

  constructor(options: ClusterOptions) {
    this.options = options;
    const first = 20_000 + (randomBytes(2).readUInt16LE(0) % 300) * 100;
    const nodes = Array.from({ length: options.nodes }, (_, index) => ({
      node: index + 1,
      name: `node-${index + 1}`,
      host: "127.0.0.1",
      port: first + index * 16,
    }));
    this.#plan = { nodes, security: null };
    for (let index = 0; index < options.nodes; index++) {
      this.members.push(null);
      this.ports.push(first + 80 + index);
    }
  }

  directoryOf(index: number): string {
    return join(this.options.directory, `node-${index + 1}`);
  }

  spawn(index: number): NodeChild {
    const { shards = 1, layout = "shared", checkpointBytes, checkpointMs } = this.options;
    const node = NodeChild.spawn({
      dataDirectory: this.directoryOf(index),
      listen: { host: "127.0.0.1", port: this.ports[index] ?? 0 },
      shards,
      layout,
      cacheBytes: 64 * 1024 * 1024,
      ...(checkpointBytes === undefined ? {} : { checkpointBytes }),
      ...(checkpointMs === undefined ? {} : { checkpointMs }),
      cluster: { ...this.#plan, self: index, clusterId: this.#clusterId },
    });
    this.members[index] = node;
    return node;
  }

  async startAll(): Promise<void> {
    const nodes = this.members.map((_, index) => this.spawn(index));
    await Promise.all(nodes.map(({ ready }) => ready));
  }

  async kill(index: number): Promise<void> {
    const node = this.members[index];
    this.members[index] = null;
    await node?.kill();
  }

  /** Nodes that run, by index. */
  get running(): number[] {
    return this.members.flatMap((node, index) => (node?.isRunning === true ? [index] : []));
  }

  async views(index: number): Promise<ShardView[]> {
    const status = await this.members[index]?.status();
    return (status?.["replication"] as ShardView[] | undefined) ?? [];
  }

  /** Index of the node that leads a shard, as the nodes that run say; -1 when none says so of itself. */
  async leaderOf(shard: number): Promise<number> {
    for (const index of this.running) {
      const views = await this.views(index).catch(() => []);
      if (views.some((view) => view.shard === shard && view.leadsHere)) return index;
    }
    return -1;
  }

  async stop(): Promise<void> {
    const running = this.members.filter((node) => node !== null);
    await Promise.all(running.map((node) => node.stop().catch(() => node.kill())));
  }

  async killAll(): Promise<void> {
    await Promise.all(this.members.map((_, index) => this.kill(index)));
  }
}
