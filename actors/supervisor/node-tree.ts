/**
 * The supervised tree of a node:
 *
 *   node (one-for-one)
 *   ├─ shards/shard group 0 … S (all-for-one): keeper, replica, shard, projections
 *   ├─ directory
 *   └─ gateways, of the native and of the PostgreSQL protocol
 *
 * Everything of one shard is started anew together, since its actors share memory: the tail of the log, the pages of the state.
 * Another shard, the directory and the gateways only lose their ports for that moment.
 */
import type { ChildSpec, GroupSpec } from "../../runtime/actor/tree-spec.js";
import { miB } from "../../runtime/types/limits.js";
import type { DirectoryArgs } from "../directory/actor.js";
import type { KeeperArgs } from "../keeper/actor.js";
import type { ProjectionArgs } from "../projection/actor.js";
import type { ReplicaArgs } from "../replica/actor.js";
import type { PeerArgs } from "../replica/peer-links.js";
import type { ShardArgs } from "../shard/args.js";
import { shardDirectory } from "./data-directory.js";
import { type Layout, workerOf } from "./layout.js";
import { type ClusterPlan, peersOf, votersOf } from "./placement.js";

export interface NodeTreeOptions {
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly layout: Layout;
  /** The cluster as it is when an actor is started; null: one replica of each shard, here. */
  readonly cluster: () => ClusterPlan | null;
  /** Page cache of each user shard. */
  readonly cacheBytes: number;
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
  readonly scrubBytesPerSecond: number;
  /** Arguments of gateway `index`, made by the room that owns gateways. */
  readonly gatewayArgs: (index: number) => unknown;
  /** The same for gateways of the PostgreSQL protocol; null: none. */
  readonly postgresArgs: ((index: number) => unknown) | null;
}

/** Columns that the projections of a user shard keep decoded take this part of its page cache's size, beside it. */
const columnsShare = 1 / 4;
/** The system shard's state is small: tenants and placements. */
const systemCacheBytes = 32 * miB;
const restartLimits = { restartsMax: 20, windowMs: 60_000 };
const startMsMax = 600_000;
const shutdownMs = 15_000;

interface ShardShared {
  readonly interest: SharedArrayBuffer;
}

const projectionsOf = (layout: Layout, shard: number): string[] =>
  Array.from({ length: layout.projections }, (_, index) => `projection-${shard}.${index}`);

function shardGroup(options: NodeTreeOptions, shard: number): GroupSpec<ShardShared> {
  const { layout, clusterId } = options;
  const directory = shardDirectory(options.directory, shard);
  const [id, replica, keeper] = [`shard-${shard}`, `replica-${shard}`, `keeper-${shard}`];
  const projections = projectionsOf(layout, shard);
  const common = { restart: "permanent", startMsMax, shutdownMs, limits: restartLimits } as const;
  const keeperArgs: KeeperArgs = { directory, clusterId, replica, scrubBytesPerSecond: options.scrubBytesPerSecond };
  const cluster = options.cluster();
  const peersNow = (): PeerArgs | null => {
    const now = options.cluster();
    return now === null || now.nodes.length === 1 ? null : peersOf(now, shard);
  };
  const voters = cluster === null ? 1 : votersOf(cluster.nodes);
  const self = cluster?.self ?? 0;
  const replicaArgs = (): ReplicaArgs => ({ directory, clusterId, self, shard: id, keeper, peers: peersNow() });
  const columnBytes = shard === 0 ? 0 : Math.floor((options.cacheBytes * columnsShare) / layout.projections);
  const children: ChildSpec<ShardShared>[] = [
    { ...common, id: keeper, kind: "keeper", worker: workerOf(layout, "keeper", shard), args: () => keeperArgs },
    {
      ...common,
      id: replica,
      kind: "replica",
      worker: workerOf(layout, peersNow() === null ? "replica" : "replicaOfSeveral", shard),
      neighbours: [keeper],
      args: replicaArgs,
    },
    ...projections.map(
      (projection, index): ChildSpec<ShardShared> => ({
        ...common,
        id: projection,
        kind: "projection",
        worker: workerOf(layout, "projection", shard, index),
        args: ({ interest }) => ({ index, directory, shard: id, interest, columnBytes }) satisfies ProjectionArgs,
      }),
    ),
    {
      ...common,
      id,
      kind: "shard",
      worker: workerOf(layout, "shard", shard),
      neighbours: [replica, keeper, ...projections],
      args: ({ interest }) =>
        ({
          shard,
          directory,
          clusterId,
          replica,
          keeper,
          replicas: peersNow()?.replicas.length ?? 1,
          voters,
          self,
          projections,
          interest,
          cacheBytes: shard === 0 ? systemCacheBytes : options.cacheBytes,
          pipelineMax: layout.layout === "shared" ? 1 : 2,
          checkpointBytes: options.checkpointBytes,
          checkpointMs: options.checkpointMs,
        }) satisfies ShardArgs,
    },
  ];
  return {
    id: `group-${shard}`,
    strategy: "all-for-one",
    limits: restartLimits,
    prepare: () => ({ interest: new SharedArrayBuffer(Math.max(4, layout.projections * 4)) }),
    children,
  };
}

export function nodeTree(options: NodeTreeOptions): GroupSpec<never> {
  const { layout } = options;
  const shards = layout.shards + 1;
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  const shardIds = numbers.map((shard) => `shard-${shard}`);
  const projectionIds = numbers.flatMap((shard) => projectionsOf(layout, shard));
  const common = { restart: "permanent", shutdownMs, limits: restartLimits } as const;
  const directory: ChildSpec<never> = {
    ...common,
    id: "directory",
    kind: "directory",
    worker: workerOf(layout, "directory", 0),
    neighbours: [...shardIds, ...numbers.map((shard) => `projection-${shard}.0`)],
    args: () => ({ shards }) satisfies DirectoryArgs,
  };
  const gateways = Array.from(
    { length: layout.gateways },
    (_, index): ChildSpec<never> => ({
      ...common,
      id: `gateway-${index}`,
      kind: "gateway",
      worker: workerOf(layout, "gateway", 0, index),
      neighbours: ["directory", ...shardIds, ...projectionIds],
      args: () => options.gatewayArgs(index),
    }),
  );
  const { postgresArgs } = options;
  const postgresIds = Array.from({ length: layout.gateways }, (_, index) => `postgres-${index}`);
  const postgresGateways = postgresIds.map(
    (id, index): ChildSpec<never> => ({
      ...common,
      id,
      kind: "postgres",
      worker: workerOf(layout, "postgres", 0, index),
      neighbours: ["directory", ...shardIds, ...projectionIds, ...postgresIds.filter((other) => other !== id)],
      args: () => postgresArgs?.(index),
    }),
  );
  return {
    id: "node",
    strategy: "one-for-one",
    limits: restartLimits,
    children: [
      ...numbers.map((shard) => shardGroup(options, shard) as unknown as GroupSpec<never>),
      directory,
      ...gateways,
      ...(postgresArgs === null ? [] : postgresGateways),
    ],
  };
}
