/** The answers of administrative calls, as far as the command shows them. What is not named here is passed on with `--json`. */
import { z } from "zod";

const count = z.number().nonnegative();

export const tenantShape = z.looseObject({
  id: count,
  name: z.string(),
  shard: count,
  epoch: count,
  state: z.string(),
  movingTo: count.nullable().optional(),
  createdTime: count,
  position: count.optional(),
  streams: count.optional(),
  storedBytes: count.optional(),
  quotas: z.looseObject({ bytesMax: count, streamsMax: count }).optional(),
});
export type TenantEntry = z.output<typeof tenantShape>;

export const createdTenantShape = tenantShape.extend({ created: z.boolean() });

const actorShape = z.looseObject({
  path: z.string(),
  kind: z.string(),
  state: z.string(),
  thread: z.string().optional(),
  restarts: count.optional(),
  mailboxCount: count,
  mailboxBytes: count,
  mailboxAgeMs: z.number(),
  processed: count,
  refused: count,
});
export type ActorEntry = z.output<typeof actorShape>;

const threadShape = z.looseObject({
  name: z.string(),
  /** Share of time that the event loop was busy since the last look, 0 to 1. */
  utilisation: z.number().optional(),
  heapBytes: count.optional(),
  externalBytes: count.optional(),
  arrayBufferBytes: count.optional(),
});

export const topShape = z.looseObject({
  actors: z.array(actorShape),
  threads: z.array(threadShape).default([]),
  rssBytes: count.optional(),
  uptimeMs: count.optional(),
});
export type TopReport = z.output<typeof topShape>;

/** `node.status`: what the node is and what it has used, as counters that only grow. */
export const statusShape = z.looseObject({
  release: z.string().optional(),
  clusterId: z.string().optional(),
  uptimeMs: count.optional(),
  rssBytes: count.optional(),
  cpuMicros: count.optional(),
  fsyncs: count.optional(),
  logBytesWritten: count.optional(),
});
export type StatusReport = z.output<typeof statusShape>;

const countOrNone = count.nullable();

/** `cluster.status`: every replica of every shard. */
export const clusterShape = z.looseObject({
  clusterId: z.string(),
  epoch: count.default(0),
  asked: count,
  nodes: z.array(
    z.looseObject({
      node: count,
      name: z.string(),
      machine: z.string(),
      reachable: z.boolean(),
      leads: z.array(count),
      standby: z.boolean().default(false),
    }),
  ),
  shards: z.array(
    z.looseObject({
      shard: count,
      leader: countOrNone,
      configuration: count.default(0),
      voters: count.default(0),
      replicas: z.array(
        z.looseObject({
          node: count,
          status: z.string().nullable(),
          view: countOrNone,
          op: countOrNone,
          commit: countOrNone,
          durable: countOrNone,
          lag: countOrNone,
          leads: z.boolean(),
          standby: z.boolean().default(false),
          fault: z.string().nullable(),
        }),
      ),
    }),
  ),
  faults: z.array(z.string()),
  machines: count,
  nodeFailuresTolerated: count,
  machineFailuresTolerated: count,
  machineFailuresTolerable: count,
});
export type ClusterReport = z.output<typeof clusterShape>;

/** `cluster.reload`: numbers of the nodes that stand by now, and what changed. */
export const membershipShape = z.object({
  standbys: z.array(count),
  added: z.array(count),
  removed: z.array(count),
  replaced: z.array(count).default([]),
});

/** `cluster.handover`: what leads elsewhere now. */
export const movesShape = z.array(z.looseObject({ shard: count, from: count, to: count, view: count, ms: count }));
