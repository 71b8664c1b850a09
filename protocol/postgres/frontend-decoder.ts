/**
 * Messages of a PostgreSQL client out of a socket's chunks, however the network cut them.
 *
 *   first   length i32 · body                 until `startupDone`: SSLRequest, GSSENCRequest, CancelRequest, StartupMessage
 *   then    type u8 · length i32 · body       the length counts itself
 *
 * A message within one chunk is handed on as a view of that chunk; one that straddles chunks is gathered in memory that grows with what
 * really arrived, at most doubling. A length is checked against the limit of its type before anything is kept for it.
 *
 * Invariants
 *   1. Memory held between chunks is at most twice what arrived of one message.
 *   2. Before a client has proved who it is, no message may be longer than `authenticationBytesMax`.
 *   3. After a length that cannot be, nothing more comes out: framing is lost, the connection can only be closed.
 */
import { SqlError } from "../../runtime/query/error.js";
import { assert } from "../../runtime/types/assert.js";
import { kiB, miB } from "../../runtime/types/limits.js";

/** As PostgreSQL has it. */
export const startupBytesMax = 10_000;
export const authenticationBytesMax: number = 64 * kiB - 1;
/** Sync, Describe and the like: a name at most. */
export const shortBytesMax = 10_000;
/** Statements, parameters and COPY data. */
export const longBytesMax: number = 64 * miB;

const longTypes = new Set(Buffer.from("QPBFd", "latin1"));
const knownTypes = new Set(Buffer.from("QPBDECHSXFdcfp", "latin1"));
const password = "p".charCodeAt(0);
const nothing = new Uint8Array(0);

/**
 * @param type the message's letter as a number, 0 for a startup packet
 * @param body the handler's to keep
 * @param followed bytes of the same chunk that come after it
 */
export type FrontendHandler = (type: number, body: Uint8Array, followed: number) => void;

/** Whoever begins so speaks another protocol, or has said good-bye before it began: it is told nothing. */
export class NoStartupPacket extends SqlError {
  constructor() {
    super("08P01", "invalid length of startup packet");
  }
}

type Phase = "startup" | "authentication" | "session";

export class FrontendDecoder {
  readonly #onMessage: FrontendHandler;
  #phase: Phase = "startup";
  #kept: Uint8Array = nothing;
  #length = 0;
  #isStopped = false;

  constructor(onMessage: FrontendHandler) {
    this.#onMessage = onMessage;
  }

  /** Messages have a type from here on; they stay short until the client has proved who it is. */
  startupDone(): void {
    assert(this.#phase === "startup", "a connection starts once");
    this.#phase = "authentication";
  }

  authenticated(): void {
    assert(this.#phase === "authentication", "a client proves who it is after the startup");
    this.#phase = "session";
  }

  stop(): void {
    this.#isStopped = true;
    this.#kept = nothing;
    this.#length = 0;
  }

  /** Throws a `SqlError` for bytes that are no message, and what the handler throws. */
  push(chunk: Uint8Array): void {
    if (this.#isStopped) return;
    let at = this.#length === 0 ? 0 : this.#goOn(chunk);
    while (!this.#isStopped && at < chunk.length) {
      const end = this.#messageEnd(chunk, at);
      if (end < 0 || end > chunk.length) break;
      const headBytes = this.#headBytes;
      const type = headBytes === 4 ? 0 : (chunk[at] ?? 0);
      const body = at + headBytes === end ? nothing : chunk.subarray(at + headBytes, end);
      at = end;
      this.#onMessage(type, body, chunk.length - end);
    }
    if (!this.#isStopped && at < chunk.length) this.#gather(chunk, at, chunk.length, 0);
  }

  /** Length, and type before it once the startup is done. */
  get #headBytes(): number {
    return this.#phase === "startup" ? 4 : 5;
  }

  /**
   * Gathers what a message that has begun lacks, and hands it on when it is whole; its memory becomes the handler's. Answers how much of the
   * chunk that took: all of it while the message is not whole.
   */
  #goOn(chunk: Uint8Array): number {
    const headBytes = this.#headBytes;
    let at = 0;
    for (;;) {
      const end = this.#messageEnd(this.#kept.subarray(0, this.#length), 0);
      const wanted = end < 0 ? headBytes : end;
      if (end >= 0 && this.#length === end) break;
      if (at === chunk.length) return at;
      const to = Math.min(chunk.length, at + wanted - this.#length);
      this.#gather(chunk, at, to, wanted);
      at = to;
    }
    const type = headBytes === 4 ? 0 : (this.#kept[0] ?? 0);
    const body = this.#kept.subarray(headBytes, this.#length);
    this.#kept = nothing;
    this.#length = 0;
    this.#onMessage(type, body, chunk.length - at);
    return at;
  }

  /** @param wanted bytes of the whole message, as far as that is known: more are not kept for it */
  #gather(chunk: Uint8Array, from: number, to: number, wanted: number): void {
    assert(from < to && to <= chunk.length, "what is gathered lies within what arrived");
    const needed = this.#length + to - from;
    if (needed > this.#kept.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(2 * needed, wanted)));
      grown.set(this.#kept.subarray(0, this.#length));
      this.#kept = grown;
    }
    this.#kept.set(chunk.subarray(from, to), this.#length);
    this.#length = needed;
  }

  /** Where the message that begins at `at` ends; -1 while its length has not arrived. */
  #messageEnd(bytes: Uint8Array, at: number): number {
    const lengthAt = this.#phase === "startup" ? at : at + 1;
    const type = this.#phase === "startup" ? 0 : bytes[at];
    if (this.#phase !== "startup" && type !== undefined && !knownTypes.has(type)) {
      throw new SqlError("08P01", `invalid frontend message type ${type}`);
    }
    if (bytes.length < lengthAt + 4) return -1;
    const length = int32At(bytes, lengthAt);
    if (this.#phase === "startup") {
      if (length < 8 || length > startupBytesMax) throw new NoStartupPacket();
    } else if (length < 4 || length > this.#lengthMax(type ?? 0)) {
      throw new SqlError("08P01", "invalid message length");
    }
    return lengthAt + length;
  }

  #lengthMax(type: number): number {
    if (this.#phase === "authentication") return authenticationBytesMax;
    if (longTypes.has(type)) return longBytesMax;
    return type === password ? authenticationBytesMax : shortBytesMax;
  }
}

/** In the order of the network. A view for each message would cost more than the rest of the look at it. */
const int32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
