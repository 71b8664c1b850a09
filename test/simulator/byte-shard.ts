/**
 * A shard without a state: it proposes prepares of any bytes and says what became of them, in the words in which the shipping shard talks
 * to its replica. For runs that are about the log; those of workload `kernel` have the shipping shard in its place.
 */
import type { LeadershipConfirmed, PeerNotice, ReplicaNotice, ReplicaOpened } from "../../actors/replica/messages.js";
import type { Actor, Port } from "../../runtime/actor/definition.js";
import { headerBytes, prepareOperations } from "../../runtime/storage/frame.js";
import { type LogGeometry, paddedBytes, placePrepare } from "../../runtime/storage/log-geometry.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { LogTail } from "../../runtime/storage/log-tail.js";
import { assert } from "../../runtime/types/assert.js";
import { pipelineMax } from "../../runtime/vsr/ports.js";
import type { Cell } from "./cell.js";

export interface ByteShardOptions {
  readonly geometry: LogGeometry;
  readonly pipeline: number;
  /** Committed operations between two checkpoints; 0 for none. */
  readonly checkpointEvery: number;
}

export interface ByteShardEvents {
  /** The operation that a client asked for is committed. */
  acked(request: number, op: number): void;
  /** Whether it is committed is not known here. */
  unknown(request: number): void;
  /** The log's next release is to begin: gives the request that says so. */
  upgrading(): { readonly request: number; readonly body: Uint8Array };
}

interface InFlight {
  readonly op: number;
  readonly request: number;
  readonly address: number;
}

type ByteShardMessage = ReplicaNotice | PeerNotice;

const replicaId = "replica-1";
const confirmMs = 5_000;

export class ByteShard implements Actor<ByteShardMessage> {
  readonly #context: Cell;
  readonly #options: ByteShardOptions;
  readonly #events: ByteShardEvents;
  #tail: LogTail | null = null;
  #leads: { readonly view: number } | null = null;
  #lastOp = 0;
  #lastTime = 0;
  #nextAddress = 0;
  #inFlight: InFlight[] = [];
  #committedOp = 0;
  #checkpointedOp = 0;
  #isCheckpointing = false;
  #isRenewing = false;

  constructor(context: Cell, options: ByteShardOptions, events: ByteShardEvents) {
    this.#context = context;
    this.#options = options;
    this.#events = events;
  }

  get isLeading(): boolean {
    return this.#leads !== null;
  }

  #replica(): Port {
    const port = this.#context.port(replicaId);
    assert(port !== null, "a shard is wired to its replica");
    return port;
  }

  wired(neighbour: string, port: Port): void {
    if (neighbour !== replicaId) return;
    this.#context.request<ReplicaOpened>(port, { kind: "openLog" }, { deadlineMs: 60_000 }, (outcome) => {
      if (!outcome.ok) throw outcome.error;
      this.#tail = new LogTail(outcome.value.tail);
      this.#checkpointedOp = outcome.value.checkpoint?.position.op ?? 0;
    });
  }

  receive(message: ByteShardMessage): void {
    switch (message.kind) {
      case "committed":
        this.#committed(message.position);
        return;
      case "lead":
        this.#leads = { view: message.view };
        this.#lastOp = message.head.op;
        this.#lastTime = message.head.timestamp;
        this.#nextAddress = message.head.address;
        return;
      case "follow":
        this.#leads = null;
        this.#isRenewing = false;
        for (const { request } of this.#inFlight) this.#events.unknown(request);
        this.#inFlight = [];
        this.#context.tell(this.#replica(), { kind: "released", view: message.view });
        return;
      case "refused": {
        const first = this.#inFlight.findIndex(({ op }) => op === message.op);
        if (first < 0) return;
        const refused = this.#inFlight.splice(first);
        this.#lastOp = message.op - 1;
        this.#nextAddress = refused[0]?.address ?? this.#nextAddress;
        for (const { request } of refused) this.#events.unknown(request);
        return;
      }
      case "upgrade": {
        const { request, body } = this.#events.upgrading();
        this.submit(request, body, prepareOperations.upgrade);
        return;
      }
      case "renewView":
        this.#isRenewing = true;
        this.#renew();
        return;
      default:
        return;
    }
  }

  /** Gives leadership up for a replica that was replaced, once nothing is under way. */
  #renew(): void {
    if (!this.#isRenewing || this.#inFlight.length > 0) return;
    this.#isRenewing = false;
    this.abdicate();
  }

  /** Proposes a prepare with that body. False when this shard does not lead, or has enough under way. */
  submit(request: number, body: Uint8Array, operation: number = prepareOperations.commands, voters?: number): boolean {
    const tail = this.#tail;
    if (this.#isRenewing) return false;
    if (this.#leads === null || tail === null || this.#inFlight.length >= this.#options.pipeline) return false;
    if (this.#lastOp - this.#committedOp >= pipelineMax) return false;
    const { geometry } = this.#options;
    const address = placePrepare(geometry, this.#nextAddress, body.length);
    const end = address + paddedBytes(body.length);
    if (!tail.hasRoom(end)) return false;
    tail.reserve(end);
    tail.bytes.set(body, tail.offsetOf(address) + headerBytes);
    const op = this.#lastOp + 1;
    const time = Math.max(this.#lastTime + 1, Math.floor(this.#context.now() * 1000));
    this.#lastOp = op;
    this.#lastTime = time;
    this.#nextAddress = end;
    this.#inFlight.push({ op, request, address });
    const { view } = this.#leads;
    const propose = { kind: "propose", view, op, address, bodyBytes: body.length, recordCount: 1, time, operation };
    this.#context.tell(this.#replica(), voters === undefined ? propose : { ...propose, voters });
    return true;
  }

  /** Asks what is committed, once a quorum has said that this replica leads. */
  confirm(told: (commit: number) => void): void {
    if (this.#leads === null) return;
    const ask = { deadlineMs: confirmMs };
    this.#context.request<LeadershipConfirmed>(this.#replica(), { kind: "confirm" }, ask, (outcome) => {
      if (outcome.ok) told(outcome.value.commit);
    });
  }

  abdicate(): void {
    if (this.#leads !== null && this.#inFlight.length === 0) this.#context.tell(this.#replica(), { kind: "abdicate" });
  }

  #committed(position: LogPosition): void {
    while (this.#inFlight[0] !== undefined && this.#inFlight[0].op <= position.op) {
      const done = this.#inFlight.shift();
      if (done !== undefined) this.#events.acked(done.request, done.op);
    }
    this.#committedOp = Math.max(this.#committedOp, position.op);
    this.#renew();
    const { checkpointEvery } = this.#options;
    if (checkpointEvery === 0 || this.#isCheckpointing || position.op < this.#checkpointedOp + checkpointEvery) return;
    this.#isCheckpointing = true;
    const point = { position, record: new Uint8Array(8).fill(position.op & 0xff) };
    this.#context.request(this.#replica(), { kind: "saveCheckpoint", point }, { deadlineMs: 600_000 }, (saved) => {
      this.#isCheckpointing = false;
      if (saved.ok) this.#checkpointedOp = position.op;
    });
  }
}
