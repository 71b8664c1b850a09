/**
 * What travels on a connection between two nodes: opaque messages, and the few words with which a connection begins and shows life.
 *
 *   frame   0  4  length of the payload
 *           4  1  type: 1 hello, 2 welcome, 3 refusal, 4 sign of life, 5 message
 *           5  3  zero
 *           8     payload
 *
 *   hello and welcome, 64 bytes                      refusal, 1 byte: why, see `refusals`
 *     0   4  "KMBP"                                  sign of life: empty
 *     4   2  version: 1
 *     6   2  zero
 *     8  16  cluster id
 *    24   4  from: number of the node that speaks
 *    28   4  to: number of the node it speaks to
 *    32   4  channel: which pair of actors of the two nodes the connection is for
 *    36  28  zero
 *
 * Integrity is TLS's; messages carry checksums of their own besides. A received payload is copied once, from the socket's chunks into
 * memory of its exact size, so that it can be handed to an actor as it is.
 */
import { assert } from "../types/assert.js";

export const peerFrameHeadBytes = 8;
export const greetingBytes = 64;
export const peerFrames = { hello: 1, welcome: 2, refusal: 3, life: 4, message: 5 } as const;

/** Why a greeting is refused. The text is what the dialler logs. */
export const refusals = {
  1: "it is no greeting of this version",
  2: "it belongs to another cluster",
  3: "the address leads to another node",
  4: "the node is not in the other's cluster file, or it is not the one to dial",
  5: "the address leads to another actor",
  6: "the certificate does not carry the node's name",
} as const;
export type Refusal = keyof typeof refusals;

export interface Greeting {
  readonly clusterId: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly channel: number;
}

const magic = 0x50_42_4d_4b;
const version = 1;
const clusterIdBytes = 16;

export function encodeGreeting({ clusterId, from, to, channel }: Greeting): Uint8Array {
  assert(clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  assert(from !== to, "a node does not greet itself");
  const bytes = new Uint8Array(greetingBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint16(4, version, true);
  bytes.set(clusterId, 8);
  view.setUint32(24, from, true);
  view.setUint32(28, to, true);
  view.setUint32(32, channel, true);
  return bytes;
}

/** Null when it is none of this version. */
export function decodeGreeting(bytes: Uint8Array): Greeting | null {
  if (bytes.length !== greetingBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== magic || view.getUint16(4, true) !== version) return null;
  if (bytes[6] !== 0 || bytes[7] !== 0 || bytes.subarray(36).some((byte) => byte !== 0)) return null;
  return {
    clusterId: bytes.slice(8, 8 + clusterIdBytes),
    from: view.getUint32(24, true),
    to: view.getUint32(28, true),
    channel: view.getUint32(32, true),
  };
}

/** The 8 bytes before a payload. */
export function frameHead(type: number, length: number): Uint8Array {
  assert(length >= 0 && length < 2 ** 32, "a payload's length is a u32");
  const head = new Uint8Array(peerFrameHeadBytes);
  new DataView(head.buffer).setUint32(0, length, true);
  head[4] = type;
  return head;
}

const nothing = new Uint8Array(0);

/** Puts frames together from the chunks of a socket. */
export class FrameAssembler {
  readonly #head = new Uint8Array(peerFrameHeadBytes);
  readonly #headView = new DataView(this.#head.buffer);
  readonly #sink: (type: number, payload: Uint8Array) => void;
  #headFilled = 0;
  #payload: Uint8Array | null = null;
  #filled = 0;
  /** Larger payloads are refused before memory is taken for them. */
  payloadBytesMax: number;
  /** Set when nothing more is to be handed on, also from within the sink. */
  isStopped = false;

  constructor(payloadBytesMax: number, sink: (type: number, payload: Uint8Array) => void) {
    assert(payloadBytesMax >= greetingBytes, "a greeting fits");
    this.payloadBytesMax = payloadBytesMax;
    this.#sink = sink;
  }

  /** False when the bytes are no frames: nothing after them can be made out. */
  push(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length && !this.isStopped) {
      const payload = this.#payload;
      if (payload !== null) {
        const count = Math.min(payload.length - this.#filled, chunk.length - at);
        payload.set(chunk.subarray(at, at + count), this.#filled);
        this.#filled += count;
        at += count;
        if (this.#filled === payload.length) this.#deliver(payload);
        continue;
      }
      while (this.#headFilled < peerFrameHeadBytes && at < chunk.length) {
        this.#head[this.#headFilled++] = chunk[at++] as number;
      }
      if (this.#headFilled < peerFrameHeadBytes) return true;
      const length = this.#headView.getUint32(0, true);
      const type = this.#head[4] as number;
      if (length > this.payloadBytesMax || type < peerFrames.hello || type > peerFrames.message) return false;
      if (this.#head[5] !== 0 || this.#head[6] !== 0 || this.#head[7] !== 0) return false;
      this.#filled = 0;
      if (length === 0) this.#deliver(nothing);
      else this.#payload = new Uint8Array(length);
    }
    return true;
  }

  #deliver(payload: Uint8Array): void {
    assert(this.#headFilled === peerFrameHeadBytes, "a payload follows a whole head");
    this.#payload = null;
    this.#headFilled = 0;
    this.#sink(this.#head[4] as number, payload);
  }
}
