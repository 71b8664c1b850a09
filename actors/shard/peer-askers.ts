/**
 * Those on other nodes who ask this shard something: the shards there, and the gateways beside them whose clients' requests they hand on. Whoever
 * comes next in the place of one counts its requests and questions from the start: what the one before it asked is not answered to it, or a
 * client would get the answer to another's request.
 */
import type { Epoch } from "../../runtime/types/ids.js";
import { PeerPort } from "./peer-port.js";

export class PeerAskers {
  readonly #epoch: Epoch;
  /** By replica, and what the shard there numbers its gateways with: since it first asked. */
  readonly #ports = new Map<number, Map<number, PeerPort>>();
  readonly #ended: () => void;

  /** @param ended hears that ports have closed */
  constructor(epoch: Epoch, ended: () => void) {
    this.#epoch = epoch;
    this.#ended = ended;
  }

  /**
   * The one that asks now. The shard there may be another than the one before without a link that broke: a shard alone was started again, or
   * the link stood again before its end was heard of here.
   */
  asker(replica: number, incarnation: number, source: number): PeerPort {
    const [any] = this.#ports.get(replica)?.values() ?? [];
    if (any !== undefined && any.incarnation !== incarnation) this.end(replica);
    const ports = this.#ports.get(replica) ?? new Map<number, PeerPort>();
    this.#ports.set(replica, ports);
    let port = ports.get(source);
    if (port === undefined) {
      port = new PeerPort(replica, incarnation, source, this.#epoch);
      ports.set(source, port);
    }
    return port;
  }

  /** The link to that node has ended. */
  end(replica: number): void {
    const ports = this.#ports.get(replica);
    if (ports === undefined) return;
    this.#ports.delete(replica);
    for (const port of ports.values()) port.isOpen = false;
    this.#ended();
  }

  /** The shard there says that one of its gateways is gone: so are the sessions of its clients. */
  gone({ replica, incarnation }: PeerPort, source: number): void {
    const ports = this.#ports.get(replica);
    const port = ports?.get(source);
    if (port?.incarnation !== incarnation) return;
    port.isOpen = false;
    ports?.delete(source);
    this.#ended();
  }
}
