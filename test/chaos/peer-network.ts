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
  /** A node is somewhere else from now on: where nobody has been, or the one before has left. */
  move(index: number, home: number): void;
  /** The way from one node to another. */
  link(from: number, to: number): LinkState;
  heal(): void;
  close(): void;
}

const portsApart = 20;
const proxyPortsAt = 140;

/**
 * Loopback with a proxy between each two homes, in the harness. The node with the lower number dials; nodes move between homes, so there is
 * a way for either of two to dial the other.
 */
export class ProxyNetwork implements PeerNetwork {
  readonly security = "insecure-loopback = true";
  readonly #base: number;
  readonly #homes: number;
  /** By node: its home. */
  readonly #homeOf: number[];
  /** By "dialler-other", homes. */
  readonly #proxies = new Map<string, PeerProxy>();

  private constructor(base: number, homes: number) {
    this.#base = base;
    this.#homes = homes;
    this.#homeOf = Array.from({ length: homes }, (_, index) => index);
  }

  /** Takes ports from `base` on; each node has `ports` of them for the others. */
  static async make(base: number, homes: number, ports: number): Promise<ProxyNetwork> {
    const network = new ProxyNetwork(base, homes);
    for (let index = 0; index < homes; index++)
      for (let other = 0; other < homes; other++) {
        if (other === index) continue;
        const [at, target] = [network.#proxyPort(index, other), network.#peerPort(other)];
        network.#proxies.set(`${index}-${other}`, await PeerProxy.listen(at, target, ports));
      }
    return network;
  }

  #peerPort(index: number): number {
    return this.#base + index * portsApart;
  }

  #proxyPort(dialler: number, other: number): number {
    return this.#base + proxyPortsAt + (dialler * this.#homes + other) * portsApart;
  }

  addressOf(self: number, index: number): string {
    const [from, to] = [this.#home(self), this.#home(index)];
    return `127.0.0.1:${index > self ? this.#proxyPort(from, to) : this.#peerPort(to)}`;
  }

  #home(index: number): number {
    const home = this.#homeOf[index];
    if (home === undefined) throw new Error(`node ${index + 1} has no home`);
    return home;
  }

  move(index: number, home: number): void {
    this.#homeOf[index] = home;
  }

  prefixOf(): readonly string[] {
    return [];
  }

  started(): void {}

  link(from: number, to: number): LinkState {
    const [dialler, other] = [this.#home(Math.min(from, to)), this.#home(Math.max(from, to))];
    const proxy = this.#proxies.get(`${dialler}-${other}`);
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
