/**
 * COPY … TO STDOUT: rows, which come as DataRow messages, become lines. The values are in text form already (in binary form for the binary
 * format), so that only their frame changes.
 *
 *   DataRow    'D' · length i32 · count i16 · { length i32 or -1 · bytes }
 *   binary     "PGCOPY\n\377\r\n\0" · flags i32 · extension i32 · rows { count i16 · { length i32 · bytes } } · -1 i16
 */
import { assert } from "../../../runtime/types/assert.js";
import type { CopyOptions } from "./options.js";

const encoder = new TextEncoder();
const signature = Uint8Array.from([
  0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const trailer = Uint8Array.from([0xff, 0xff]);
const newline = 0x0a;
const backslash = 0x5c;
/** Letters after a backslash for control characters. */
const escapes = new Map([
  [0x08, 0x62],
  [0x0c, 0x66],
  [0x0a, 0x6e],
  [0x0d, 0x72],
  [0x09, 0x74],
  [0x0b, 0x76],
]);

export class RowsOut {
  readonly #options: CopyOptions;
  readonly #null: Uint8Array;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  #forced: readonly boolean[] = [];
  /** What the next CopyData begins with: the binary format's signature is no message of its own, as psycopg counts on. */
  #before: Uint8Array = new Uint8Array(0);
  #memory = new Uint8Array(8 * 1024);
  #at = 0;
  rows = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#null = encoder.encode(options.null);
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#quote = options.quote.charCodeAt(0);
    this.#escape = options.escape.charCodeAt(0);
  }

  /** What comes before the rows: each element one CopyData. */
  begin(names: readonly string[]): Uint8Array[] {
    const { format, header, forceQuote } = this.#options;
    if (format === "binary") {
      this.#before = signature;
      return [];
    }
    const forced = names.map((name) => forceQuote === "all" || forceQuote.includes(name));
    if (header === "none") {
      this.#forced = forced;
      return [];
    }
    for (const [index, name] of names.entries()) {
      if (index > 0) this.#byte(this.#delimiter);
      this.#field(encoder.encode(name), index, names.length);
    }
    this.#byte(newline);
    // Names have quotes only where they need them.
    this.#forced = forced;
    return [this.#take()];
  }

  /** @param messages whole DataRow messages. Returns one CopyData's bytes for each row. */
  convert(messages: Uint8Array): Uint8Array[] {
    const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
    const lines: Uint8Array[] = [];
    let at = 0;
    while (at < messages.length) {
      const end = at + 1 + view.getInt32(at + 1);
      assert(messages[at] === 0x44 && end <= messages.length, "rows are whole DataRow messages");
      lines.push(
        this.#options.format === "binary"
          ? this.#row(messages.subarray(at + 5, end))
          : this.#line(messages, view, at + 5),
      );
      this.rows += 1;
      at = end;
    }
    return lines;
  }

  end(): Uint8Array[] {
    return this.#options.format === "binary" ? [this.#row(trailer)] : [];
  }

  #row(bytes: Uint8Array): Uint8Array {
    const row = Buffer.concat([this.#before, bytes]);
    this.#before = row.subarray(0, 0);
    return row;
  }

  #line(bytes: Uint8Array, view: DataView, from: number): Uint8Array {
    const count = view.getInt16(from);
    let at = from + 2;
    for (let index = 0; index < count; index++) {
      const length = view.getInt32(at);
      at += 4;
      if (index > 0) this.#byte(this.#delimiter);
      if (length < 0) this.#raw(this.#null);
      else {
        this.#field(bytes.subarray(at, at + length), index, count);
        at += length;
      }
    }
    this.#byte(newline);
    return this.#take();
  }

  #field(value: Uint8Array, index: number, count: number): void {
    if (this.#options.format === "csv") this.#csv(value, index, count);
    else this.#text(value);
  }

  #text(value: Uint8Array): void {
    for (const byte of value) {
      const letter = escapes.get(byte);
      if (letter !== undefined) {
        this.#byte(backslash);
        this.#byte(letter);
        continue;
      }
      if (byte === backslash || byte === this.#delimiter) this.#byte(backslash);
      this.#byte(byte);
    }
  }

  #csv(value: Uint8Array, index: number, count: number): void {
    if (!this.#needsQuotes(value, index, count)) {
      this.#raw(value);
      return;
    }
    this.#byte(this.#quote);
    for (const byte of value) {
      if (byte === this.#quote || byte === this.#escape) this.#byte(this.#escape);
      this.#byte(byte);
    }
    this.#byte(this.#quote);
  }

  #needsQuotes(value: Uint8Array, index: number, count: number): boolean {
    if (this.#forced[index] === true || isEqual(value, this.#null)) return true;
    // A line that is only \. would end the data.
    if (count === 1 && value.length === 2 && value[0] === backslash && value[1] === 0x2e) return true;
    for (const byte of value) {
      if (byte === this.#delimiter || byte === this.#quote || byte === 0x0a || byte === 0x0d) return true;
    }
    return false;
  }

  #byte(byte: number): void {
    if (this.#at === this.#memory.length) this.#grow(1);
    this.#memory[this.#at++] = byte;
  }

  #raw(bytes: Uint8Array): void {
    if (this.#at + bytes.length > this.#memory.length) this.#grow(bytes.length);
    this.#memory.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#memory.length, this.#at + count));
    grown.set(this.#memory.subarray(0, this.#at));
    this.#memory = grown;
  }

  #take(): Uint8Array {
    const taken = this.#memory.slice(0, this.#at);
    this.#at = 0;
    return taken;
  }
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
