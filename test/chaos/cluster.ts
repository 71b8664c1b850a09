/**
 * A cluster as processes of this machine: cluster files, data directories, a network between the nodes, and a proxy before each node that
 * clients go through.
 *
 *   <directory>/home-<n>/data       the data directory of the node that lives there; with `diskBytes` a file system of its own
 *   <directory>/home-<n>/journals   what each of its processes changed, oldest first: gone with each power cut
 *   <directory>/home-<n>/clock      by how many ms its clock is off
 *   <directory>/home-<n>/log        what all its processes said
 *
 * Every node has a cluster file of its own, since each may reach the others through proxies of its own. One home more than there are nodes is for a
 * standby; when it takes the place of a node, that node's home is free for the next.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../protocol/sdk/index.js";
import { ClusterNode, runProgram } from "./cluster-node.js";
import { NamespaceNetwork } from "./namespace-network.js";
import { mountSmallDisk, unmountDisk } from "./node-files.js";
import { type PeerNetwork, ProxyNetwork } from "./peer-network.js";
import { type LinkState, PeerProxy } from "./peer-proxy.js";
import { type CutReport, cutPower, type Loss } from "./power-cut.js";
import { decodeJournal } from "./write-journal.js";

export interface ClusterOptions {
  readonly directory: string;
  readonly nodes: number;
  readonly shards: number;
  readonly layout: "shared" | "threads";
  readonly liesAboutSync: boolean;
  /** What lies between the nodes: proxies on loopback, or namespaces of the kernel's. */
  readonly network: "proxies" | "namespaces";
  /** Gives each node a file system of so many bytes for its data, in which no power can be cut; null for the machine's disk. */
  readonly diskBytes: number | null;
}

export interface ShardView {
  readonly shard: number;
  readonly status: string;
  readonly view: number;
  readonly leader: number;
  readonly leadsHere: boolean;
  readonly op: number;
  readonly commit: number;
  readonly durable: number;
  readonly stuckAt: number;
}

export interface NodeStatus extends Record<string, unknown> {
  readonly replication: readonly ShardView[];
}

const portsFrom = 10_000;
const rangePorts = 700;
const ranges = 30;
const clientPortsAt = 120;
const clientProxiesAt = 130;
const statusMs = 2_000;
const workerHeapMiB = 192;
/** With so many nodes the ports of a range are not enough for another. */
const guestNodesMax = 5;

/** The first port of a range that nobody listens in now. */
function freeRange(): number {
  const first = randomBytes(2).readUInt16LE(0);
  for (let attempt = 0; attempt < ranges; attempt++) {
    const base = portsFrom + ((first + attempt) % ranges) * rangePorts;
    const listening = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
        (existsSync(table) ? readFileSync(table, "utf8") : "")
          .split("\n")
          .map((line) => Number.parseInt(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4})/.exec(line)?.[1] ?? "", 16)),
      ),
    );
    if ([...listening].every((port) => !(port >= base && port < base + rangePorts))) return base;
  }
  throw new Error("no range of ports is free");
}

export class ClusterProcesses {
  readonly options: ClusterOptions;
  readonly members: (ClusterNode | null)[] = [];
  /** It has the number behind the last of `members`; null while there is none. */
  guest: ClusterNode | null = null;
  /** By node's index: where it lives; the last is the guest's. */
  readonly #homes: number[];
  readonly #clusterId = randomBytes(16).toString("hex");
  readonly #base: number;
  readonly #network: PeerNetwork;
  /** By node: what clients go through. */
  readonly #clientProxies: PeerProxy[] = [];
  #starts = 0;
  #hasGuest = false;

  private constructor(options: ClusterOptions, base: number, network: PeerNetwork) {
    this.options = options;
    this.#base = base;
    this.#network = network;
    this.#homes = Array.from({ length: options.nodes + 1 }, (_, index) => index);
  }

  /** Makes the files and the network; no node runs yet. */
  static async make(options: ClusterOptions): Promise<ClusterProcesses> {
    const { directory, nodes, shards } = options;
    const base = freeRange();
    const network =
      options.network === "proxies"
        ? await ProxyNetwork.make(base, nodes < guestNodesMax ? nodes + 1 : nodes, shards + 1)
        : await NamespaceNetwork.make(
            directory,
            Array.from({ length: nodes }, (_, index) => base + clientPortsAt + index),
          );
    const cluster = new ClusterProcesses(options, base, network);
    for (let index = 0; index < options.nodes; index++) {
      cluster.members.push(null);
      cluster.#settle(index);
      if (options.diskBytes !== null) mountSmallDisk(cluster.dataOf(index), options.diskBytes);
      const proxied = cluster.#base + clientProxiesAt + index;
      cluster.#clientProxies.push(await PeerProxy.listen(proxied, cluster.#clientPort(index), 1));
    }
    for (let index = 0; index < options.nodes; index++) cluster.#writeFile(index);
    return cluster;
  }

  /** Makes the directories of a node's home. */
  #settle(index: number): void {
    for (const path of [this.dataOf(index), this.#path(index, "journals"), this.#path(index, "backups")])
      mkdirSync(path, { recursive: true });
    this.setClock(index, 0);
  }

  #path(index: number, name: string): string {
    return join(this.options.directory, `home-${(this.#homes[index] ?? index) + 1}`, name);
  }

  #writeFile(index: number): void {
    writeFileSync(this.#path(index, "cluster.toml"), this.#clusterFile(index));
  }

  dataOf(index: number): string {
    return this.#path(index, "data");
  }

  snapshotOf(index: number): string {
    return this.#path(index, "snapshot");
  }

  logOf(index: number): string {
    return this.#path(index, "log");
  }

  /** Where clients reach a node: cut off with `clientLink`. */
  portOf(index: number): number {
    return this.#base + clientProxiesAt + index;
  }

  #clientPort(index: number): number {
    return this.#base + clientPortsAt + (this.#homes[index] ?? index);
  }

  #clusterFile(self: number): string {
    const count = this.options.nodes + (this.#hasGuest ? 1 : 0);
    const nodes = Array.from({ length: count }, (_, index) => {
      const peer = this.#network.addressOf(self, index);
      const standby = index < this.options.nodes ? "" : "standby = true\n";
      return `[[node]]\nnumber = ${index + 1}\nname = "node-${(this.#homes[index] ?? 0) + 1}"\npeer = "${peer}"\nclient = "127.0.0.1:${this.#clientPort(index)}"\n${standby}`;
    });
    const head = `cluster-id = "${this.#clusterId}"\nshards = ${this.options.shards}\n${this.#network.security}\n`;
    return [head, ...nodes].join("\n");
  }

  // ------------------------------------------------------------------ nodes

  /** @param data another directory than its own, for one that has to be turned away */
  spawn(index: number, data = this.dataOf(index)): ClusterNode {
    const { layout, liesAboutSync, diskBytes } = this.options;
    this.#starts += 1;
    const node = new ClusterNode({
      command: [
        "start",
        ...["--cluster", this.#path(index, "cluster.toml"), "--node", String(index + 1)],
        ...["--data", data, "--layout", layout, "--cache-bytes", "64MiB"],
        // Checkpoints are frequent, so that faults meet them in every phase.
        ...["--checkpoint-bytes", "4MiB", "--checkpoint-seconds", "2", "--json"],
      ],
      shim: {
        data,
        // What is written elsewhere than at home is taken back by nobody.
        journal:
          diskBytes === null && data === this.dataOf(index)
            ? this.#path(index, `journals/${String(this.#starts).padStart(6, "0")}`)
            : "",
        backups: this.#path(index, "backups"),
        liesAboutSync,
        clock: this.#path(index, "clock"),
        workerHeapMiB,
      },
      logFile: this.logOf(index),
      prefix: this.#network.prefixOf(index),
    });
    this.#network.started(index, node.pid);
    if (index < this.options.nodes) this.members[index] = node;
    else this.guest = node;
    return node;
  }

  /** Runs a command of `kimberlite cluster` for a node, beside the nodes. @returns what it said, either way */
  async command(index: number, name: string): Promise<{ readonly code: number; readonly said: string }> {
    const place = ["--cluster", this.#path(index, "cluster.toml"), "--node", String(index + 1)];
    return runProgram(["cluster", name, ...place, "--data", this.dataOf(index)]);
  }

  // ------------------------------------------------------------------ a guest

  /** Index of the standby. */
  get guestIndex(): number {
    return this.options.nodes;
  }

  get mayHaveGuest(): boolean {
    const { nodes, network, diskBytes } = this.options;
    return network === "proxies" && diskBytes === null && nodes < guestNodesMax && nodes > 2;
  }

  /** A standby is in every file from now on; nobody has read it yet. Its home is empty. */
  invite(): void {
    this.#hasGuest = true;
    const home = join(this.options.directory, `home-${(this.#homes[this.guestIndex] ?? 0) + 1}`);
    rmSync(home, { recursive: true, force: true });
    this.#settle(this.guestIndex);
    for (let index = 0; index <= this.guestIndex; index++) this.#writeFile(index);
  }

  /** Every node that runs reads its file again. @returns what went wrong, in words; empty when nothing did */
  async reload(): Promise<string[]> {
    const said = await Promise.all(
      this.running.map((index) =>
        runProgram(["cluster", "reload", "--connect", `127.0.0.1:${this.#clientPort(index)}`]),
      ),
    );
    return said.filter(({ code }) => code !== 0).map(({ code, said: words }) => `reload ended with ${code}: ${words}`);
  }

  /** The guest, which runs, votes from now on, or stands by again. Its own file says so; the others' may be older than that. */
  guestVotes(votes: boolean): Promise<{ readonly code: number; readonly said: string }> {
    const number = String(this.guestIndex + 1);
    const words = votes ? ["add", "--voter", number] : ["remove", number];
    const connectTo = this.running.map((index) => `127.0.0.1:${this.#clientPort(index)}`).join();
    const file = this.#path(this.guestIndex, "cluster.toml");
    return runProgram(["cluster", ...words, "--cluster", file, "--connect", connectTo]);
  }

  /** The guest, which is down, takes the place of a node that is. @returns the directory that the node had; and what the command said */
  async promote(index: number): Promise<{ readonly code: number; readonly said: string; readonly former: string }> {
    const former = this.dataOf(index);
    const [file, data] = [this.#path(this.guestIndex, "cluster.toml"), this.dataOf(this.guestIndex)];
    const words = ["cluster", "promote", String(this.guestIndex + 1), "--in-place-of", String(index + 1)];
    const ran = await runProgram([...words, "--cluster", file, "--data", data]);
    if (ran.code !== 0) return { ...ran, former };
    this.guest = null;
    this.#hasGuest = false;
    const [left, taken] = [this.#homes[index], this.#homes[this.guestIndex]];
    this.#homes[index] = taken;
    this.#homes[this.guestIndex] = left;
    for (const [node, home] of this.#homes.entries()) this.#network.move(node, home);
    this.#clientProxies[index]?.retarget(this.#clientPort(index));
    for (let node = 0; node < this.options.nodes; node++) this.#writeFile(node);
    return { ...ran, former };
  }

  async startAll(): Promise<void> {
    const nodes = this.members.map((member, index) => (member?.isRunning === true ? member : this.spawn(index)));
    await Promise.all(nodes.map(({ ready }) => ready));
  }

  async kill(index: number): Promise<void> {
    await this.members[index]?.kill();
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#started.map((member) => member.kill()));
  }

  /** SIGTERM to all that run. True when each ended with 0. */
  async stopAll(): Promise<boolean> {
    const ends = await Promise.all(this.#started.map((member) => member.stop()));
    return ends.every((isGood) => isGood);
  }

  get #started(): ClusterNode[] {
    return [...this.members, this.guest].filter((member) => member !== null);
  }

  /** Nodes that run and are not stopped, by index. */
  get running(): number[] {
    return this.members.flatMap((node, index) => (node?.isRunning === true && !node.isPaused ? [index] : []));
  }

  async end(): Promise<void> {
    await this.killAll();
    this.#network.close();
    for (const proxy of this.#clientProxies) proxy.close();
    if (this.options.diskBytes === null) return;
    for (const index of this.members.keys()) unmountDisk(this.dataOf(index));
  }

  // ------------------------------------------------------------------ faults

  /** Kills every node at once and takes from each what no sync had made durable. */
  async cutPower(loss: Loss, random: () => number): Promise<CutReport> {
    await this.killAll();
    const total: CutReport = { pending: 0, lost: 0, torn: 0 };
    for (let index = 0; index < this.options.nodes; index++) {
      const directory = this.#path(index, "journals");
      const names = readdirSync(directory).sort();
      const entries = names.flatMap((name) => decodeJournal(readFileSync(join(directory, name))));
      const report = cutPower(entries, loss, random);
      total.pending += report.pending;
      total.lost += report.lost;
      total.torn += report.torn;
      this.forgetChanges(index);
    }
    return total;
  }

  /** Its files were exchanged: what its processes wrote before is no longer in them. */
  forgetChanges(index: number): void {
    for (const place of ["journals", "backups"])
      for (const name of readdirSync(this.#path(index, place))) rmSync(this.#path(index, `${place}/${name}`));
  }

  setClock(index: number, offsetMs: number): void {
    writeFileSync(this.#path(index, "clock"), String(offsetMs).padEnd(24));
  }

  /** The way from one node to another. */
  link(from: number, to: number): LinkState {
    return this.#network.link(from, to);
  }

  /** The ways between clients and a node. */
  clientLink(index: number): PeerProxy {
    const proxy = this.#clientProxies[index];
    if (proxy === undefined) throw new Error(`there is no node ${index + 1}`);
    return proxy;
  }

  healNetwork(): void {
    this.#network.heal();
    for (const proxy of this.#clientProxies) proxy.heal();
  }

  // ------------------------------------------------------------------ what nodes say

  async status(index: number): Promise<NodeStatus> {
    const db = await connect(`127.0.0.1:${this.#clientPort(index)}`, { connectTimeoutMs: statusMs });
    try {
      return (await db.status({ timeoutMs: statusMs })) as NodeStatus;
    } finally {
      await db.close(0);
    }
  }

  /** Index of the node that leads a shard, as the nodes that run say, the newest view winning; -1 when none says so of itself. */
  async leaderOf(shard: number): Promise<number> {
    const found = await Promise.all(
      this.running.map(async (index) => {
        const status = await this.status(index).catch(() => null);
        const view = status?.replication.find((one) => one.shard === shard && one.leadsHere)?.view ?? -1;
        return { index, view };
      }),
    );
    const newest = found.sort((left, right) => right.view - left.view)[0];
    return newest === undefined || newest.view < 0 ? -1 : newest.index;
  }

  /** Resolves when a node that was away holds what is committed: before the next one goes. */
  async caughtUp(index: number, limitMs = 30_000): Promise<void> {
    const until = performance.now() + limitMs;
    const newest = await Promise.all(this.running.map((other) => this.status(other).catch(() => null)));
    const commitOf = (status: NodeStatus | null, shard: number): number =>
      status?.replication.find((one) => one.shard === shard)?.commit ?? 0;
    for (let shard = 0; shard <= this.options.shards; shard++) {
      const wanted = Math.max(...newest.map((status) => commitOf(status, shard)));
      while (commitOf(await this.status(index).catch(() => null), shard) < wanted) {
        if (performance.now() > until) throw new Error(`node ${index + 1} has not caught up within ${limitMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Resolves when every node runs and has committed the same. Rejects when that does not come true in time. */
  async converged(limitMs = 60_000): Promise<void> {
    const until = performance.now() + limitMs;
    let said = "";
    while (performance.now() < until) {
      const statuses = await Promise.all(this.members.map((_, index) => this.status(index).catch(() => null)));
      const shards = Array.from({ length: this.options.shards + 1 }, (_, shard) =>
        statuses.map((status) => status?.replication.find((one) => one.shard === shard)),
      );
      const isEqual = shards.every(
        (views) =>
          views.every((view) => view !== undefined && view.status === "normal" && view.durable >= view.commit) &&
          new Set(views.map((view) => `${view?.op} ${view?.commit}`)).size === 1,
      );
      if (isEqual) return;
      said = JSON.stringify(
        shards.map((views) => views.map((v) => v && `${v.status} v${v.view} ${v.commit}/${v.op} durable ${v.durable}`)),
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the nodes have not become equal within ${limitMs} ms: ${said}`);
  }
}
