/**
 * What a user may append, and how it becomes bytes. Everything is taken over before the first `await`, so that a caller may reuse a
 * buffer or change an object the moment the call has returned.
 *
 *   Uint8Array                               bytes, as they are
 *   string                                   bytes, its UTF-8
 *   object, array, number, boolean, null     JSON
 *   json(value)                              JSON of any of these, a string or an array of events among them
 */
import type { EventToAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { eventFormat, eventHeaderBytes } from "../../runtime/kernel/kinds.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { appendBytesMax, appendEventsMax, eventBytesMax } from "../../runtime/types/limits.js";

/** A value to be stored as JSON; made by `json`. */
export class JsonEvent {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** Says that a value is to be stored as JSON: needed for a JSON string, and for a single event that is an array. */
export const json = (value: unknown): JsonEvent => new JsonEvent(value);

export type EventInput =
  | Uint8Array
  | string
  | number
  | boolean
  | null
  | JsonEvent
  | { readonly [name: string]: unknown };

const encoder = new TextEncoder();

function encodeJson(value: unknown, index: number): EventToAppend {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new KimberliteError("invalidArgument", `event ${index} cannot be written as JSON`, {
      cause,
      detail: { event: index },
    });
  }
  if (text === undefined) {
    throw new KimberliteError("invalidArgument", `event ${index} is ${typeof value}, which JSON cannot hold`, {
      detail: { event: index, type: typeof value },
    });
  }
  return { payload: encoder.encode(text), format: eventFormat.json };
}

function encodeEvent(input: unknown, index: number): EventToAppend {
  if (input instanceof Uint8Array) return { payload: input, format: eventFormat.bytes };
  if (typeof input === "string") return { payload: encoder.encode(input), format: eventFormat.bytes };
  if (input instanceof JsonEvent) return encodeJson(input.value, index);
  if (ArrayBuffer.isView(input) || input instanceof ArrayBuffer) {
    throw new KimberliteError("invalidArgument", `event ${index}: of binary types only Uint8Array is taken`, {
      detail: { event: index },
    });
  }
  return encodeJson(input, index);
}

/** Copies of payloads that are the caller's own, for an append that cannot be encoded in this turn. */
export const snapshot = (events: readonly EventToAppend[]): EventToAppend[] =>
  events.map(({ payload, format }) => ({ payload: new Uint8Array(payload), format }));

/**
 * Events as bytes, checked against the limits before anything is sent. Throws `invalidArgument`, `eventTooLarge`, `batchTooLarge`.
 * Payloads given as bytes are not copied: whoever keeps them beyond this turn takes a `snapshot`.
 *
 * @param input one event, or an array of events
 */
export function encodeEvents(input: EventInput | readonly EventInput[]): EventToAppend[] {
  const list: readonly unknown[] = Array.isArray(input) ? (input as readonly unknown[]) : [input];
  if (list.length === 0) throw new KimberliteError("invalidArgument", "an append holds at least one event");
  if (list.length > appendEventsMax) {
    throw new KimberliteError("batchTooLarge", `an append holds at most ${appendEventsMax} events`, {
      detail: { count: list.length, limit: appendEventsMax },
    });
  }
  const events: EventToAppend[] = [];
  let bytes = 0;
  for (let i = 0; i < list.length; i++) {
    const event = encodeEvent(list[i], i);
    if (event.payload.length > eventBytesMax) {
      throw new KimberliteError("eventTooLarge", `event ${i} has ${event.payload.length} bytes`, {
        detail: { event: i, bytes: event.payload.length, limit: eventBytesMax },
      });
    }
    bytes += event.payload.length + eventHeaderBytes;
    if (bytes > appendBytesMax) {
      throw new KimberliteError("batchTooLarge", `an append is at most ${appendBytesMax} bytes: split it`, {
        detail: { event: i, limit: appendBytesMax },
      });
    }
    events.push(event);
  }
  assert(events.length === list.length, "every event that was given is appended");
  return events;
}
