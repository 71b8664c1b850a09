/** One node of ours, or three, in processes of their own over loopback. The load is that of `kimberlite bench`, which reads everything back. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runCase } from "../../protocol/admin/bench/run-case.js";
import { connectNode } from "../../protocol/admin/connect.js";
import { localAccess } from "../../protocol/client/login.js";
import { cpuOfTree, run } from "../sql/servers.js";
import { CpuWatch, endServer, endsWithThis, type Load, type Measured, type Rival, warmUpMs } from "./rival.js";

const program = fileURLToPath(new URL("../../protocol/admin/main.js", import.meta.url));
const host = "127.0.0.1";
const clusterWaitSeconds = 30;
const usersShard = 1;

export interface ClusterOptions {
  readonly count: number;
  readonly layout: string;
  /** The loader talks to a node that does not lead. */
  readonly isElsewhere: boolean;
}

/** A first port of a range for a cluster, below those that outgoing connections get: one of these could take a node's at any moment. */
const firstPort = (): number => randomInt(12_000, 32_000);

interface ClusterStatus {
  readonly shards: readonly { readonly shard: number; readonly leader: number | null }[];
}

export class KimberliteCluster implements Rival {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #directory = mkdtempSync(path.join(tmpdir(), "kimberlite-replication-"));
  readonly #clientPort = firstPort();
  readonly #nodes: ChildProcess[] = [];
  #measured = 0;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.name = `kimberlite ×${options.count}`;
  }

  static async start(options: ClusterOptions): Promise<KimberliteCluster> {
    const cluster = new KimberliteCluster(options);
    const { count } = options;
    const base = cluster.#clientPort;
    const ports = ["--client-port", String(base), "--peer-port", String(base + 10)];
    const where = { cwd: cluster.#directory };
    await run(process.execPath, [program, "cluster", "init", "--nodes", String(count), ...ports], where);
    await Promise.all(Array.from({ length: count }, (_, index) => cluster.#spawn(index + 1)));
    await cluster.#ask("status", "--wait", `${clusterWaitSeconds}s`);
    return cluster;
  }

  #spawn(node: number): Promise<void> {
    const identity = ["--cluster", "cluster.toml", "--node", String(node), "--data", `node-${node}`];
    const words = [program, "start", ...identity, "--layout", this.#options.layout, "--json", "--log-level", "error"];
    // A session of its own: Linux shares cores out among sessions first, and the servers that it is compared with have one each.
    const child = spawn(process.execPath, words, {
      cwd: this.#directory,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    endsWithThis(child);
    this.#nodes.push(child);
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`node ${node} ended with ${code}`)));
      createInterface({ input: child.stdout }).once("line", () => resolve());
    });
  }

  async #ask(...words: readonly string[]): Promise<ClusterStatus> {
    const command = [program, "cluster", ...words, "--cluster", "cluster.toml", "--json"];
    const { stdout } = await run(process.execPath, command, { cwd: this.#directory });
    return JSON.parse(stdout) as ClusterStatus;
  }

  async #leader(): Promise<number> {
    const { shards } = await this.#ask("status");
    const leader = shards.find(({ shard }) => shard === usersShard)?.leader ?? null;
    if (leader === null) throw new Error("nobody leads");
    return leader;
  }

  async measure({ connections, inFlight }: Load, seconds: number): Promise<Measured> {
    const { count, isElsewhere } = this.#options;
    const leader = await this.#leader();
    const others = Array.from({ length: count - 1 }, (_, more) => ((leader + more) % count) + 1);
    const spoken = isElsewhere ? (others[0] ?? leader) : leader;
    const address = { host, port: this.#clientPort + spoken - 1 };
    const watch = new CpuWatch(() => [leader, ...others].map((node) => cpuOfTree(this.#nodes[node - 1]?.pid ?? 0)));
    const node = await connectNode([address], localAccess);
    const laps: (readonly number[] | null)[] = [];
    this.#measured += 1;
    try {
      const context = {
        node,
        address,
        credentials: localAccess,
        // Asked when the measured time begins, and when it ends.
        counters: async () => {
          laps.push(watch.lap());
          return { cpuMicros: null, logBytes: null, fsyncs: null, rssBytes: null };
        },
        warmUpMs,
        measuredMs: seconds * 1_000,
        withKeys: true,
        interrupted: new AbortController().signal,
        random: Math.random,
      };
      const settings = { workload: "single", connections, inFlight, batch: 1, eventBytes: 128, tenants: 1 };
      const { operations, eventsPerSecond, latencyMicros } = await runCase(context, settings, `r-${this.#measured}`);
      return {
        perSecond: eventsPerSecond,
        p50Ms: latencyMicros.p50 / 1_000,
        cpuMicros: laps.at(-1)?.map((micros) => micros / operations) ?? null,
      };
    } finally {
      await node.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((child) => endServer(child, "SIGTERM")));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
