/** `kimberlite start`: a node, until it is told to stop. */
import path from "node:path";
import { z } from "zod";
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { replicasMax } from "../../../runtime/vsr/quorums.js";
import { startLocalCluster } from "../../server/local-cluster.js";
import { type Node, type NodeOptions, startNode } from "../../server/node.js";
import { release } from "../../server/release.js";
import { defineCommand } from "../command.js";
import type { Configuration } from "../configuration.js";
import { type NodeLog, nodeLog } from "../log.js";
import type { SettingName } from "../settings.js";
import { formatAddress, formatDuration } from "../units.js";

export const startSettings: readonly SettingName[] = [
  "data",
  "listen",
  "pg-listen",
  "http-listen",
  "shards",
  "projections",
  "gateways",
  "layout",
  "cache-bytes",
  "connections-max",
  "replicas",
  "log-level",
];

export const startCommand = defineCommand({
  usage: "start",
  summary: "start a node",
  details:
    "Serves until SIGTERM or SIGINT, then takes no new work, answers what it has and ends with 0; a second signal ends it at once. A first start " +
    'makes the data directory and a tenant "main". With --json the first line of standard output is {"event":"ready", …} with the addresses; the ' +
    "log is JSON lines on standard error. Without TLS and authentication, which this version does not have, it listens on loopback only.",
  settings: startSettings,
  flags: [],
  shape: z.object({}),
  examples: [
    ["kimberlite start", "a node over ./data on 127.0.0.1:7400, fitted to the machine"],
    ["kimberlite start --data /srv/kimberlite --listen 127.0.0.1:0 --json", "a free port; read it from the ready line"],
    ["kimberlite start --shards 2 --projections 1 --layout threads", "two shards, each actor in a thread of its own"],
  ],
  async run({ configuration, output, surroundings }) {
    configuration.refuseReserved();
    const replicas = configuration.require("replicas");
    if (replicas > replicasMax) {
      throw new KimberliteError("configurationInvalid", `a shard has at most ${replicasMax} replicas, not ${replicas}`);
    }
    const { interrupted } = surroundings;
    const data = path.resolve(surroundings.directory, configuration.require("data"));
    const log = nodeLog(
      surroundings,
      configuration.require("log-level"),
      surroundings.stderr.isTTY === true && !output.json,
    );
    const started = surroundings.now();
    const options: NodeOptions = {
      dataDirectory: data,
      listen: configuration.require("listen"),
      shards: configuration.get("shards") ?? undefined,
      projections: configuration.get("projections") ?? undefined,
      gateways: configuration.get("gateways") ?? undefined,
      layout: configuration.require("layout"),
      cacheBytes: configuration.get("cache-bytes") ?? undefined,
      connectionsMax: configuration.require("connections-max"),
      logger: log.logger,
      configuration: resolvedValues(configuration),
    };
    const nodes = replicas === 1 ? [await startNode(options)] : await startLocalCluster(options, replicas);
    const node = nodes[0];
    assert(node !== undefined, "at least one node was started");
    if (replicas === 2) log.pino.warn("two replicas protect data from one lost disk, but stop when either is away");
    const { native } = node.addresses;
    const listen = native === null ? null : formatAddress(native);
    await output.result(
      {
        event: "ready",
        release,
        pid: process.pid,
        data,
        listen,
        addresses: { native },
        nodes: nodes.map(({ addresses }, index) => ({ node: index + 1, listen: addressText(addresses.native) })),
        ...node.layout,
        startMs: Math.round(surroundings.now() - started),
      },
      () =>
        `kimberlite ${release} serves ${listen ?? "in this process only"} from ${data}${node.isNew ? " (new)" : ""}: ` +
        `${node.layout.shards} shard(s), layout ${node.layout.layout}, ready in ${formatDuration(surroundings.now() - started)}` +
        nodes
          .slice(1)
          .map(({ addresses }, index) => `\n  node ${index + 2} serves ${addressText(addresses.native)}`)
          .join("") +
        (replicas > 1 ? "\n  all replicas are on this machine: it tolerates 0 machine failures" : ""),
    );
    const ended = await Promise.race([...nodes.map(({ failed }) => failed), aborted(interrupted)]);
    await stop(nodes, log);
    if (ended === null) return 0;
    throw ended;
  },
});

const addressText = (address: Node["addresses"]["native"]): string | null =>
  address === null ? null : formatAddress(address);

async function stop(nodes: readonly Node[], log: NodeLog): Promise<void> {
  log.pino.info("draining");
  const started = performance.now();
  await Promise.all(nodes.map((node) => node.stop()));
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
