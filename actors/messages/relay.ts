/**
 * What shards of one number on different nodes say to each other, carried by the link of their replicas. The first 16 bytes tell it
 * from a frame of the protocol, which begins with a checksum.
 *
 *   at  size  field
 *    0     8  "KMBRELAY"
 *    8     1  kind: 1 requests · 2 replies · 3 commands · 4 question · 5 answer
 *    9     1  zero
 *   10     6  incarnation of the shard that asks; an answer repeats it
 *   16        1, 3: a batch of requests, each deadline as what is left of it · 2: a batch of replies
 *             4: id u32 · topic u8 (1 commit index, 2 administration, 3 report, 4 handover, 5 barrier,
 *                6 reconfiguration, 7 cancel, 8 roles changed) · zero 3 · body
 *             5: id u32 · known u8 · zero 3 · body
 */
import { assert } from "../../runtime/types/assert.js";

export const relayKinds = { requests: 1, replies: 2, commands: 3, question: 4, answer: 5 } as const;

const magic = new TextEncoder().encode("KMBRELAY");
const headBytes = 16;
const kindAt = 8;
const incarnationAt = 10;
const questionHeadBytes = 8;
const u32Span = 2 ** 32;

/** Incarnations are drawn below this. */
export const incarnationSpan = 2 ** 48;

export interface Relay {
  readonly kind: number;
  /**
   * Whose numbers its requests and questions bear, or its answers answer: each incarnation of a shard counts from the start, and no answer
   * to the one before it may be taken for its own.
   */
  readonly incarnation: number;
  readonly body: Uint8Array;
}

export function encodeRelay({ kind, incarnation, body }: Relay): Uint8Array {
  assert(incarnation >= 0 && incarnation < incarnationSpan, "an incarnation has six bytes");
  const bytes = new Uint8Array(headBytes + body.length);
  bytes.set(magic, 0);
  bytes[kindAt] = kind;
  const view = new DataView(bytes.buffer);
  view.setUint16(incarnationAt, Math.floor(incarnation / u32Span), true);
  view.setUint32(incarnationAt + 2, incarnation % u32Span, true);
  bytes.set(body, headBytes);
  return bytes;
}

export function isRelay(bytes: Uint8Array): boolean {
  if (bytes.length < headBytes) return false;
  for (let index = 0; index < magic.length; index++) if (bytes[index] !== magic[index]) return false;
  return true;
}

/** The body is copied: batches are changed in place by those who read them. */
export function decodeRelay(bytes: Uint8Array): Relay {
  assert(isRelay(bytes), "a relay begins with its magic");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const incarnation = view.getUint16(incarnationAt, true) * u32Span + view.getUint32(incarnationAt + 2, true);
  return { kind: view.getUint8(kindAt), incarnation, body: bytes.slice(headBytes) };
}

/**
 * What can be asked: of any shard a report, to cancel a session's statement, and to pass on that roles have changed; of the one that leads the
 * commit index and what changes something.
 */
export const relayTopics = {
  commitIndex: 1,
  admin: 2,
  report: 3,
  handOver: 4,
  barrier: 5,
  reconfiguration: 6,
  cancel: 7,
  rolesChanged: 8,
} as const;

export interface Question {
  readonly id: number;
  readonly topic: number;
  readonly body: Uint8Array;
}

export function encodeQuestion(incarnation: number, { id, topic, body }: Question): Uint8Array {
  return encodeRelay({ kind: relayKinds.question, incarnation, body: withHead(id, topic, body) });
}

export function decodeQuestion(bytes: Uint8Array): Question {
  const { id, word, body } = splitHead(bytes);
  return { id, topic: word, body };
}

export interface Answer {
  readonly id: number;
  /** Null: the asked shard does not lead, or cannot say. */
  readonly body: Uint8Array | null;
}

export function encodeAnswer(incarnation: number, { id, body }: Answer): Uint8Array {
  const said = withHead(id, body === null ? 0 : 1, body ?? new Uint8Array(0));
  return encodeRelay({ kind: relayKinds.answer, incarnation, body: said });
}

export function decodeAnswer(bytes: Uint8Array): Answer {
  const { id, word, body } = splitHead(bytes);
  return { id, body: word === 0 ? null : body };
}

function withHead(id: number, word: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(questionHeadBytes + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id, true);
  view.setUint8(4, word);
  bytes.set(body, questionHeadBytes);
  return bytes;
}

function splitHead(bytes: Uint8Array): { id: number; word: number; body: Uint8Array } {
  assert(bytes.length >= questionHeadBytes, "a question has its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { id: view.getUint32(0, true), word: view.getUint8(4), body: bytes.subarray(questionHeadBytes) };
}

/** An op as the body of an answer. */
export function encodeOp(op: number): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint32(0, op % u32Span, true);
  view.setUint32(4, Math.floor(op / u32Span), true);
  return body;
}

export function decodeOp(body: Uint8Array): number {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return view.getUint32(4, true) * u32Span + view.getUint32(0, true);
}
