/** How the nodes of a cluster under test reach one another, and what can be done to that. */
import { type LinkState, PeerProxy } from "./peer-proxy.js";

export interface PeerNetwork {
  /** What the cluster file of node `self` names as the peer address of node `index`. */
  addressOf(self: number, index: number): string;
  /** What the cluster files say of security, as lines of TOML. */
  readonly security: string;
  /** Put before the command of a node's process. */
  prefixOf(index: number): readonly string[];
  /** A node has this process from now on. */
  started(index: number, pid: number): void;
  /** The way from one node to another. */
  link(from: number, to: number): LinkState;
  heal(): void;
  close(): void;
}

const portsApart = 20;
const proxyPortsAt = 140;

/** Loopback with a proxy between each two nodes, in the harness. The node with the lower number dials. */
export class ProxyNetwork implements PeerNetwork {
  readonly security = "insecure-loopback = true";
  readonly #base: number;
  readonly #nodes: number;
  /** By "dialler-other". */
  readonly #proxies = new Map<string, PeerProxy>();

  private constructor(base: number, nodes: number) {
    this.#base = base;
    this.#nodes = nodes;
  }

  /** Takes ports from `base` on; each node has `ports` of them for the others. */
  static async make(base: number, nodes: number, ports: number): Promise<ProxyNetwork> {
    const network = new ProxyNetwork(base, nodes);
    for (let index = 0; index < nodes; index++)
      for (let other = index + 1; other < nodes; other++) {
        const [at, target] = [network.#proxyPort(index, other), network.#peerPort(other)];
        network.#proxies.set(`${index}-${other}`, await PeerProxy.listen(at, target, ports));
      }
    return network;
  }

  #peerPort(index: number): number {
    return this.#base + index * portsApart;
  }

  #proxyPort(dialler: number, other: number): number {
    return this.#base + proxyPortsAt + (dialler * this.#nodes + other) * portsApart;
  }

  addressOf(self: number, index: number): string {
    return `127.0.0.1:${index > self ? this.#proxyPort(self, index) : this.#peerPort(index)}`;
  }

  prefixOf(): readonly string[] {
    return [];
  }

  started(): void {}

  link(from: number, to: number): LinkState {
    const proxy = this.#proxies.get(`${Math.min(from, to)}-${Math.max(from, to)}`);
    if (proxy === undefined) throw new Error(`no link between nodes ${from + 1} and ${to + 1}`);
    return from < to ? proxy.forward : proxy.backward;
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  close(): void {
    for (const proxy of this.#proxies.values()) proxy.close();
  }
}
