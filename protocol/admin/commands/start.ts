/** `kimberlite start`: a node, until it is told to stop. */
import path from "node:path";
import { z } from "zod";
import type { ClusterPlan } from "../../../actors/supervisor/placement.js";
import { assert } from "../../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../../runtime/types/errors.js";
import { startLocalCluster } from "../../server/local-cluster.js";
import type { ListenAddress } from "../../server/messages.js";
import { type Node, type NodeOptions, startNode } from "../../server/node.js";
import { release } from "../../server/release.js";
import { localAccessFileName } from "../../wire/local-access.js";
import {
  type ClusterFile,
  type ClusterNode,
  checkReplicas,
  clusterPlan,
  nodeOf,
  readClusterFile,
} from "../cluster-file.js";
import { defineCommand, type Invocation } from "../command.js";
import { compileSooner } from "../compiler.js";
import type { Configuration } from "../configuration.js";
import { createFirstUser, type FirstUser, firstUserName } from "../first-user.js";
import { postgresOptions, tlsIdentity } from "../listen-options.js";
import { type NodeLog, nodeLog } from "../log.js";
import type { SettingName } from "../settings.js";
import { formatAddress, formatDuration } from "../units.js";

export const startSettings: readonly SettingName[] = [
  "data",
  "cluster",
  "node",
  "listen",
  "auth",
  "tls-cert",
  "tls-key",
  "pg-listen",
  "pg-auth",
  "pg-tls-cert",
  "pg-tls-key",
  "http-listen",
  "shards",
  "projections",
  "gateways",
  "layout",
  "cache-bytes",
  "checkpoint-bytes",
  "checkpoint-seconds",
  "connections-max",
  "replicas",
  "log-level",
];

/** The tenant that a first start makes. */
const firstTenantName = "main";

const standing =
  "Serves until SIGTERM or SIGINT, then takes no new work, answers what it has and ends with 0; a second signal ends it at once. ";

export const startCommand = defineCommand({
  usage: "start",
  summary: "start a node",
  details:
    `${standing}A first start makes the data directory and a tenant "main". With --cluster it is one node of several: the file says how many ` +
    "shards there are and where this node listens. With --json the first line of standard output is " +
    '{"event":"ready", …} with the addresses; the log is JSON lines on standard error. Clients log in as users of the database; one on this machine ' +
    "that may read the data directory is let in as it is. Beyond loopback both protocols are served with TLS only.",
  settings: startSettings,
  flags: [],
  shape: z.object({}),
  examples: [
    ["kimberlite start", "a node over ./data on 127.0.0.1:7400, fitted to the machine"],
    ["kimberlite start --data /srv/kimberlite --listen 127.0.0.1:0 --json", "a free port; read it from the ready line"],
    ["kimberlite start --shards 2 --projections 1 --layout threads", "two shards, each actor in a thread of its own"],
    ["kimberlite start --cluster cluster.toml --node 2 --data /srv/kimberlite", "node 2 of a cluster"],
  ],
  run: (invocation) => start(invocation, invocation.configuration.require("replicas")),
});

const devReplicas = 3;

export const devCommand = defineCommand({
  usage: "dev",
  summary: "start a whole cluster in this process",
  details:
    `${standing}Three nodes unless --replicas says otherwise, each with a directory of its own below the data directory: what a cluster does, ` +
    "without its safety, as all of it is on one machine.",
  settings: startSettings.filter((name) => name !== "cluster" && name !== "node"),
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite dev --data /tmp/cluster", "three nodes on 127.0.0.1:7400 to 7402"]],
  run: (invocation) => {
    const { configuration } = invocation;
    return start(invocation, configuration.isSet("replicas") ? configuration.require("replicas") : devReplicas);
  },
});

async function start({ configuration, output, surroundings }: Invocation<unknown>, replicas: number): Promise<number> {
  configuration.refuseReserved();
  checkReplicas(replicas);
  const { interrupted } = surroundings;
  const member = membershipOf(configuration, surroundings.directory);
  const data = path.resolve(surroundings.directory, configuration.require("data"));
  const log = nodeLog(
    surroundings,
    configuration.require("log-level"),
    surroundings.stderr.isTTY === true && !output.json,
  );
  const started = surroundings.now();
  const listening =
    member === null || configuration.isSet("listen") ? configuration.require("listen") : { ...member.node.client };
  const options: NodeOptions = {
    dataDirectory: data,
    listen: listening,
    authentication: configuration.require("auth"),
    tls: tlsIdentity(configuration, surroundings.directory, ""),
    postgres: postgresOptions(configuration, surroundings.directory, listening),
    cluster: member?.plan,
    ...(member === null ? {} : { rereadCluster: () => rereadPlan(member.cluster, member.node) }),
    shards: member?.cluster.shards ?? configuration.get("shards") ?? undefined,
    projections: configuration.get("projections") ?? undefined,
    gateways: configuration.get("gateways") ?? undefined,
    layout: configuration.require("layout"),
    cacheBytes: configuration.get("cache-bytes") ?? undefined,
    checkpointBytes: configuration.require("checkpoint-bytes"),
    checkpointMs: configuration.require("checkpoint-seconds") * 1_000,
    connectionsMax: configuration.require("connections-max"),
    logger: log.logger,
    interrupted,
    configuration: resolvedValues(configuration),
  };
  for (const warning of member?.cluster.warnings ?? []) log.pino.warn(warning);
  if (member !== null && member.plan.nodes.length > 1) log.pino.info("waiting for a quorum of the cluster's nodes");
  const nodes = await startAll(options, replicas);
  if (nodes === null) return 0;
  compileSooner();
  const node = nodes[0];
  assert(node !== undefined, "at least one node was started");
  if (replicas === 2) log.pino.warn("two replicas protect data from one lost disk, but stop when either is away");
  const { native, postgres } = node.addresses;
  const listen = native === null ? null : formatAddress(native);
  const admin = postgres === null ? null : await firstUserOf(nodes, node, surroundings.environment, log);
  await output.result(
    {
      event: "ready",
      release,
      pid: process.pid,
      data,
      listen,
      pgListen: addressText(postgres),
      addresses: { native, postgres },
      nodes: nodes.map(({ addresses }, index) => ({
        node: member?.node.number ?? index + 1,
        listen: addressText(addresses.native),
        pgListen: addressText(addresses.postgres),
      })),
      ...(admin === null ? {} : { admin }),
      ...node.layout,
      startMs: Math.round(surroundings.now() - started),
    },
    () =>
      `kimberlite ${release} serves ${listen ?? "in this process only"} from ${data}${node.isNew ? " (new)" : ""}: ` +
      `${node.layout.shards} shard(s), layout ${node.layout.layout}, ready in ${formatDuration(surroundings.now() - started)}` +
      (member === null ? "" : `\n  node ${member.node.number} (${member.node.name}) of ${member.plan.nodes.length}`) +
      nodes
        .slice(1)
        .map(({ addresses }, index) => `\n  node ${index + 2} serves ${addressText(addresses.native)}`)
        .join("") +
      (postgres === null ? "" : psqlText(postgres, admin)) +
      accessText(configuration.require("auth")) +
      (replicas > 1 ? "\n  all replicas are on this machine: it tolerates 0 machine failures" : ""),
  );
  const ended = await Promise.race([...nodes.map(({ failed }) => failed), aborted(interrupted)]);
  await stop(nodes, log);
  if (ended === null) return 0;
  throw ended;
}

/** A node that cannot have its first user, or that gives up meanwhile, is stopped: nothing of it holds the directory any more. */
async function firstUserOf(
  nodes: readonly Node[],
  node: Node,
  environment: Readonly<Record<string, string | undefined>>,
  log: NodeLog,
): Promise<FirstUser | null> {
  const gaveUp = Promise.race(nodes.map(({ failed }) => failed)).then((error) => {
    throw error;
  });
  try {
    return await Promise.race([createFirstUser(node, environment), gaveUp]);
  } catch (error) {
    await stop(nodes, log);
    throw error;
  }
}

/** Null when it was told to stop before it was ready. */
async function startAll(options: NodeOptions, replicas: number): Promise<readonly Node[] | null> {
  try {
    return replicas === 1 ? [await startNode(options)] : await startLocalCluster(options, replicas);
  } catch (error) {
    if (options.interrupted?.aborted === true && hasCode(error, "cancelled")) return null;
    throw error;
  }
}

interface Membership {
  readonly cluster: ClusterFile;
  readonly node: ClusterNode;
  readonly plan: ClusterPlan;
}

/** Null for a node of its own. Throws `configurationInvalid`, `nodeUnknown` and what the cluster file is refused for. */
function membershipOf(configuration: Configuration, directory: string): Membership | null {
  const file = configuration.get("cluster");
  const wish = configuration.get("node");
  if (file === null && wish === null) return null;
  if (file === null || wish === null) {
    throw new KimberliteError(
      "configurationInvalid",
      file === null
        ? "a node has a number in a cluster file: set cluster too"
        : "which node of the cluster is this? Set node to its number or name",
    );
  }
  for (const name of ["shards", "replicas"] as const) {
    if (!configuration.isSet(name)) continue;
    throw new KimberliteError(
      "configurationInvalid",
      `${name} stands in the cluster file, for all nodes; do not set it here`,
      {
        detail: { setting: name },
      },
    );
  }
  const cluster = readClusterFile(path.resolve(directory, file));
  const node = nodeOf(cluster, wish);
  return { cluster, node, plan: clusterPlan(cluster, node) };
}

/** The cluster as its file says now. Throws `configurationInvalid`, `nodeUnknown` and what the file is refused for. */
function rereadPlan(before: ClusterFile, { number }: ClusterNode): ClusterPlan {
  const cluster = readClusterFile(before.file);
  if (cluster.shards !== before.shards) {
    throw new KimberliteError(
      "configurationInvalid",
      `${before.file} lists ${cluster.shards} shards, not ${before.shards}`,
    );
  }
  return clusterPlan(cluster, nodeOf(cluster, String(number)));
}

/** A line to paste, and once the password for it. */
function psqlText({ host, port }: ListenAddress, admin: FirstUser | null): string {
  const line = `\n  psql -h ${host} -p ${port} -U ${firstUserName} ${firstTenantName}`;
  if (admin === null) return line;
  const known =
    admin.password === null ? "its password is KIMBERLITE_ADMIN_PASSWORD" : `its password is ${admin.password}`;
  return `${line}\n  the user ${admin.name} was made; ${known} (shown this once; kimberlite user password ${admin.name} changes it)`;
}

/** Who needs no password. */
const accessText = (auth: "scram" | "trust"): string =>
  auth === "trust"
    ? "\n  the native protocol asks for no password: everyone on this machine may do everything"
    : `\n  kimberlite commands and programs of this user, on this machine, need no password (${localAccessFileName} in the data directory)`;

const addressText = (address: Node["addresses"]["native"]): string | null =>
  address === null ? null : formatAddress(address);

async function stop(nodes: readonly Node[], log: NodeLog): Promise<void> {
  log.pino.info("draining");
  const started = performance.now();
  await Promise.all(nodes.map((node) => node.stop(nodes.length > 1 ? "keeps" : "handsOver")));
  log.pino.info({ ms: Math.round(performance.now() - started) }, "stopped");
}

/** What `node.config` answers: each setting with its origin. */
const resolvedValues = (configuration: Configuration): Record<string, unknown> =>
  Object.fromEntries(
    configuration.rows().map(({ setting, value, origin, source }) => [setting, { value, origin, source }]),
  );

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
