/**
 * Several nodes in one process: each with a directory of its own below the given one, all replicas of each shard among them, over loopback.
 * For development and tests: it survives the loss of a node's disk or workers, not of the machine, and says so.
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { readIdentity } from "../../actors/supervisor/data-directory.js";
import type { ClusterPlan } from "../../actors/supervisor/placement.js";
import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { shardsMax } from "../../runtime/types/limits.js";
import { type Node, type NodeOptions, startNode } from "./node.js";

const host = "127.0.0.1";
const portTries = 50;
const portsFrom = 20_000;
const portsTo = 60_000;

/** Throws as `startNode` does. `listen.port` is the first node's; the others take the next ones, or free ones where it is 0. */
export async function startLocalCluster(options: NodeOptions, replicas: number): Promise<Node[]> {
  const directory = resolve(options.dataDirectory);
  const clusterId = clusterIdIn(directory) ?? Uint8Array.from(randomBytes(16));
  const shards = options.shards ?? 1;
  const nodes: PeerAddress[] = [];
  for (let node = 1; node <= replicas; node++) {
    nodes.push({ node, name: `node-${node}`, host, port: await freePorts(shards + 1, nodes) });
  }
  const started = await Promise.allSettled(
    nodes.map((_, self) => {
      const cluster: ClusterPlan = { clusterId, self, nodes, security: null };
      const { listen } = options;
      const port = listen === null || listen.port === 0 ? 0 : listen.port + self;
      return startNode({
        ...options,
        dataDirectory: nodeDirectory(directory, self + 1),
        listen: listen === null ? null : { ...listen, port },
        postgres: postgresOf(options, self),
        shards,
        cluster,
      });
    }),
  );
  const running = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = started.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await Promise.all(running.map((node) => node.stop()));
    throw failed.reason;
  }
  return running;
}

function postgresOf({ postgres }: NodeOptions, self: number): NodeOptions["postgres"] {
  if (postgres === null || postgres === undefined) return null;
  const { listen } = postgres;
  return { ...postgres, listen: { ...listen, port: listen.port === 0 ? 0 : listen.port + self } };
}

export const nodeDirectory = (directory: string, node: number): string => join(directory, `node-${node}`);

function clusterIdIn(directory: string): Uint8Array | null {
  const disk = new RealDisk();
  if (disk.status(join(directory, "kimberlite.json")) !== null) {
    throw new KimberliteError(
      "configurationInvalid",
      `${directory} holds a node with one replica; start it without --replicas, or choose another directory`,
      { detail: { directory } },
    );
  }
  return readIdentity(disk, nodeDirectory(directory, 1))?.clusterId ?? null;
}

/** The first of `count` ports in a row that nobody listens on now. */
async function freePorts(count: number, taken: readonly PeerAddress[]): Promise<number> {
  for (let attempt = 0; attempt < portTries; attempt++) {
    const first = portsFrom + (randomBytes(4).readUInt32LE(0) % (portsTo - portsFrom - shardsMax));
    const isTaken = taken.some(({ port }) => first < port + count && port < first + count);
    if (!isTaken && (await areFree(first, count))) return first;
  }
  throw new KimberliteError("addressInUse", `no ${count} free ports in a row on ${host}`);
}

async function areFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    const isFree = await new Promise<boolean>((settle) => {
      const server = createServer();
      server.once("error", () => settle(false));
      server.listen({ host, port, exclusive: true }, () => server.close(() => settle(true)));
    });
    if (!isFree) return false;
  }
  return true;
}
