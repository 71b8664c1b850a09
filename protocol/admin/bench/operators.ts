/** What the benchmark's connections do: append, read at random offsets, listen. Hot loops: they reuse their buffers. */
import { randomBytes } from "node:crypto";
import { consistency, encodeReadRequest } from "../../../runtime/kernel/codecs/read-requests.js";
import { eventFormat, requestKind } from "../../../runtime/kernel/kinds.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { AppendCallback, Connection, RequestHandler } from "../../client/index.js";
import { encodeCredit, encodeSubscribe } from "../../wire/subscription.js";
import type { Counts, Done, Operator } from "./measurement.js";
import { PayloadWriter, readMarks } from "./payload.js";
import type { Target, Written } from "./targets.js";

const timeoutMs = 10_000;
const anyOffset = -1;
/** Of an event in a reply: offset, position, time, length and format before the payload. */
const eventPlaceBytes = 29;
const readHeadBytes = 20;
const micros = (): number => performance.now() * 1000;

/**
 * One writer: all operations in flight of one connection draw their numbers here, so each stream gets them in order; and their idempotency
 * keys, as all requests of a client do: a counter behind random bytes, big-endian.
 */
export class WriterMarks implements Written {
  readonly writer: number;
  readonly failed = new Set<number>();
  sent = 0;
  readonly #key = new Uint8Array(16);
  readonly #keyView = new DataView(this.#key.buffer);
  #keys = 0;

  constructor(writer: number) {
    this.writer = writer;
    this.#key.set(randomBytes(8));
  }

  /** The next key; the bytes are overwritten by the one after. */
  nextKey(): Uint8Array {
    this.#keys += 1;
    this.#keyView.setUint32(8, Math.floor(this.#keys / 2 ** 32));
    this.#keyView.setUint32(12, this.#keys >>> 0);
    return this.#key;
  }
}

export interface AppendSettings {
  readonly batch: number;
  readonly eventBytes: number;
  readonly withKeys: boolean;
}

/** Appends batches, one after the other over its targets in turn. */
export class AppendOperator implements Operator {
  readonly #connection: Connection;
  readonly #targets: readonly Target[];
  readonly #marks: WriterMarks;
  readonly #payloads: PayloadWriter[];
  readonly #events: { readonly payload: Uint8Array; readonly format: number }[];
  readonly #withKeys: boolean;
  readonly #bytes: number;
  #turn: number;
  #first = 0;
  #done: Done = () => {};
  readonly #answered: AppendCallback;

  constructor(connection: Connection, targets: readonly Target[], marks: WriterMarks, settings: AppendSettings) {
    this.#connection = connection;
    this.#targets = targets;
    this.#marks = marks;
    const { batch, eventBytes, withKeys } = settings;
    this.#payloads = Array.from({ length: batch }, () => new PayloadWriter(marks.writer, eventBytes));
    this.#events = this.#payloads.map(({ bytes }) => ({ payload: bytes, format: eventFormat.bytes }));
    this.#bytes = batch * eventBytes;
    this.#withKeys = withKeys;
    this.#turn = marks.writer;
    this.#answered = (error) => {
      if (error !== undefined) for (let i = 0; i < batch; i += 1) this.#marks.failed.add(this.#first + i);
      this.#done(error, batch, this.#bytes);
    };
  }

  issue(done: Done): void {
    this.#done = done;
    if (!this.#connection.isOpen) {
      done(new KimberliteError("connectionLost", "", { outcome: "notCommitted" }), 0, 0);
      return;
    }
    this.#first = this.#marks.sent;
    this.#marks.sent += this.#payloads.length;
    const now = micros();
    let number = this.#first;
    for (const payload of this.#payloads) payload.mark(number++, now);
    const key = this.#withKeys ? this.#marks.nextKey() : undefined;
    this.#turn += 1;
    const { tenant, stream } = targetAt(this.#targets, this.#turn);
    this.#connection.sendAppend(tenant, stream, anyOffset, key, this.#events, timeoutMs, this.#answered);
  }
}

function targetAt(targets: readonly Target[], turn: number): Target {
  const target = targets[turn % targets.length];
  if (target === undefined) throw new KimberliteError("internal", "a writer has no stream to write to");
  return target;
}

/** Reads pages from random offsets of streams whose event `n` carries the number `n`, and checks that it got what it asked for. */
export class ReadOperator implements Operator, RequestHandler {
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #events: number;
  readonly #page: number;
  readonly #writer = new ByteWriter(64);
  readonly #random: () => number;
  #offset = 0;
  #done: Done = () => {};

  /** @param events how many the stream holds  @param page events asked for at once */
  constructor(connection: Connection, target: Target, events: number, page: number, random: () => number) {
    this.#connection = connection;
    this.#target = target;
    this.#events = events;
    this.#page = page;
    this.#random = random;
  }

  issue(done: Done): void {
    this.#done = done;
    if (!this.#connection.isOpen) {
      done(new KimberliteError("connectionLost"), 0, 0);
      return;
    }
    this.#offset = Math.floor(this.#random() * (this.#events - this.#page + 1));
    const body = encodeReadRequest(this.#writer.reset(), {
      kind: requestKind.read,
      tenant: this.#target.tenant,
      consistency: consistency.session,
      argument: 0,
      stream: this.#target.stream,
      from: this.#offset,
      limit: this.#page,
      bytesMax: 4 * 1024 * 1024,
      direction: 0,
    });
    this.#connection.request(requestKind.read, timeoutMs, body.view(), this);
  }

  ok(_bytes: Uint8Array, view: DataView, from: number): void {
    const count = view.getUint32(from + 16, true);
    const { number } = readMarks(view, from + readHeadBytes + eventPlaceBytes);
    if (count !== this.#page || number !== this.#offset) {
      this.#done(new KimberliteError("dataMissing", `offset ${this.#offset} answered with event ${number}`), 0, 0);
    } else this.#done(undefined, count, 0);
  }

  failed(error: KimberliteError): void {
    this.#done(error, 0, 0);
  }
}

const creditsAtOnce = 20_000;

/** A subscriber: counts what it is sent and how long that was under way since the writer sent it. */
export class Listener implements RequestHandler {
  readonly #connection: Connection;
  readonly #counts: Counts;
  readonly #isMeasured: () => boolean;
  readonly #writer = new ByteWriter(64);
  #id = 0;
  #owed = 0;
  received = 0;
  #next = 0;
  /** What went wrong; undefined as long as nothing did. */
  problem: string | undefined;

  constructor(connection: Connection, counts: Counts, isMeasured: () => boolean) {
    this.#connection = connection;
    this.#counts = counts;
    this.#isMeasured = isMeasured;
  }

  subscribe({ tenant, stream }: Target): void {
    encodeSubscribe({ tenant, stream, from: 0, group: "", credits: creditsAtOnce }, this.#writer.reset());
    this.#id = this.#connection.request(requestKind.subscribe, timeoutMs, this.#writer.view(), this);
  }

  ok(): void {}

  failed(error: KimberliteError): void {
    this.problem = error.message;
  }

  ended(error: KimberliteError | undefined): void {
    this.problem ??= error?.message ?? "the subscription ended";
  }

  events(bytes: Uint8Array, from: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = view.getUint32(from, true);
    const now = micros();
    const measured = this.#isMeasured();
    let at = from + 4;
    for (let index = 0; index < count; index += 1) {
      const offset = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      if (offset !== this.#next) this.problem ??= `offset ${offset} came instead of ${this.#next}`;
      this.#next = offset + 1;
      const length = view.getUint32(at + 24, true);
      if (measured) {
        this.#counts.latency.record(Math.max(0, now - readMarks(view, at + eventPlaceBytes).sentMicros));
      }
      at += eventPlaceBytes + length;
    }
    this.received += count;
    if (measured) {
      this.#counts.operations += count;
      this.#counts.events += count;
    }
    this.#owed += count;
    if (this.#owed < creditsAtOnce / 2) return;
    encodeCredit({ subscription: this.#id, credits: this.#owed }, this.#writer.reset());
    this.#connection.tell(requestKind.credit, this.#writer.view());
    this.#owed = 0;
  }
}
