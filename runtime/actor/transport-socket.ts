/**
 * Two actors on two machines, over a connected stream: TCP, or TLS where it leaves the host.
 *
 *   frame   length u32 LE (0 = sign of life) · packet as V8 serialises it
 *
 * Room is credit here: each side opens by granting the other a window in messages and bytes, and grants again what its actor
 * has received, in portions of a quarter of the window. `reserve` looks at what is left of it.
 *
 * A socket that ends without farewell says nothing certain about the other process, so the end is `unreachable`: suspected, not
 * known. Silence is an end too: each side shows life every second, and gives the other up after ten.
 *
 * What arrives is checked for shape before it is used. The peer is trusted to be a node of the same cluster: whoever opens the socket
 * authenticates it first, since V8's format is not made for hostile input.
 */
import type { Duplex } from "node:stream";
import { deserialize, serialize } from "node:v8";
import { assert } from "../types/assert.js";
import type { Clock } from "./clock.js";
import type { TimerHandle } from "./definition.js";
import { type Packet, packetTypes } from "./envelope.js";
import type { CloseReason, PacketSink, Transport } from "./transport.js";

export interface SocketWindow {
  readonly count: number;
  readonly bytes: number;
}

const frameBytesMax = 64 * 1024 * 1024;
const lifeSignMs = 1_000;
const silenceMsMax = 10_000;

export class SocketTransport implements Transport {
  readonly reservesInVitals = false;
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #window: SocketWindow;
  #sink: PacketSink | null = null;
  #open = true;
  #countLeft = 0;
  #bytesLeft = 0;
  #countOwed = 0;
  #bytesOwed = 0;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #corked = false;
  #heardAt: number;
  #timer: TimerHandle | null = null;

  /** @param window what this side lets the other have under way */
  constructor(socket: Duplex, clock: Clock, window: SocketWindow) {
    assert(window.count >= 1 && window.bytes >= 1, "a window has room for a message");
    this.#socket = socket;
    this.#clock = clock;
    this.#window = window;
    this.#heardAt = clock.monotonic();
  }

  attach(sink: PacketSink): void {
    assert(this.#sink === null, "a transport has one sink");
    this.#sink = sink;
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("error", () => this.#end("unreachable"));
    socket.on("close", () => this.#end("unreachable"));
    socket.on("end", () => this.#end("unreachable"));
    this.#grant(this.#window.count, this.#window.bytes);
    this.#watch();
  }

  reserve(bytes: number): boolean {
    if (this.#countLeft < 1 || this.#bytesLeft < bytes) return false;
    this.#countLeft--;
    this.#bytesLeft -= bytes;
    assert(this.#bytesLeft >= 0, "a sender stays within its window");
    return true;
  }

  unreserve(bytes: number): void {
    this.#countLeft++;
    this.#bytesLeft += bytes;
  }

  post(packet: Packet, _transfer: readonly ArrayBuffer[]): boolean {
    assert(this.#sink !== null, "a transport is attached before it posts");
    if (!this.#open) return false;
    const body = serialize(packet);
    assert(body.length <= frameBytesMax, "a packet fits a frame");
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(body.length, 0);
    this.#write(length, body);
    return true;
  }

  /** All frames of one tick leave in one write. */
  #write(...parts: readonly Buffer[]): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    for (const part of parts) this.#socket.write(part);
  }

  consumed(bytes: number): void {
    this.#countOwed++;
    this.#bytesOwed += bytes;
    if (this.#countOwed * 4 < this.#window.count && this.#bytesOwed * 4 < this.#window.bytes) return;
    this.#grant(this.#countOwed, this.#bytesOwed);
    this.#countOwed = 0;
    this.#bytesOwed = 0;
  }

  #grant(count: number, bytes: number): void {
    const body = { count, bytes };
    this.post(
      { type: packetTypes.credit, correlation: 0, deadline: 0, traceparent: null, tenant: 0, epoch: 0, body },
      [],
    );
  }

  #received(chunk: Buffer): void {
    this.#heardAt = this.#clock.monotonic();
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (this.#open && this.#buffered >= 4) {
      const length = this.#peekLength();
      if (length > frameBytesMax) {
        this.#end("unreachable");
        return;
      }
      if (this.#buffered < 4 + length) return;
      const frame = this.#take(4 + length).subarray(4);
      if (length > 0 && !this.#frame(frame)) {
        this.#end("unreachable");
        return;
      }
    }
  }

  #peekLength(): number {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= 4) return first.readUInt32LE(0);
    return this.#join().readUInt32LE(0);
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [joined];
    return joined;
  }

  #take(count: number): Buffer {
    const first = this.#chunks[0];
    const joined = first !== undefined && first.length >= count ? first : this.#join();
    assert(joined.length >= count, "a frame is taken when all of it is there");
    if (joined.length === count) this.#chunks.shift();
    else this.#chunks[0] = joined.subarray(count);
    this.#buffered -= count;
    return joined.subarray(0, count);
  }

  #frame(bytes: Buffer): boolean {
    let packet: Packet | null;
    try {
      packet = decodePacket(deserialize(bytes));
    } catch {
      return false;
    }
    if (packet === null) return false;
    if (packet.type === packetTypes.credit) {
      const granted = packet.body as SocketWindow;
      this.#countLeft += granted.count;
      this.#bytesLeft += granted.bytes;
      return true;
    }
    this.#sink?.packet(packet);
    return true;
  }

  #watch(): void {
    this.#timer = this.#clock.after(lifeSignMs, () => {
      if (!this.#open) return;
      if (this.#clock.monotonic() - this.#heardAt > silenceMsMax) {
        this.#end("unreachable");
        return;
      }
      this.#write(Buffer.alloc(4));
      this.#watch();
    });
  }

  close(): void {
    this.#end("closed");
  }

  #end(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#timer?.cancel();
    this.#chunks = [];
    this.#buffered = 0;
    // A farewell that was just written still leaves; a broken socket has nothing more to say.
    if (reason === "closed") this.#socket.end();
    else this.#socket.destroy();
    this.#sink?.closed(reason);
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const knownTypes: ReadonlySet<number> = new Set(Object.values(packetTypes));
const messageTypes: ReadonlySet<number> = new Set([packetTypes.tell, packetTypes.ask, packetTypes.streamOpen]);

/** Null when it is not a packet. Byte arrays come out as views of the frame; they are made exact here. */
function decodePacket(raw: unknown): Packet | null {
  if (typeof raw !== "object" || raw === null) return null;
  const packet = raw as Packet;
  if (!knownTypes.has(packet.type) || !isCount(packet.correlation) || !isCount(packet.tenant) || !isCount(packet.epoch))
    return null;
  if (typeof packet.deadline !== "number" || !(packet.traceparent === null || typeof packet.traceparent === "string"))
    return null;
  const { body } = packet;
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : null;
  if (messageTypes.has(packet.type) && typeof fields?.["kind"] !== "string") return null;
  if (packet.type === packetTypes.credit && !(isCount(fields?.["count"]) && isCount(fields?.["bytes"]))) return null;
  if (packet.type === packetTypes.streamCredit && !(isCount(body) && body >= 1)) return null;
  return { ...packet, body: exact(body, 2) };
}

/** Copies byte arrays out of the frame, as deep as messages go. */
function exact(value: unknown, depth: number): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (depth === 0 || typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((element: unknown) => exact(element, depth - 1));
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) copy[key] = exact(field, depth - 1);
  return copy;
}
