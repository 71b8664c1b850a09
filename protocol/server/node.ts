/**
 * A node in this process: claims its data directory, starts the tree of actors, answers calls about the node as a whole. Used by
 * `kimberlite start` and by the embedded SDK; both get the same node.
 */
import { randomBytes } from "node:crypto";
import { availableParallelism, totalmem } from "node:os";
import { resolve } from "node:path";
import { openDataDirectory } from "../../actors/supervisor/data-directory.js";
import { type Layout, type LayoutWish, planLayout } from "../../actors/supervisor/layout.js";
import { nodeTree } from "../../actors/supervisor/node-tree.js";
import { type ClusterPlan, votersOf } from "../../actors/supervisor/placement.js";
import type { Logger } from "../../runtime/actor/definition.js";
import { type ActorReport, startTree, type Tree } from "../../runtime/actor/tree.js";
import { fromErrorRecord, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import { miB } from "../../runtime/types/limits.js";
import { pipelineMax } from "../../runtime/vsr/ports.js";
import type { PostgresGatewayArgs } from "../postgres/gateway.js";
import type { ScramVerifier } from "../wire/scram-verifier.js";
import type { Transport } from "../wire/transport.js";
import { ClusterCalls } from "./cluster-calls.js";
import { failuresTolerable, loneMember } from "./cluster-health.js";
import { entryModule } from "./entry-modules.js";
import type { GatewayArgs } from "./gateway.js";
import { checkListen, supportsReusePort } from "./listen-rules.js";
import { type LocalAccess, leaveLocalAccess } from "./local-access.js";
import { LocalTransports } from "./local-transport.js";
import { membershipChange } from "./membership-change.js";
import type { ListenAddress, LocalOut, NodeAnswer, NodeCall, TlsIdentity } from "./messages.js";
import { release } from "./release.js";
import { untilReady } from "./until-ready.js";

export interface NodeOptions {
  readonly dataDirectory: string;
  /** Null: no socket, only clients in this process. */
  readonly listen: ListenAddress | null;
  /** How clients of `listen` come in [scram]: with a user's password, or with nothing at all. */
  readonly authentication?: "scram" | "trust" | undefined;
  /** What clients of `listen` are shown; null or absent: plain sockets, for loopback only. */
  readonly tls?: TlsIdentity | null | undefined;
  /** The cluster that this node belongs to; null or absent for a node of its own. */
  readonly cluster?: ClusterPlan | null | undefined;
  /** Reads the cluster file again, for `cluster.reload`. Throws what the file is refused for. */
  readonly rereadCluster?: (() => ClusterPlan) | undefined;
  /** Where the PostgreSQL protocol is served, and how; null or absent: nowhere. */
  readonly postgres?: PostgresOptions | null | undefined;
  readonly shards?: number | undefined;
  readonly projections?: number | undefined;
  readonly gateways?: number | undefined;
  readonly layout?: LayoutWish | undefined;
  /** Page cache of each user shard; default an eighth of the memory, 256 MiB at most. */
  readonly cacheBytes?: number | undefined;
  readonly connectionsMax?: number | undefined;
  readonly checkpointBytes?: number | undefined;
  readonly checkpointMs?: number | undefined;
  readonly scrubBytesPerSecond?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Ends the wait for the node to be ready: it stops then. Later it has no effect. */
  readonly interrupted?: AbortSignal | undefined;
  /** What `node.config` answers: the resolved configuration, without secrets. */
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
}

export interface PostgresOptions {
  readonly listen: ListenAddress;
  readonly authentication: "scram" | "trust";
  readonly tls: TlsIdentity | null;
  /** A superuser of this process alone: no fact, and gone with it. */
  readonly processUser?: { readonly name: string; readonly verifier: ScramVerifier } | undefined;
}

export interface NodeStatus extends Record<string, unknown> {
  readonly release: string;
  readonly clusterId: string;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly cpuMicros: number;
}

export interface Node {
  readonly addresses: { readonly native: ListenAddress | null; readonly postgres: ListenAddress | null };
  readonly layout: Layout;
  readonly isNew: boolean;
  connectLocal(): Transport;
  inspect(): Promise<ActorReport[]>;
  status(): Promise<NodeStatus>;
  /** Makes a superuser if there is no user at all, in the whole cluster. @param verifier as PostgreSQL writes one. Resolves to whether it did. */
  createFirstUser(name: string, verifier: string): Promise<boolean>;
  /** Fault injection for tests and drills: ends a worker thread between any two instructions. */
  terminateWorker(name: string): Promise<void>;
  workers(): readonly string[];
  /**
   * Has other nodes lead what leads here, takes no new work, answers what it has, checkpoints, ends. A node whose others stop with it
   * `keeps` its leadership: handing it on would only take time.
   */
  stop(leadership?: "handsOver" | "keeps"): Promise<void>;
  /** Resolves when the node could not keep itself running. */
  readonly failed: Promise<KimberliteError>;
}

const connectionsMaxDefault = 4_096;
const checkpointBytesDefault = 128 * miB;
const checkpointMsDefault = 60_000;
const scrubBytesPerSecondDefault = 1 * miB;
const addressMs = 60_000;
/** How long the first user is tried for while the cluster's nodes are starting. */
const firstUserMs = 60_000;
const firstUserPollMs = 100;
const drainMs = 20_000;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const sumOf = (reports: readonly ActorReport[], kind: string, name: string): number =>
  reports.reduce((sum, report) => {
    const value = report.kind === kind ? report.numbers[name] : 0;
    return sum + (typeof value === "number" ? value : 0);
  }, 0);

/**
 * Throws `directoryLocked`, `directoryForeign`, `addressInUse`, `insecureListen`, `configurationInvalid`, `cancelled`, and what recovery
 * finds.
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const startedAt = performance.now();
  const startedAtMicros = Date.now() * 1_000;
  const { cluster = null, postgres = null } = options;
  const log = options.logger ?? silent;
  const { authentication: nativeAuthentication = "scram", tls: nativeTls = null } = options;
  if (options.listen !== null) {
    checkListen(options.listen, { hasTls: nativeTls !== null, authentication: nativeAuthentication, prefix: "" });
  }
  if (postgres !== null) {
    const { listen, authentication, tls } = postgres;
    checkListen(listen, { hasTls: tls !== null, authentication, prefix: "pg-" });
  }
  const wishes = {
    layout: options.layout ?? "auto",
    shards: options.shards,
    projections: options.projections,
    gateways: options.gateways,
  };
  const cores = availableParallelism();
  const planned = planLayout(cores, wishes);
  if (planned.gateways > 1 && !supportsReusePort()) {
    throw new KimberliteError("configurationInvalid", "several gateways need Node 22.12 or later (SO_REUSEPORT)");
  }
  const opened = await openDataDirectory(resolve(options.dataDirectory), {
    shards: options.shards,
    shardsDefault: planned.shards,
    cluster:
      cluster === null
        ? null
        : {
            clusterId: cluster.clusterId,
            epoch: cluster.epoch,
            node: cluster.self,
            nodes: votersOf(cluster.nodes),
          },
    randomBytes: (count) => Uint8Array.from(randomBytes(count)),
    now: () => Date.now(),
  });
  const layout: Layout = { ...planned, shards: opened.identity.shards };
  const { clusterId, nodeId } = opened.identity;
  const local = await localAccess(opened.path, log);
  const mockSecret = local?.mockSecret ?? Uint8Array.from(randomBytes(32));
  const processUsers = [postgres?.processUser, local?.user].filter((user) => user !== undefined);
  let address: ListenAddress | null = options.listen;
  const gatewayArgs = (): GatewayArgs => ({
    host: address?.host ?? "",
    // The port that the first start was given is kept over restarts of the gateway.
    port: address?.port ?? 0,
    listens: address !== null,
    reusePort: layout.gateways > 1,
    connectionsMax: options.connectionsMax ?? connectionsMaxDefault,
    shards: layout.shards + 1,
    projections: layout.projections,
    clusterId,
    nodeId,
    release,
    authentication: nativeAuthentication,
    tls: nativeTls,
    mockSecret,
    localUser: local?.user ?? null,
  });
  let postgresAddress: ListenAddress | null = postgres?.listen ?? null;
  const postgresArgs = (index: number): PostgresGatewayArgs => ({
    index,
    host: postgresAddress?.host ?? "",
    port: postgresAddress?.port ?? 0,
    reusePort: layout.gateways > 1,
    connectionsMax: options.connectionsMax ?? connectionsMaxDefault,
    shards: layout.shards + 1,
    projections: layout.projections,
    authentication: postgres?.authentication ?? "scram",
    tls: postgres?.tls ?? null,
    processUsers,
    mockSecret,
    startedAtMicros,
  });
  let fail: (error: KimberliteError) => void = () => {};
  const failed = new Promise<KimberliteError>((resolveFailed) => {
    fail = resolveFailed;
  });
  let clusterNow = cluster;
  let tree: Tree | null = null;
  let isReady = false;
  try {
    tree = await startTree(
      nodeTree({
        directory: opened.path,
        clusterId,
        layout,
        cluster: () => clusterNow,
        cacheBytes: options.cacheBytes ?? Math.min(256 * miB, Math.floor(totalmem() / 8)),
        checkpointBytes: options.checkpointBytes ?? checkpointBytesDefault,
        checkpointMs: options.checkpointMs ?? checkpointMsDefault,
        scrubBytesPerSecond: options.scrubBytesPerSecond ?? scrubBytesPerSecondDefault,
        gatewayArgs,
        postgresArgs: postgres === null ? null : postgresArgs,
      }),
      {
        registry: entryModule("registry"),
        workerMain: entryModule("worker-main"),
        log,
        onFailed: (error) => fail(error),
      },
    );
    const running = tree;
    const gateway = running.port("gateway-0");
    const calls = new ClusterCalls(running, () => clusterNow, clusterId, layout.shards + 1);
    const status = async (): Promise<NodeStatus> => {
      const reports = await running.inspect();
      const { user, system } = process.cpuUsage();
      return {
        release,
        clusterId: Buffer.from(clusterId).toString("hex"),
        nodeId,
        node: process.version,
        pid: process.pid,
        directory: opened.path,
        pgListen: postgresAddress === null ? null : formatHost(postgresAddress),
        layout: layout.layout,
        cores,
        shards: layout.shards,
        projections: layout.projections,
        gateways: layout.gateways,
        replicas: opened.identity.replicas,
        machineFailuresTolerated: failuresTolerable(clusterNow?.nodes ?? [loneMember]),
        ready: isReady,
        replication: reports
          .filter(({ kind }) => kind === "replica")
          .map((report) => replicaStatus(report, clusterNow)),
        uptimeMs: Math.round(performance.now() - startedAt),
        rssBytes: process.memoryUsage.rss(),
        cpuMicros: user + system,
        writeMode: String(reports.find((report) => report.kind === "replica")?.numbers["writeMode"] ?? "unknown"),
        fsyncs: sumOf(reports, "replica", "syncs"),
        logBytesWritten: sumOf(reports, "replica", "bytesWritten"),
        pageBytesWritten: sumOf(reports, "keeper", "pagesWritten") * 8192,
        commits: sumOf(reports, "shard", "commits"),
        records: sumOf(reports, "shard", "records"),
        connections: sumOf(reports, "gateway", "connections") + sumOf(reports, "postgres", "connections"),
        damageFound: sumOf(reports, "keeper", "damageFound"),
        restarts: reports.reduce((sum, report) => sum + report.restarts, 0),
        actors: reports.length,
        answering: reports.filter((report) => report.answered).length,
      };
    };
    const answer = async (call: NodeCall): Promise<unknown> => {
      switch (call.method) {
        case "node.status":
          return status();
        case "node.top":
          return topReport(await running.inspect(), startedAt);
        case "node.config":
          return options.configuration ?? {};
        case "cluster.status":
          return calls.status();
        case "cluster.barrier":
          return calls.barrier(pipelineMax);
        case "cluster.reload": {
          if (clusterNow === null || options.rereadCluster === undefined) {
            throw new KimberliteError("configurationInvalid", "this node was started without a cluster file");
          }
          const next = options.rereadCluster();
          const change = membershipChange(clusterNow, next, await calls.voters());
          await calls.checkSilent(change.replaced);
          // What starts anew in between begins with what is told to the others.
          clusterNow = next;
          await calls.tellPeers(next);
          log.info("the cluster file was read again", change);
          return change;
        }
        case "cluster.reconfigure":
          return calls.reconfigure(Number(call.params["voters"]));
        case "cluster.handover":
          return calls.handOver(typeof call.params["shard"] === "number" ? call.params["shard"] : null);
        default:
          throw new KimberliteError("notSupported", `administrative method ${call.method}`);
      }
    };
    const transports = new LocalTransports(gateway);
    running.onEvent((event) => {
      if (event.event === "started" && event.path.endsWith("/gateway-0")) transports.lost();
      // A restart would find the same: another disk in this node's place, or a log that this program is too old for.
      if (event.event !== "crashed") return;
      const { because } = event.error.detail;
      if (because === "lostDisk" || because === "release") fail(fromErrorRecord(event.error));
    });
    for (let index = 0; index < layout.gateways; index++) {
      const port = running.port(`gateway-${index}`);
      port.onMessage((message) => {
        const said = message as unknown as NodeCall | LocalOut;
        if (said.kind === "localOut") {
          transports.arrived(said);
          return;
        }
        answer(said).then(
          (result) => port.tell({ kind: "nodeAnswer", id: said.id, result, error: null } satisfies NodeAnswer),
          (error: unknown) =>
            port.tell({
              kind: "nodeAnswer",
              id: said.id,
              result: null,
              error: toErrorRecord(error),
            } satisfies NodeAnswer),
        );
      });
    }
    address = await gateway.ask<ListenAddress | null>({ kind: "address" }, { deadlineMs: addressMs });
    if (postgres !== null) {
      const port = running.port("postgres-0");
      postgresAddress = await port.ask<ListenAddress | null>({ kind: "address" }, { deadlineMs: addressMs });
    }
    await untilReady({ tree: running, calls, log, failed, interrupted: options.interrupted });
    isReady = true;
    let stopping: Promise<void> | null = null;
    return {
      addresses: { native: address, postgres: postgresAddress },
      layout,
      isNew: opened.isNew,
      failed,
      connectLocal: () => transports.connect(),
      inspect: () => running.inspect(),
      status,
      createFirstUser: async (name, verifier) => {
        const params = { name, verifier, superuser: true, onlyFirst: true };
        const message = { kind: "admin", method: "user.create", params, principal: "node" };
        const giveUp = performance.now() + firstUserMs;
        for (;;) {
          try {
            const asked = running
              .port("directory")
              .ask<{ readonly created: boolean }>(message, { deadlineMs: addressMs });
            return (await asked).created;
          } catch (error) {
            // The node whose directory decides may not be through with its own start.
            const mayPass = error instanceof KimberliteError && error.retry === "later" && performance.now() < giveUp;
            if (!mayPass) throw error;
            await new Promise((resolve) => setTimeout(resolve, firstUserPollMs));
          }
        }
      },
      terminateWorker: (name) => running.terminateWorker(name),
      workers: () => running.workers(),
      stop: (leadership = "handsOver") => {
        stopping ??= (async () => {
          if (leadership === "handsOver" && cluster !== null && cluster.nodes.length > 1) {
            await calls.handOver(null).then(
              (moved) => log.info("leadership handed over", { shards: moved.length }),
              (error: unknown) => log.warn("leadership is dropped", { because: String(error) }),
            );
          }
          await running.drain(drainMs);
          await running.stop(drainMs);
          await opened.claim.release();
        })();
        return stopping;
      },
    };
  } catch (error) {
    await tree?.stop(drainMs);
    await opened.claim.release();
    throw error;
  }
}

/** Null where the directory takes no file: then a password is needed, also on this machine. */
async function localAccess(directory: string, log: Logger): Promise<LocalAccess | null> {
  try {
    return await leaveLocalAccess(directory);
  } catch (error) {
    log.warn("no local access: its file could not be written", { because: String(error) });
    return null;
  }
}

const formatHost = ({ host, port }: ListenAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** How the replica of one shard on this node stands, and which node leads. */
function replicaStatus({ path, numbers }: ActorReport, cluster: ClusterPlan | null): Record<string, unknown> {
  const shard = Number(path.slice(path.lastIndexOf("-") + 1));
  const { status, view, primary, isPrimary, op, commit, contiguous, stuckAt } = numbers;
  const nodes = cluster?.nodes ?? [];
  const leader = nodes.length === 0 ? 1 : nodes[Number(primary)]?.node;
  return { shard, status, view, leader, leadsHere: isPrimary === 1, op, commit, durable: contiguous, stuckAt };
}

/** The view of `kimberlite top`: actors with their mailboxes, threads with how busy they are. */
function topReport(reports: readonly ActorReport[], startedAt: number): Record<string, unknown> {
  const threads = new Map<string, Record<string, unknown>>();
  for (const { worker, threadId, utilisation, heapBytes, externalBytes, arrayBufferBytes } of reports) {
    threads.set(worker, { name: worker, threadId, utilisation, heapBytes, externalBytes, arrayBufferBytes });
  }
  const { heapUsed: heapBytes, external: externalBytes, arrayBuffers: arrayBufferBytes } = process.memoryUsage();
  threads.set("main", { name: "main", threadId: 0, heapBytes, externalBytes, arrayBufferBytes });
  return {
    actors: reports.map((report) => ({ ...report, thread: report.worker })),
    threads: [...threads.values()],
    rssBytes: process.memoryUsage.rss(),
    uptimeMs: Math.round(performance.now() - startedAt),
  };
}
