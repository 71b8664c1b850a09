/**
 * Only exact-size byte arrays cross threads. Structured clone copies the whole memory behind a view: a pooled `Buffer` of ten
 * bytes carries its 8 KiB pool along, with other tenants' bytes in it. So each message is walked before it leaves: its own
 * fields and those one level down (an array of chunks, a nested record), which is as deep as messages of this system go.
 * The same walk measures the message for the mailbox's bound in bytes.
 *
 * Views of shared memory may be of any extent: they are passed by reference, and cost the receiver nothing.
 */
import { assert } from "../types/assert.js";
import type { MessageBase } from "./envelope.js";

/** What an envelope with an empty message is taken to occupy. */
export const envelopeBytes = 64;

function viewBytes(view: ArrayBufferView): number {
  if (view.buffer instanceof SharedArrayBuffer) return 0;
  assert(
    view.byteOffset === 0 && view.byteLength === view.buffer.byteLength,
    "isolation: only exact-size byte arrays leave an actor",
  );
  return view.byteLength;
}

function scalarBytes(value: unknown): number {
  if (typeof value === "string") return value.length * 2;
  return 8;
}

function nestedBytes(nested: object): number {
  let bytes = 16;
  if (Array.isArray(nested)) {
    for (const value of nested as readonly unknown[]) {
      bytes += ArrayBuffer.isView(value) ? viewBytes(value) : scalarBytes(value);
    }
    return bytes;
  }
  for (const key in nested) {
    const value: unknown = (nested as Record<string, unknown>)[key];
    bytes += ArrayBuffer.isView(value) ? viewBytes(value) : scalarBytes(value);
  }
  return bytes;
}

/** Bytes that a message occupies in a mailbox, by a fixed rule. Fails on a byte array that is a part of a larger buffer. */
export function messageBytes(message: unknown): number {
  if (typeof message !== "object" || message === null) return envelopeBytes + scalarBytes(message);
  let bytes = envelopeBytes;
  if (ArrayBuffer.isView(message)) return bytes + viewBytes(message);
  if (Array.isArray(message)) return bytes + nestedBytes(message);
  for (const key in message) {
    const value: unknown = (message as Record<string, unknown>)[key];
    if (typeof value === "object" && value !== null) {
      bytes += ArrayBuffer.isView(value) ? viewBytes(value) : nestedBytes(value);
    } else {
      bytes += scalarBytes(value);
    }
  }
  assert(bytes >= envelopeBytes, "a message occupies at least its envelope");
  return bytes;
}

const nothing: readonly ArrayBuffer[] = [];

/** The buffers to hand over with a message: its byte fields and those of an array field. Small ones are cheaper to copy. */
export function transferables(message: unknown): readonly ArrayBuffer[] {
  if (typeof message !== "object" || message === null) return nothing;
  const found: ArrayBuffer[] = [];
  const consider = (value: unknown): void => {
    if (!ArrayBuffer.isView(value) || value.byteLength < 1024) return;
    if (value.buffer instanceof ArrayBuffer && !found.includes(value.buffer)) found.push(value.buffer);
  };
  consider(message);
  for (const value of Object.values(message)) {
    consider(value);
    if (Array.isArray(value)) for (const element of value as readonly unknown[]) consider(element);
  }
  return found;
}

/**
 * A short digest of a message's content, for recognising the same message again (FNV-1a over keys, scalars and up to 64 KiB of
 * bytes). Wiring numbers differ between retries and are left out. Not a security boundary.
 */
export function messageDigest(message: MessageBase): string {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  const mixText = (text: string): void => {
    for (let at = 0; at < text.length && at < 4096; at++) mix(text.charCodeAt(at) & 0xff);
  };
  const mixValue = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      const bytes = new Uint8Array(value.buffer, value.byteOffset, Math.min(value.byteLength, 65_536));
      for (const byte of bytes) mix(byte);
      mixText(String(value.byteLength));
    } else if (typeof value === "object" && value !== null) {
      mixText(
        JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)) ?? "",
      );
    } else {
      mixText(String(value));
    }
  };
  for (const [key, value] of Object.entries(message)) {
    if (key === "epoch") continue;
    mixText(key);
    mixValue(value);
  }
  assert(hash >= 0 && hash < 2 ** 32, "a digest is a u32");
  return `${message.kind}:${hash.toString(16).padStart(8, "0")}`;
}
