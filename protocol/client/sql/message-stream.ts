/**
 * Messages of a PostgreSQL server out of a socket's chunks, and the few that a client sends. A row is handed on as it came: its values are
 * decoded by whoever wants them.
 */
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";

export interface ServerMessage {
  /** Letter. */
  readonly type: string;
  readonly body: Uint8Array;
}

/** As the largest row that a server sends. */
const messageBytesMax = 256 * 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const nothing = new Uint8Array(0);

export class MessageStream {
  readonly #onMessage: (message: ServerMessage) => void;
  #held: Uint8Array = nothing;
  #length = 0;

  constructor(onMessage: (message: ServerMessage) => void) {
    this.#onMessage = onMessage;
  }

  /** Throws `frameInvalid` for bytes that are no message. */
  push(chunk: Uint8Array): void {
    const bytes = this.#joined(chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.length - at >= 5) {
      const length = view.getInt32(at + 1);
      if (length < 4 || length > messageBytesMax) {
        throw new KimberliteError("frameInvalid", `a message of ${length} bytes; is this the PostgreSQL protocol?`);
      }
      const end = at + 1 + length;
      if (end > bytes.length) break;
      this.#onMessage({ type: String.fromCharCode(bytes[at] ?? 0), body: bytes.subarray(at + 5, end) });
      at = end;
    }
    this.#keep(bytes, at);
  }

  #joined(chunk: Uint8Array): Uint8Array {
    if (this.#length === 0) return chunk;
    const needed = this.#length + chunk.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(2 * needed);
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(chunk, this.#length);
    this.#length = needed;
    return this.#held.subarray(0, needed);
  }

  #keep(bytes: Uint8Array, at: number): void {
    assert(at <= bytes.length, "messages end within what arrived");
    // What was handed on may still be looked at: memory is not used twice.
    if (at === 0 && this.#length > 0) return;
    this.#held = at === bytes.length ? nothing : bytes.slice(at);
    this.#length = this.#held.length;
  }
}

/** One message out of its fields: texts get their zero byte, numbers are int32. `short` makes an int16. */
export function clientMessage(type: string, ...fields: readonly (string | number | Uint8Array)[]): Uint8Array {
  const parts = fields.map((field): Uint8Array => {
    if (typeof field === "string") return encoder.encode(`${field}\0`);
    return typeof field === "number" ? long(field) : field;
  });
  const body = parts.reduce((sum, part) => sum + part.length, 0);
  const head = type === "" ? 0 : 1;
  const bytes = new Uint8Array(head + 4 + body);
  if (head === 1) bytes[0] = type.charCodeAt(0);
  new DataView(bytes.buffer).setInt32(head, body + 4);
  let at = head + 4;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function short(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setUint16(0, value);
  return bytes;
}

export function long(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export interface ServerColumn {
  readonly name: string;
  readonly type: number;
}

/** A RowDescription's columns. */
export function columnsOf(body: Uint8Array): ServerColumn[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 2;
  return Array.from({ length: view.getUint16(0) }, () => {
    const end = body.indexOf(0, at);
    const name = decoder.decode(body.subarray(at, end));
    const type = view.getUint32(end + 7);
    at = end + 19;
    return { name, type };
  });
}

/** A DataRow's values; null is NULL. */
export function valuesOf(body: Uint8Array): (Uint8Array | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 2;
  return Array.from({ length: view.getUint16(0) }, () => {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.subarray(at - length, at);
  });
}

/** Fields of an ErrorResponse or NoticeResponse, by their letters. */
export function reportFields(body: Uint8Array): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const part of decoder.decode(body).split("\0")) if (part !== "") fields[part.slice(0, 1)] = part.slice(1);
  return fields;
}
