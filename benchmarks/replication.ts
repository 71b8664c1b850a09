/**
 * What replication costs: durable appends of single events against one node, and against three nodes in processes of their own on this
 * machine, each with its own log, in turn. The client talks to the node that leads, as peers' own benchmarks do; `--elsewhere` to another.
 *
 *   node dist/benchmarks/replication.js [--seconds 5] [--rounds 3] [--connections 1,64] [--in-flight 1] [--layout auto] [--elsewhere] [--json FILE]
 *
 * fsync is on everywhere, and `kimberlite bench`, which measures each case, reads back what was acknowledged. All nodes share one disk
 * and the machine's cores with the client: three machines would not.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const program = fileURLToPath(new URL("../protocol/admin/main.js", import.meta.url));
const run = promisify(execFile);
const clusterWaitSeconds = 30;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    connections: { type: "string", default: "1,64" },
    "in-flight": { type: "string", default: "1" },
    layout: { type: "string", default: "auto" },
    elsewhere: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

interface Result {
  readonly connections: number;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Row extends Result {
  readonly replicas: number;
  readonly round: number;
}

async function bench(flags: readonly string[]): Promise<Result[]> {
  const cases = ["single", "--connections", values.connections, "--in-flight", values["in-flight"]];
  const words = [program, "bench", ...cases, "--seconds", `${values.seconds}s`, ...flags, "--json"];
  const { stdout } = await run(process.execPath, words, { maxBuffer: 16 * 1024 * 1024 });
  const { results } = JSON.parse(stdout) as { results: RawResult[] };
  return results.map((raw) => ({
    connections: raw.connections,
    eventsPerSecond: Math.round(raw.eventsPerSecond),
    p50Ms: raw.latencyMicros.p50 / 1_000,
    p99Ms: raw.latencyMicros.p99 / 1_000,
  }));
}

interface RawResult {
  readonly connections: number;
  readonly eventsPerSecond: number;
  readonly latencyMicros: { readonly p50: number; readonly p99: number };
}

/** A first port of a range for a cluster, below those that outgoing connections get: one of these could take a node's at any moment. */
const firstPort = (): number => randomInt(12_000, 32_000);

interface ClusterStatus {
  readonly shards: readonly { readonly shard: number; readonly leader: number | null }[];
}

/** One node, or three, in processes of their own, in plaintext over loopback. */
class Cluster {
  readonly #directory: string;
  readonly #clientPort: number;
  readonly #count: number;
  readonly #nodes: ChildProcess[] = [];

  private constructor(directory: string, clientPort: number, count: number) {
    this.#directory = directory;
    this.#clientPort = clientPort;
    this.#count = count;
  }

  static async start(count: number): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), "kimberlite-replication-"));
    const base = firstPort();
    const cluster = new Cluster(directory, base, count);
    const ports = ["--client-port", String(base), "--peer-port", String(base + 10)];
    await run(process.execPath, [program, "cluster", "init", "--nodes", String(count), ...ports], { cwd: directory });
    await Promise.all(Array.from({ length: count }, (_, index) => cluster.#spawn(index + 1)));
    await cluster.#ask("status", "--wait", `${clusterWaitSeconds}s`);
    return cluster;
  }

  #spawn(node: number): Promise<void> {
    const identity = ["--cluster", "cluster.toml", "--node", String(node), "--data", `node-${node}`];
    const words = [program, "start", ...identity, "--layout", values.layout, "--json", "--log-level", "error"];
    // A session of its own: Linux shares cores out among sessions first, and the servers that it is compared with have one each.
    const child = spawn(process.execPath, words, {
      cwd: this.#directory,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    process.once("exit", () => child.kill("SIGKILL"));
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

  /** Where the node is reached that leads the users' shard, or one that does not. */
  async address(): Promise<string> {
    const { shards } = await this.#ask("status");
    const leader = shards.find(({ shard }) => shard === 1)?.leader ?? null;
    if (leader === null) throw new Error("nobody leads");
    const node = values.elsewhere ? (leader % this.#count) + 1 : leader;
    return `127.0.0.1:${this.#clientPort + node - 1}`;
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#nodes.map((child) => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        return ended;
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const rows: Row[] = [];
function keep(replicas: number, round: number, results: readonly Result[]): void {
  for (const result of results) {
    const row = { replicas, round, ...result };
    rows.push(row);
    process.stdout.write(
      `round ${round}  ${replicas} replica(s)  ${String(row.connections).padStart(4)} connections  ${String(row.eventsPerSecond).padStart(8)} events/s  p50 ${row.p50Ms} ms  p99 ${row.p99Ms} ms\n`,
    );
    if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(row)}\n`);
  }
}

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const replicas of [1, 3]) {
    const cluster = await Cluster.start(replicas);
    try {
      keep(replicas, round, await bench(["--connect", await cluster.address()]));
    } finally {
      await cluster.end();
    }
  }
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;
for (const connections of new Set(rows.map((row) => row.connections))) {
  const of = (replicas: number, what: "eventsPerSecond" | "p50Ms"): number =>
    median(rows.filter((row) => row.connections === connections && row.replicas === replicas).map((row) => row[what]));
  const share = of(3, "eventsPerSecond") / of(1, "eventsPerSecond");
  process.stdout.write(
    `${connections} connections: one replica ${of(1, "eventsPerSecond")}/s (p50 ${of(1, "p50Ms")} ms), three ${of(3, "eventsPerSecond")}/s (p50 ${of(3, "p50Ms")} ms): ${Math.round(share * 100)} %\n`,
  );
}
