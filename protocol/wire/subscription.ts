/**
 * Subscriptions: the only exchange in which one request has many answers.
 *
 *   subscribe (48)    tenant u64 · stream u64 · from u64 · group (u16 + UTF-8; empty = plain) · credits u32
 *   credit (49)       subscription u64 · credits u32 to add
 *   unsubscribe (50)  subscription u64
 *   ok (129)          subscription u64, equal to the request id of the subscribe; or error (130), and it never began
 *   events (131)      count u32 · events, each: [attempt u32, for groups only] offset u64 · position u64 · time u64 · length u32 ·
 *                     format u8 · payload
 *   end (132)         as an error's body; status 0 = ended on request. Nothing follows for this id.
 *
 * A credit is one event. The server never sends more events than the credits it holds; the client gives new ones as its reader
 * takes events, so a slow reader holds up its own subscription and nothing else. All credits together stay below 2^32.
 * `from` is the first offset wanted; a group has its own place, and `from` is then 0.
 * Frames 49 and 50 have no answer of their own; one that names a subscription which has just ended is ignored.
 */

import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { eventBytesMax, groupNameBytesMax } from "../../runtime/types/limits.js";

export interface Subscribe {
  readonly tenant: number;
  readonly stream: number;
  readonly from: number;
  readonly group: string;
  readonly credits: number;
}

export const creditsMax = 0x7fff_ffff;

export function encodeSubscribe(subscribe: Subscribe, writer: ByteWriter): void {
  assert(subscribe.credits <= creditsMax, "the credits of a subscription are within the protocol's limit");
  assert(subscribe.group === "" || subscribe.from === 0, "a group's subscription begins where the group stands");
  writer.u64(subscribe.tenant).u64(subscribe.stream).u64(subscribe.from).string(subscribe.group).u32(subscribe.credits);
}

/** Throws `frameInvalid`. */
export function decodeSubscribe(bytes: Uint8Array, start: number, end: number): Subscribe {
  const reader = new ByteReader(bytes, start, end);
  const subscribe = {
    tenant: reader.u64(),
    stream: reader.u64(),
    from: reader.u64(),
    group: reader.string(groupNameBytesMax),
    credits: reader.u32(),
  };
  reader.end();
  if (subscribe.credits > creditsMax) throw new KimberliteError("frameInvalid", `credits are at most ${creditsMax}`);
  if (subscribe.group !== "" && subscribe.from !== 0) {
    throw new KimberliteError("frameInvalid", "a group's subscription begins where the group stands: from must be 0");
  }
  return subscribe;
}

export interface Credit {
  readonly subscription: number;
  readonly credits: number;
}

export function encodeCredit(credit: Credit, writer: ByteWriter): void {
  assert(credit.credits > 0 && credit.credits <= creditsMax, "a credit frame adds at least one credit");
  writer.u64(credit.subscription).u32(credit.credits);
}

/** Throws `frameInvalid`. */
export function decodeCredit(bytes: Uint8Array, start: number, end: number): Credit {
  const reader = new ByteReader(bytes, start, end);
  const credit = { subscription: reader.u64(), credits: reader.u32() };
  reader.end();
  if (credit.credits > creditsMax) throw new KimberliteError("frameInvalid", `credits are at most ${creditsMax}`);
  return credit;
}

/** Body of unsubscribe (50), of cancel (51) and of a subscription's ok: one id. */
export const encodeId = (id: number, writer: ByteWriter): void => void writer.u64(id);

/** Throws `frameInvalid`. */
export function decodeId(bytes: Uint8Array, start: number, end: number): number {
  const reader = new ByteReader(bytes, start, end);
  const id = reader.u64();
  reader.end();
  return id;
}

/** One event as it crosses the wire. `payload` is a view of the frame's bytes. */
export interface WireEvent {
  /** How often a group has delivered it, this time included; 1 without a group. */
  readonly attempt: number;
  readonly offset: number;
  readonly position: number;
  /** Microseconds since 1970, of the command that appended it. */
  readonly time: number;
  /** 0 bytes, 1 JSON in UTF-8. */
  readonly format: number;
  readonly payload: Uint8Array;
}

/** One event from the reader, shared with the reply of `read`. Throws `frameInvalid`. */
export function decodeEvent(reader: ByteReader, hasAttempt: boolean): WireEvent {
  const attempt = hasAttempt ? reader.u32() : 1;
  const offset = reader.u64();
  const position = reader.u64();
  const time = reader.u64();
  const length = reader.u32();
  if (length > eventBytesMax) throw new KimberliteError("frameInvalid", `an event is over ${eventBytesMax} bytes`);
  const format = reader.choice(2);
  return { attempt, offset, position, time, format, payload: reader.raw(length) };
}

const eventBytesLeast = 29;

/** The events of a frame 131. Throws `frameInvalid`. */
export function decodeEvents(bytes: Uint8Array, start: number, end: number, hasAttempt: boolean): WireEvent[] {
  const reader = new ByteReader(bytes, start, end);
  const count = reader.u32();
  // Checked before anything is made per event, so that a count that lies costs nothing.
  if (count * eventBytesLeast > reader.remaining)
    throw new KimberliteError("frameInvalid", "more events announced than sent");
  const events: WireEvent[] = [];
  for (let i = 0; i < count; i++) events.push(decodeEvent(reader, hasAttempt));
  reader.end();
  return events;
}

/** Appends one event as frames 131 carry it; `attempt` 0 writes none, as for a subscription without a group. */
export function encodeEvent(event: WireEvent, writer: ByteWriter, hasAttempt: boolean): void {
  assert(event.payload.length <= eventBytesMax, "an event on the wire is within the limit");
  if (hasAttempt) writer.u32(event.attempt);
  writer
    .u64(event.offset)
    .u64(event.position)
    .u64(event.time)
    .u32(event.payload.length)
    .u8(event.format)
    .raw(event.payload);
}
