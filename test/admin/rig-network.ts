/** The ways between the nodes of a rig, each through a proxy of the harness, so that they can be cut while the nodes run on. */
import { setTimeout as sleep } from "node:timers/promises";
import { type LinkState, PeerProxy } from "../chaos/peer-proxy.js";

/** Behind a node's own first port: where it reaches the others, by their indexes. */
export const proxyPortOf = (peerPort: number, other: number): number => peerPort + 60 + other * 10;

const heldTries = 400;

export class RigNetwork {
  /** By "dialler-other": the node with the lower number dials. */
  readonly #proxies = new Map<string, PeerProxy>();

  /** @param peerPorts first port of each node, by index @param channels ports of each */
  static async make(peerPorts: readonly number[], channels: number): Promise<RigNetwork> {
    const network = new RigNetwork();
    for (const [self, port] of peerPorts.entries())
      for (const [other, target] of peerPorts.entries())
        if (other > self)
          network.#proxies.set(`${self}-${other}`, await PeerProxy.listen(proxyPortOf(port, other), target, channels));
    return network;
  }

  #link(from: number, to: number): LinkState {
    const proxy = this.#proxies.get(`${Math.min(from, to)}-${Math.max(from, to)}`);
    if (proxy === undefined) throw new Error(`no way between nodes ${from + 1} and ${to + 1}`);
    return from < to ? proxy.forward : proxy.backward;
  }

  /**
   * Nothing comes through between a node and others until all is healed: bytes are held back, nothing is refused. Resolves once some were.
   * @returns tells how many bytes have come through since, which is none
   */
  async cut(node: number, others: readonly number[]): Promise<() => number> {
    const links = others.flatMap((other) => [this.#link(node, other), this.#link(other, node)]);
    for (const link of links) link.isCut = true;
    const passed = (): number => links.reduce((sum, link) => sum + link.passed, 0);
    const held = (): number => links.reduce((sum, link) => sum + link.held, 0);
    const [passedBefore, heldBefore] = [passed(), held()];
    for (let left = heldTries; held() === heldBefore; left -= 1) {
      if (left === 0) throw new Error("nodes that are cut off from one another try to talk");
      await sleep(10);
    }
    return () => passed() - passedBefore;
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  close(): void {
    for (const proxy of this.#proxies.values()) proxy.close();
  }
}
