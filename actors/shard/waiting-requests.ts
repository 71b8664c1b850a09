/**
 * Requests of this node's clients and actors that wait to be handed on to the shard that leads: in lanes (lanes.ts), one a session, in bounded
 * memory. Long ones have at most three quarters of it, so that short ones find room beside them; a single one may have any length.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";
import { partBytesMax } from "../messages/relay.js";
import { type LaneItem, Lanes, type Taken } from "./lanes.js";

export interface WaitingRequest extends LaneItem {
  /** Of a gateway; null for a command of an actor. */
  readonly port: Port | null;
  readonly envelope: Envelope | null;
  /** Of the relay that it travels with. */
  readonly kind: number;
  /** As its sender numbers it. */
  readonly correlation: number;
}

const bytesMax: number = 32 * miB;
const longBytesMax = (bytesMax * 3) / 4;

const isLong = ({ bytes }: LaneItem): boolean => bytes.length > partBytesMax;

export class WaitingRequests {
  readonly #lanes = new Lanes<WaitingRequest>();
  #longBytes = 0;

  get count(): number {
    return this.#lanes.count;
  }

  hasRoom(request: WaitingRequest): boolean {
    const { length } = request.bytes;
    if (isLong(request)) return this.#longBytes === 0 || this.#longBytes + length <= longBytesMax;
    return this.#lanes.bytes - this.#longBytes + Math.min(this.#longBytes, longBytesMax) + length <= bytesMax;
  }

  push(lane: number, request: WaitingRequest): void {
    this.#lanes.push(lane, request);
    this.#count(request, 1);
  }

  /** See `Lanes.take`. */
  take(isWanted: (request: WaitingRequest, lane: number) => boolean): Taken<WaitingRequest> | null {
    const taken = this.#lanes.take(isWanted);
    if (taken !== null) this.#count(taken.item, -1);
    return taken;
  }

  putBack(taken: readonly Taken<WaitingRequest>[]): void {
    this.#lanes.putBack(taken);
    for (const { item } of taken) this.#count(item, 1);
  }

  drain(): readonly WaitingRequest[] {
    this.#longBytes = 0;
    return this.#lanes.drain();
  }

  /** The lane in which a request waits; null when it does not. */
  laneOf(port: Port | null, correlation: number): number | null {
    return this.#lanes.find((request) => request.port === port && request.correlation === correlation);
  }

  #count(request: WaitingRequest, times: 1 | -1): void {
    if (isLong(request)) this.#longBytes += times * request.bytes.length;
    assert(this.#longBytes >= 0 && this.#longBytes <= this.#lanes.bytes, "long ones are some of those that wait");
  }
}
