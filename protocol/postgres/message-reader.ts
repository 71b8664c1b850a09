/**
 * The fields of one frontend message: big-endian numbers and texts that end with a zero byte. Every read is bounded by what is there;
 * a failure is a `SqlError`, `08P01` or for text that is not UTF-8 `22021`, in PostgreSQL's words.
 */
import { SqlError } from "../../runtime/query/error.js";
import type { ByteEncoding } from "./copy/encodings.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const shortTextMax = 16;

const insufficient = (): SqlError => new SqlError("08P01", "insufficient data left in message");

/** As PostgreSQL says it: with the bytes of the first character that is none. */
function invalidText(bytes: Uint8Array): SqlError {
  const at = firstInvalid(bytes);
  const length = Math.min(utf8Length(bytes[at] ?? 0), bytes.length - at);
  const shown = [...bytes.subarray(at, at + length)].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
  return new SqlError("22021", `invalid byte sequence for encoding "UTF8": ${shown.join(" ")}`);
}

const utf8Length = (first: number): number =>
  first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 1;

function firstInvalid(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = utf8Length(bytes[at] ?? 0);
    try {
      decoder.decode(bytes.subarray(at, at + length));
    } catch {
      return at;
    }
    at += length;
  }
  return 0;
}

export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidText(bytes);
  }
}

export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #encoding: ByteEncoding | null;
  #at = 0;

  /** @param encoding of its texts; null for UTF-8 */
  constructor(bytes: Uint8Array, encoding: ByteEncoding | null = null) {
    this.#bytes = bytes;
    this.#encoding = encoding;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count < 0 || count > this.remaining) throw insufficient();
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** Big-endian. Put together byte by byte: a message is read once, and a DataView of it costs more than its numbers. */
  #number(count: 1 | 2 | 4): number {
    const at = this.#take(count);
    let value = 0;
    for (let index = 0; index < count; index++) value = (value << 8) | (this.#bytes[at + index] ?? 0);
    return value;
  }

  u8(): number {
    return this.#number(1);
  }

  i16(): number {
    return (this.#number(2) << 16) >> 16;
  }

  /** Counts of parameters go to 65,535. */
  u16(): number {
    return this.#number(2);
  }

  i32(): number {
    return this.#number(4);
  }

  u32(): number {
    return this.#number(4) >>> 0;
  }

  /** A view, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.raw(this.remaining);
  }

  text(): string {
    const short = this.#shortText();
    if (short !== null) return short;
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new SqlError("08P01", "invalid string in message");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return decodeText(this.#encoding?.toUtf8(bytes) ?? bytes);
  }

  /** Names are short and ASCII as a rule, and most are empty: no view and no decoder for them. Null for any other text. */
  #shortText(): string | null {
    const bytes = this.#bytes;
    const until = Math.min(bytes.length, this.#at + shortTextMax);
    let text = "";
    for (let at = this.#at; at < until; at++) {
      const code = bytes[at] ?? 0x80;
      if (code === 0) {
        this.#at = at + 1;
        return text;
      }
      if (code >= 0x80) return null;
      text += String.fromCharCode(code);
    }
    return null;
  }

  end(): void {
    if (this.remaining !== 0) throw new SqlError("08P01", "invalid message format");
  }
}
