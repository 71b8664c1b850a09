/** What the lists are kept in: one node process, or three of a cluster, that are killed and come back while clients are at work. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { temporaryDirectory } from "../../runtime/storage/host-files.js";
import { assert } from "../../runtime/types/assert.js";
import { ClusterRig } from "../admin/cluster-rig.js";
import { type RunningNode, startNodeProcess } from "../admin/run-command.js";
import type { SqlConnection } from "./workload.js";

export interface IsolationTarget {
  connect(): Promise<SqlConnection>;
  /** Kills a process that decides (SIGKILL) and starts it again. Resolves when it serves. */
  killAndStart(): Promise<void>;
  stop(): Promise<void>;
}

const flags = ["--pg-listen", "127.0.0.1:0", "--pg-auth", "trust"];
const connectMs = 5_000;
const tries = 200;

async function connectTo(node: RunningNode): Promise<SqlConnection> {
  const address: unknown = node.ready["pgListen"];
  assert(typeof address === "string", "a node says where it serves PostgreSQL's protocol");
  const client = new pg.Client({
    host: "127.0.0.1",
    port: Number(address.split(":").at(-1)),
    user: "admin",
    database: "main",
    connectionTimeoutMillis: connectMs,
  });
  // What happened to the connection is the failure of the statement that was under way.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function oneNode(): Promise<IsolationTarget> {
  const directory = temporaryDirectory("kimberlite-isolation-");
  let node: RunningNode | null = await startNodeProcess(directory.path, flags);
  return {
    connect: () => (node === null ? Promise.reject(new Error("the node is down")) : connectTo(node)),
    killAndStart: async () => {
      const last = node;
      node = null;
      await last?.end("SIGKILL");
      node = await startNodeProcess(directory.path, flags);
    },
    stop: async () => {
      await node?.end("SIGKILL");
      directory.remove();
    },
  };
}

async function threeNodes(): Promise<IsolationTarget> {
  const cluster = await ClusterRig.make(3);
  cluster.flags = flags;
  await cluster.start(0, 1, 2);
  let next = 0;
  return {
    connect: () => {
      const alive = cluster.nodes.filter((node) => node !== null);
      next += 1;
      const node = alive[next % alive.length];
      return node === undefined ? Promise.reject(new Error("every node is down")) : connectTo(node);
    },
    killAndStart: async () => {
      let leader = -1;
      for (let count = 0; leader < 0 && count < tries; count += 1) {
        leader = await cluster.leaderOf(1).catch(() => -1);
        if (leader < 0) await sleep(100);
      }
      assert(leader >= 0, "a cluster of which a majority runs has a leader");
      await cluster.end(leader, "SIGKILL");
      await cluster.start(leader);
    },
    stop: () => cluster.remove(),
  };
}

export const startTargetOf = (nodes: 1 | 3): Promise<IsolationTarget> => (nodes === 1 ? oneNode() : threeNodes());

/** As `connect`, until it works: a cluster may be without a leader for a moment. */
export async function connectedTo(target: IsolationTarget): Promise<SqlConnection> {
  for (let count = 0; ; count += 1) {
    try {
      const connection = await target.connect();
      await connection.query("SELECT 1");
      return connection;
    } catch (error) {
      if (count > tries) throw error;
      await sleep(100);
    }
  }
}
