/**
 * What shards of one number on different nodes say to each other, carried by the link of their replicas. The first 16 bytes tell it
 * from a frame of the protocol, which begins with a checksum.
 *
 *   at  size  field
 *    0     8  "KMBRELAY"
 *    8     1  kind: 1 requests · 2 replies · 3 commands · 4 question · 5 answer · 6 part
 *    9     1  of 1, 3: which gateway beside the shard that asks they come from, 0 for none
 *   10     6  incarnation of the shard that asks; an answer repeats it
 *   16        1, 3: a batch of requests, each deadline as what is left of it · 2: a batch of replies
 *             4: id u32 · topic u8 (1 commit index, 2 administration, 3 report, 4 handover, 5 barrier,
 *                6 reconfiguration, 7 cancel, 8 roles changed, 9 taken, 10 gateway gone, 11 forms) · zero 3 · body
 *             5: id u32 · known u8 · zero 3 · body
 *             6: 1 for the last part of a relay, else 0 · bytes of a longer relay, whose parts follow one another; other kinds may come
 *                between them
 */
import { assert } from "../../runtime/types/assert.js";
import { kiB, miB } from "../../runtime/types/limits.js";

export const relayKinds = { requests: 1, replies: 2, commands: 3, question: 4, answer: 5, part: 6 } as const;

const magic = new TextEncoder().encode("KMBRELAY");
export const relayHeadBytes = 16;
const kindAt = 8;
const sourceAt = 9;
const incarnationAt = 10;
const questionHeadBytes = 8;
const u32Span = 2 ** 32;

/** A message between nodes has at most 17 MiB. */
export const relayBytesMax: number = 16 * miB;
/** Of one that goes whole. */
export const relayBodyBytesMax: number = relayBytesMax - relayHeadBytes;
/** What a heartbeat waits behind is some of these, and not an answer of 8 MiB. */
export const partBytesMax: number = 512 * kiB;
/** More than the largest request of a client, whose messages have at most 64 MiB. */
const assembledBytesMax: number = 96 * miB;

/** Gateways beside one shard are numbered from 1 to this. */
export const sourcesMax = 255;

/** Incarnations are drawn below this. */
export const incarnationSpan = 2 ** 48;

export interface Relay {
  readonly kind: number;
  /**
   * Whose numbers its requests and questions bear, or its answers answer: each incarnation of a shard counts from the start, and no answer
   * to the one before it may be taken for its own.
   */
  readonly incarnation: number;
  /** Which gateway beside the shard that asks its requests come from; 0 for none, and where that does not matter. */
  readonly source?: number;
  readonly body: Uint8Array;
}

export function encodeRelay({ kind, incarnation, source = 0, body }: Relay): Uint8Array {
  assert(incarnation >= 0 && incarnation < incarnationSpan, "an incarnation has six bytes");
  assert(source >= 0 && source <= sourcesMax, "a source has one byte");
  const bytes = new Uint8Array(relayHeadBytes + body.length);
  bytes.set(magic, 0);
  bytes[kindAt] = kind;
  bytes[sourceAt] = source;
  const view = new DataView(bytes.buffer);
  view.setUint16(incarnationAt, Math.floor(incarnation / u32Span), true);
  view.setUint32(incarnationAt + 2, incarnation % u32Span, true);
  bytes.set(body, relayHeadBytes);
  return bytes;
}

export function isRelay(bytes: Uint8Array): boolean {
  if (bytes.length < relayHeadBytes) return false;
  for (let index = 0; index < magic.length; index++) if (bytes[index] !== magic[index]) return false;
  return true;
}

/** Without looking at the rest of it. */
export function relayKindOf(bytes: Uint8Array): number {
  assert(isRelay(bytes), "a relay begins with its magic");
  return bytes[kindAt] ?? 0;
}

/** The body is copied: batches are changed in place by those who read them. */
export function decodeRelay(bytes: Uint8Array): Required<Relay> {
  assert(isRelay(bytes), "a relay begins with its magic");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const incarnation = view.getUint16(incarnationAt, true) * u32Span + view.getUint32(incarnationAt + 2, true);
  return {
    kind: view.getUint8(kindAt),
    incarnation,
    source: view.getUint8(sourceAt),
    body: bytes.slice(relayHeadBytes),
  };
}

/** Parts of a relay, to be put together again where they arrive. */
export function partsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += partBytesMax) {
    const body = new Uint8Array(1 + Math.min(partBytesMax, bytes.length - at));
    body[0] = at + partBytesMax >= bytes.length ? 1 : 0;
    body.set(bytes.subarray(at, at + partBytesMax), 1);
    parts.push(encodeRelay({ kind: relayKinds.part, incarnation: 0, body }));
  }
  return parts;
}

/** Puts together what one shard sends in parts. */
export class PartAssembler {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Takes the body of a part: the whole relay with the last one, before that null. Throws when it grows past all that is relayed. */
  add(body: Uint8Array): Uint8Array | null {
    const part = body.subarray(1);
    this.#parts.push(part);
    this.#bytes += part.length;
    assert(this.#bytes <= assembledBytesMax, "no relay is as long as that");
    if (body[0] !== 1) return null;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const each of this.#parts) {
      whole.set(each, at);
      at += each.length;
    }
    this.#parts = [];
    this.#bytes = 0;
    return whole;
  }
}

/**
 * What can be asked: of any shard a report, to cancel a session's statement, to pass on that roles have changed, and to say that it has taken
 * what it was sent before, and which forms of records it knows; of the one that leads the commit index and what changes something, and to do no more for the clients of a gateway that
 * is gone. A topic that a shard does not know it answers with null.
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
  taken: 9,
  gatewayGone: 10,
  forms: 11,
} as const;

/**
 * Forms of records that programs of one release of the log know or do not. A record that one replica could not apply is written only while all of
 * them say that they can.
 */
export const recordForms = {
  /** A new user with the memberships that it begins with. */
  userWithMemberships: 1,
  /** Whose a tenant is, and what sessions begin with. */
  ownersAndSettings: 2,
  /** Keys of rows and indexes beyond 492 bytes. */
  longKeys: 4,
  /** What COMMENT ON has said of a role or a database. */
  comments: 8,
} as const;
/** What this program knows of them. */
export const formsKnown: number =
  recordForms.userWithMemberships | recordForms.ownersAndSettings | recordForms.longKeys | recordForms.comments;

/** As the body of an answer. */
export const encodeForms = (forms: number): Uint8Array => Uint8Array.of(forms);

/** Null, which a program of before answers: none. */
export const decodeForms = (body: Uint8Array | null): number => body?.[0] ?? 0;

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
