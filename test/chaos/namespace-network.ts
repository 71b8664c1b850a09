/**
 * A network of the kernel's: each node in a network namespace of its own, with a cable to one switch, and mutually authenticated TLS
 * between them, as between machines.
 *
 *   kc<id>-<n>    the node's: `eth0` 10.77.0.<n>, and a loopback of its own, on which it listens for clients
 *   kc<id>-s      the switch: a bridge with a port for each node
 *
 * The way from A to B is cut by giving A a wrong hardware address for B: its frames reach nobody, nothing is refused, and B's frames
 * reach A as ever. So connections stand, and their segments are sent again and again, as behind a cable that is pulled. That segments were
 * sent again is the proof, from the kernel's own count.
 *
 * Clients are outside. Beside each node a relay takes them in through a socket in the file system, which all namespaces share.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "./cluster-node.js";
import type { PeerNetwork } from "./peer-network.js";
import { type LinkState, PeerProxy } from "./peer-proxy.js";

const ip = (...words: string[]): string =>
  execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const relayProgram = fileURLToPath(new URL("./namespace-relay.js", import.meta.url));
const addressOf = (index: number): string => `10.77.0.${index + 1}`;
const hardwareOf = (index: number): string => `02:4b:00:00:00:${(index + 1).toString(16).padStart(2, "0")}`;
const nobody = "02:4b:00:00:ff:ff";
const peerPort = 7500;
const relayMs = 10_000;

/** True where namespaces and cables can be made: root, on a kernel that has them, with iproute2. */
export function mayMakeNamespaces(): boolean {
  const name = `kc${randomBytes(3).toString("hex")}-t`;
  try {
    ip("netns", "add", name);
    ip("-n", name, "link", "add", "cable0", "type", "veth", "peer", "name", "cable1");
    ip("-n", name, "link", "add", "switch0", "type", "bridge");
    return true;
  } catch {
    return false;
  } finally {
    try {
      ip("netns", "delete", name);
    } catch {
      // It was never made.
    }
  }
}

/** One direction between two nodes. What passes is the kernel's affair; what had to be sent again is `held`. */
class NamespaceLink implements LinkState {
  readonly #network: NamespaceNetwork;
  readonly #from: number;
  readonly #to: number;
  readonly delayMs = 0;
  readonly bytesPerSecond = Number.POSITIVE_INFINITY;
  readonly passed = 0;
  #isCut = false;

  constructor(network: NamespaceNetwork, from: number, to: number) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  set isCut(value: boolean) {
    this.#isCut = value;
    this.#network.pointTo(this.#from, this.#to, value ? nobody : hardwareOf(this.#to));
  }

  get held(): number {
    return this.#network.sentAgain(this.#from);
  }
}

export class NamespaceNetwork implements PeerNetwork {
  readonly security: string;
  readonly #id = `kc${randomBytes(3).toString("hex")}`;
  readonly #nodes: number;
  readonly #links = new Map<string, NamespaceLink>();
  readonly #pids: number[] = [];
  readonly #relays: ChildProcess[] = [];
  readonly #entries: PeerProxy[] = [];

  private constructor(nodes: number, directory: string) {
    this.#nodes = nodes;
    const keys = join(directory, "keys");
    const names = { ca: "ca.pem", cert: "{name}.pem", key: "{name}.key" };
    this.security = `[tls]\n${Object.entries(names)
      .map(([what, name]) => `${what} = "${join(keys, name)}"\n`)
      .join("")}`;
  }

  /** Namespaces, cables and keys; clients of node `index` are taken in at port `clientPorts[index]`, outside as inside. */
  static async make(directory: string, clientPorts: readonly number[]): Promise<NamespaceNetwork> {
    const network = new NamespaceNetwork(clientPorts.length, directory);
    try {
      network.#lay();
      const hosts = clientPorts.map((_, index) => addressOf(index)).join();
      const file = join(directory, "keys.toml");
      for (const words of [
        ["init", file, "--hosts", hosts],
        ["keys", join(directory, "keys"), "--cluster", file],
      ]) {
        const { code, said } = await runProgram(["cluster", ...words]);
        if (code !== 0) throw new Error(`kimberlite cluster ${words.join(" ")}: ${said}`);
      }
      for (const [index, port] of clientPorts.entries()) await network.#takeIn(index, port, directory);
      return network;
    } catch (error) {
      network.close();
      throw error;
    }
  }

  #name(index: number): string {
    return `${this.#id}-${index + 1}`;
  }

  #lay(): void {
    const theSwitch = `${this.#id}-s`;
    ip("netns", "add", theSwitch);
    ip("-n", theSwitch, "link", "add", "switch0", "type", "bridge");
    ip("-n", theSwitch, "link", "set", "switch0", "up");
    for (let index = 0; index < this.#nodes; index++) {
      const name = this.#name(index);
      const port = `port${index + 1}`;
      ip("netns", "add", name);
      ip("-n", theSwitch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
      ip("-n", theSwitch, "link", "set", port, "master", "switch0", "up");
      ip("-n", name, "link", "set", "lo", "up");
      ip("-n", name, "link", "set", "eth0", "address", hardwareOf(index), "up");
      ip("-n", name, "address", "add", `${addressOf(index)}/24`, "dev", "eth0");
    }
    for (let from = 0; from < this.#nodes; from++)
      for (let to = 0; to < this.#nodes; to++) {
        if (from === to) continue;
        this.pointTo(from, to, hardwareOf(to));
        this.#links.set(`${from}-${to}`, new NamespaceLink(this, from, to));
      }
  }

  async #takeIn(index: number, port: number, directory: string): Promise<void> {
    const path = join(directory, `clients-${index + 1}`);
    const words = [...this.prefixOf(index), process.execPath, relayProgram, path, String(port)];
    this.#relays.push(spawn(words[0] ?? "", words.slice(1), { stdio: "ignore" }));
    const until = performance.now() + relayMs;
    while (!existsSync(path)) {
      if (performance.now() > until) throw new Error(`the relay of node ${index + 1} does not listen`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#entries.push(await PeerProxy.listen(port, path, 1));
  }

  move(): void {
    throw new Error("nodes in namespaces stay where they are");
  }

  addressOf(_self: number, index: number): string {
    return `${addressOf(index)}:${peerPort}`;
  }

  prefixOf(index: number): readonly string[] {
    return ["ip", "netns", "exec", this.#name(index)];
  }

  started(index: number, pid: number): void {
    this.#pids[index] = pid;
  }

  /** Where frames from one node to the other go. */
  pointTo(from: number, to: number, hardware: string): void {
    const entry = ["to", addressOf(to), "lladdr", hardware, "nud", "permanent", "dev", "eth0"];
    ip("-n", this.#name(from), "neighbour", "replace", ...entry);
  }

  /** TCP segments that a node's kernel has sent again so far. */
  sentAgain(index: number): number {
    const table = `/proc/${this.#pids[index]}/net/snmp`;
    if (!existsSync(table)) return 0;
    const [names, values] = readFileSync(table, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("Tcp:"))
      .map((line) => line.split(" "));
    return Number(values?.[names?.indexOf("RetransSegs") ?? -1] ?? 0);
  }

  link(from: number, to: number): LinkState {
    const link = this.#links.get(`${from}-${to}`);
    if (link === undefined) throw new Error(`no link between nodes ${from + 1} and ${to + 1}`);
    return link;
  }

  heal(): void {
    for (const link of this.#links.values()) if (link.isCut) link.isCut = false;
  }

  close(): void {
    for (const entry of this.#entries) entry.close();
    for (const relay of this.#relays) relay.kill("SIGKILL");
    for (const name of ["s", ...Array.from({ length: this.#nodes }, (_, index) => String(index + 1))])
      try {
        ip("netns", "delete", `${this.#id}-${name}`);
      } catch {
        // It was never made.
      }
  }
}
