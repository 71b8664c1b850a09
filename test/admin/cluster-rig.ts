/** A cluster of `kimberlite start` processes on this machine, over TLS, made as its operator makes it: `cluster init`, `cluster keys`, `start`. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { type ClusterReport, clusterShape } from "../../protocol/admin/shapes.js";
import { temporaryDirectory } from "../../runtime/storage/host-files.js";
import { proxyPortOf, RigNetwork } from "./rig-network.js";
import { kimberlite, type Ran, type RunningNode, type SpawnedNode, spawnNode } from "./run-command.js";

const host = "127.0.0.1";
const portTries = 40;
/** Below the ports that outgoing connections get: one of those could take a node's while it is down. */
const portFrom = 15_000;
const ephemeralFrom = 32_768;
/** As `cluster init` lays out nodes of one machine. */
const portsApart = 100;
/** As `cluster init` lays out. */
const userShards = 1;

const isFree = (port: number): Promise<boolean> =>
  new Promise((settle) => {
    const server = createServer();
    server.once("error", () => settle(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => settle(true)));
  });

/** A first port for other nodes and one for clients that leave room for `count` nodes of one user shard. */
async function freePorts(count: number): Promise<{ readonly peerPort: number; readonly clientPort: number }> {
  for (let attempt = 0; attempt < portTries; attempt++) {
    const peerPort =
      portFrom + (randomBytes(2).readUInt16LE(0) % (ephemeralFrom - portFrom - count * portsApart - 100));
    const clientPort = peerPort + 50;
    const ports = Array.from({ length: count }, (_, node) => {
      const first = peerPort + node * portsApart;
      const proxies = Array.from({ length: count }, (__, other) => proxyPortOf(first, other));
      return [first, first + 1, clientPort + node, ...proxies.flatMap((port) => [port, port + 1])];
    }).flat();
    if ((await Promise.all(ports.map(isFree))).every((free) => free)) return { peerPort, clientPort };
  }
  throw new Error("no free ports");
}

export class ClusterRig {
  readonly directory: string;
  /** Where clients reach the nodes, by index. */
  readonly addresses: readonly string[];
  /** The processes, by index. */
  readonly nodes: (RunningNode | null)[];
  /** Of every node that is started from now on. */
  flags: readonly string[] = [];
  /** Of every node that is started from now on: the command line's main module; this build's own unless set. */
  program: string | null = null;
  /** What the nodes reach one another through; null when they do so directly. */
  network: RigNetwork | null = null;
  readonly #peerPorts: readonly number[];
  readonly #spawned = new Set<SpawnedNode>();
  readonly #remove: () => void;

  private constructor(
    directory: { readonly path: string; remove(): void },
    addresses: readonly string[],
    peerPorts: readonly number[],
  ) {
    this.#peerPorts = peerPorts;
    this.directory = directory.path;
    this.#remove = () => directory.remove();
    this.addresses = addresses;
    this.nodes = addresses.map(() => null);
  }

  /** The cluster file and the keys; no node runs yet. @param room nodes that there may once be */
  static async make(count: number, room = count): Promise<ClusterRig> {
    const { peerPort, clientPort } = await freePorts(room);
    const addresses = Array.from({ length: count }, (_, node) => `${host}:${clientPort + node}`);
    const peerPorts = addresses.map((_, node) => peerPort + node * portsApart);
    const rig = new ClusterRig(temporaryDirectory("kimberlite-rig-"), addresses, peerPorts);
    const ports = ["--peer-port", String(peerPort), "--client-port", String(clientPort)];
    await rig.must(["cluster", "init", "--tls", "--nodes", String(count), ...ports]);
    await rig.must(["cluster", "keys", "keys", "--cluster", "cluster.toml"]);
    return rig;
  }

  /**
   * As many nodes that run and serve PostgreSQL's protocol, each on a free port, without passwords.
   *
   * @param ways between the nodes: `cuttable` for such as can be cut (`network`)
   */
  static async withPostgres(count: number, ways: "direct" | "cuttable" = "direct"): Promise<ClusterRig> {
    const rig = await ClusterRig.make(count);
    if (ways === "cuttable") await rig.#putNetworkBetween();
    rig.flags = ["--pg-listen", "127.0.0.1:0", "--pg-auth", "trust"];
    await rig.start(...Array.from({ length: count }, (_, node) => node));
    return rig;
  }

  /** From now on nodes are started with files of their own, in which the others are where proxies are. */
  async #putNetworkBetween(): Promise<void> {
    const ports = this.#peerPorts;
    this.network = await RigNetwork.make(ports, userShards + 1);
    const common = readFileSync(this.path("cluster.toml"), "utf8");
    for (const [self, own] of ports.entries()) {
      let file = common;
      for (const [other, port] of ports.entries())
        if (other > self) file = file.replace(`"${host}:${port}"`, `"${host}:${proxyPortOf(own, other)}"`);
      writeFileSync(this.path(`cluster-${self + 1}.toml`), file);
    }
  }

  postgresPort(node: number): number {
    const address: unknown = this.nodes[node]?.ready["pgListen"];
    if (typeof address !== "string") throw new Error("a node says where it serves PostgreSQL's protocol");
    return Number(address.split(":").at(-1));
  }

  get all(): string {
    return this.addresses.join();
  }

  path(...names: readonly string[]): string {
    return path.join(this.directory, ...names);
  }

  /** Runs a command in the rig's directory, against any of the nodes. */
  run(words: readonly string[], given: { readonly stdin?: string; readonly connect?: string } = {}): Promise<Ran> {
    const { connect = this.all, ...rest } = given;
    return kimberlite(words, { directory: this.directory, environment: { KIMBERLITE_CONNECT: connect }, ...rest });
  }

  /** As `run`, for commands that have to succeed. @returns what standard output said */
  async must(
    words: readonly string[],
    given: { readonly stdin?: string; readonly connect?: string } = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, given);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** As the node at `connect` sees it, or the first that answers. */
  async status(given: { readonly connect?: string } = {}): Promise<ClusterReport> {
    return clusterShape.parse(JSON.parse(await this.must(["cluster", "status", "--json"], given)));
  }

  /** Index of the node that leads a shard; -1 while none does. */
  async leaderOf(shard: number): Promise<number> {
    const { shards } = await this.status();
    return (shards[shard]?.leader ?? 0) - 1;
  }

  /** Begins to start a node, by its own directory and file unless others are named. */
  spawn(index: number, given: { readonly data?: string; readonly file?: string } = {}): SpawnedNode {
    const own = this.network === null ? "cluster.toml" : `cluster-${index + 1}.toml`;
    const { data = `node-${index + 1}`, file = own } = given;
    const flags = ["--cluster", this.path(file), "--node", String(index + 1), ...this.flags];
    const command = this.program === null ? undefined : [process.execPath, this.program, "start"];
    const spawned = spawnNode(this.path(data), flags, command);
    this.#spawned.add(spawned);
    return spawned;
  }

  /** Starts nodes; resolves once they are ready, which takes a quorum. */
  async start(...indexes: readonly number[]): Promise<void> {
    await Promise.all(
      indexes.map(async (index) => {
        this.nodes[index] = await this.spawn(index).ready;
      }),
    );
  }

  /** @returns the exit code, or the signal that ended it */
  async end(index: number, signal: NodeJS.Signals): Promise<number | string> {
    const node = this.nodes[index];
    this.nodes[index] = null;
    return (await node?.end(signal)) ?? "";
  }

  /** What each process so far has said on standard error. */
  said(): string[] {
    return [...this.#spawned].map((spawned) => spawned.said());
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#spawned].map((spawned) => spawned.end("SIGKILL")));
    this.network?.close();
    this.#remove();
  }
}
