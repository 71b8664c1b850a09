/**
 * The requests that one connection has in flight, by request id.
 *
 * A request id is slot + generation × 65,536: the slot finds the entry without hashing, the generation makes an id unique for the
 * life of the connection, so an answer that comes too late can not be taken for another's. Entries are reused, and a busy
 * connection allocates nothing per request.
 *
 * Invariants
 *   1. An entry is in use from `add` until its last answer or the connection's end, whichever comes first.
 *   2. The handler of an entry hears exactly one of: one ok, one failure; a stream's handler then also one end.
 *   3. A request that was given up (deadline, abort) keeps its slot until the server answered it, since the server counts it too.
 */
import { assert } from "../../runtime/types/assert.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import type { WheelNode } from "./deadline-wheel.js";

/** Who is told of a request's answer. The bytes are valid during the call only. */
export interface RequestHandler {
  ok(bytes: Uint8Array, view: DataView, from: number, to: number): void;
  failed(error: KimberliteError): void;
  /** A frame of events, for requests whose answer is a stream. */
  events?(bytes: Uint8Array, from: number, to: number): void;
  /** The end of a stream that had begun: undefined when it was asked for. */
  ended?(error: KimberliteError | undefined): void;
}

/** The answer to an append as plain numbers, so that the fast path makes no object. `error` undefined means the rest holds. */
export type AppendCallback = (
  error: KimberliteError | undefined,
  position: number,
  firstOffset: number,
  count: number,
  timeMicros: number,
  replayed: boolean,
) => void;

const generationSpan = 65_536;
export const inFlightSlotsMax = generationSpan;

export class PendingRequest implements WheelNode {
  wheelNext: WheelNode | null = null;
  wheelPrevious: WheelNode | null = null;
  wheelDue = -1;
  /** 0 while the entry is free. */
  id = 0;
  kind = 0;
  /** Number of the connection's request, to tell which have left this process. */
  ordinal = 0;
  handler: RequestHandler | undefined;
  appendCallback: AppendCallback | undefined;
  /** The stream of a subscription has begun. */
  isStreaming = false;
  readonly slot: number;
  readonly #onDeadline: (entry: PendingRequest) => void;

  constructor(slot: number, onDeadline: (entry: PendingRequest) => void) {
    this.slot = slot;
    this.#onDeadline = onDeadline;
  }

  deadlinePassed(): void {
    this.#onDeadline(this);
  }

  /** True when no one waits for the answer any more. */
  get isGivenUp(): boolean {
    return this.handler === undefined && this.appendCallback === undefined;
  }
}

export class PendingTable {
  readonly #entries: PendingRequest[] = [];
  readonly #free: number[] = [];
  readonly #onDeadline: (entry: PendingRequest) => void;
  #generation = 0;
  #count = 0;

  constructor(onDeadline: (entry: PendingRequest) => void) {
    this.#onDeadline = onDeadline;
  }

  /** Requests that the server has not answered. */
  get count(): number {
    return this.#count;
  }

  add(kind: number): PendingRequest {
    assert(this.#count < inFlightSlotsMax, "there is a slot for each request in flight");
    const slot = this.#free.pop() ?? this.#entries.length;
    const entry = this.#entries[slot] ?? new PendingRequest(slot, this.#onDeadline);
    if (slot === this.#entries.length) this.#entries.push(entry);
    assert(entry.id === 0, "a slot holds one request at a time");
    // A generation a request is more than needed and costs nothing: 2^37 of them fit a safe integer.
    this.#generation++;
    entry.id = this.#generation * generationSpan + slot;
    entry.kind = kind;
    this.#count++;
    return entry;
  }

  find(id: number): PendingRequest | undefined {
    const entry = this.#entries[id % generationSpan];
    return entry !== undefined && entry.id === id ? entry : undefined;
  }

  remove(entry: PendingRequest): void {
    assert(entry.id !== 0 && entry.wheelDue === -1, "an entry that is freed was in use and waits for no deadline");
    entry.id = 0;
    entry.handler = undefined;
    entry.appendCallback = undefined;
    entry.isStreaming = false;
    this.#free.push(entry.slot);
    this.#count--;
    assert(this.#count >= 0, "requests in flight are counted");
  }

  /** Every entry in use, oldest slot first; entries may be removed meanwhile. */
  *inUse(): Generator<PendingRequest> {
    for (const entry of this.#entries) if (entry.id !== 0) yield entry;
  }
}
