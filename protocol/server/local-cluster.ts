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

/**
 * `listen.port` is the first node's; the others take the next ones, or free ones where it is 0. One that cannot start ends all of them.
 *
 * Throws as `startNode` does, and `configurationInvalid` when two nodes would listen on one port.
 */
export async function startLocalCluster(options: NodeOptions, replicas: number): Promise<Node[]> {
  checkPorts(options, replicas);
  const directory = resolve(options.dataDirectory);
  const clusterId = clusterIdIn(directory) ?? Uint8Array.from(randomBytes(16));
  const shards = options.shards ?? 1;
  const nodes: PeerAddress[] = [];
  for (let node = 1; node <= replicas; node++) {
    nodes.push({ node, name: `node-${node}`, host, port: await freePorts(shards + 1, nodes) });
  }
  // The others would wait for a quorum with the one that failed, and its reason with them.
  const givesUp = new AbortController();
  const { interrupted } = options;
  const failures: unknown[] = [];
  const started = await Promise.all(
    nodes.map(async (_, self) => {
      const cluster: ClusterPlan = { clusterId, self, nodes, security: null };
      const { listen } = options;
      const port = listen === null || listen.port === 0 ? 0 : listen.port + self;
      const starting = startNode({
        ...options,
        interrupted: interrupted === undefined ? givesUp.signal : AbortSignal.any([interrupted, givesUp.signal]),
        dataDirectory: nodeDirectory(directory, self + 1),
        listen: listen === null ? null : { ...listen, port },
        postgres: postgresOf(options, self),
        shards,
        cluster,
      });
      return starting.catch((error: unknown) => {
        failures.push(error);
        givesUp.abort();
        return null;
      });
    }),
  );
  const running = started.filter((node) => node !== null);
  if (failures.length > 0) {
    await Promise.all(running.map((node) => node.stop()));
    throw failures[0];
  }
  return running;
}

function checkPorts({ listen, postgres }: NodeOptions, replicas: number): void {
  const [first, second] = [listen?.port ?? 0, postgres?.listen.port ?? 0];
  if (first === 0 || second === 0 || Math.abs(first - second) >= replicas) return;
  const ports = (from: number): string => `${from} to ${from + replicas - 1}`;
  throw new KimberliteError(
    "configurationInvalid",
    `${replicas} nodes listen on ports ${ports(first)}, and for PostgreSQL on ${ports(second)}: set listen and pg-listen further apart`,
    { detail: { listen: first, "pg-listen": second } },
  );
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
