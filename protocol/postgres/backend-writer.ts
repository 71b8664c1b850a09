/**
 * What the server says, gathered in one buffer so that all of a Sync goes out in one write. Rows come from shards and projections as
 * DataRow messages already and are copied in as they are; many at once are handed on in the memory that they came in: beside a copy of a large
 * answer what it was copied from lies until the next collection, which made twice of what clients have not read.
 *
 * Invariant: between calls the buffer holds whole messages only.
 */
import type { SqlColumn } from "../../actors/messages/sql.js";
import { SqlError, type SqlErrorFields } from "../../runtime/query/error.js";
import type { Oid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import { kiB } from "../../runtime/types/limits.js";
import { toldAs } from "./client-text.js";
import type { ByteEncoding } from "./copy/encodings.js";
import { routineOf } from "./error-routines.js";

export type TransactionStatus = "idle" | "open" | "failed";

export interface ErrorReport {
  readonly severity: "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "INFO";
  readonly sqlState: string;
  readonly message: string;
  readonly fields: SqlErrorFields;
  /** In characters, from 1; 0 for none. */
  readonly position: number;
}

const statusLetters: Readonly<Record<TransactionStatus, string>> = { idle: "I", open: "T", failed: "E" };
const bufferBytesMin: number = 4 * kiB;
/** A larger buffer is not kept for the next answers. */
const bufferBytesKept: number = 256 * kiB;
/** So many bytes of rows are handed on as they are, unless they would keep as many others in memory. */
const handedOnBytesMin: number = 256 * kiB;
/** In UTF-16 units. */
const shortTextMax = 64;
const encoder = new TextEncoder();

export class BackendWriter {
  #memory = new Uint8Array(bufferBytesMin);
  #view = new DataView(this.#memory.buffer);
  #at = 0;
  #messageAt = -1;
  /** What goes before the buffer's. */
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;
  /** Of the client's texts; null for UTF-8. */
  encoding: () => ByteEncoding | null = () => null;

  get length(): number {
    return this.#piecesBytes + this.#at;
  }

  /**
   * The messages so far in pieces that follow one another, now the caller's. Short ones share memory with others that are on their way: `Buffer`
   * has a pool for such.
   */
  take(): readonly Uint8Array[] {
    assert(this.#messageAt === -1, "only whole messages are taken");
    if (this.#at > 0) this.#piece();
    const taken = this.#pieces;
    this.#pieces = [];
    this.#piecesBytes = 0;
    return taken;
  }

  /** Moves what the buffer holds to the pieces. */
  #piece(): void {
    const piece = Buffer.allocUnsafe(this.#at);
    piece.set(this.#memory.subarray(0, this.#at));
    if (this.#memory.length > bufferBytesKept) this.#replace(new Uint8Array(bufferBytesMin));
    this.#at = 0;
    this.#add(piece);
  }

  #add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#piecesBytes += piece.length;
  }

  #replace(memory: Uint8Array<ArrayBuffer>): void {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
  }

  #room(count: number): number {
    const at = this.#at;
    if (at + count > this.#memory.length) {
      const grown = new Uint8Array(Math.max(at + count, 2 * this.#memory.length));
      grown.set(this.#memory.subarray(0, at));
      this.#replace(grown);
    }
    this.#at = at + count;
    return at;
  }

  #begin(letter: string): void {
    assert(this.#messageAt === -1, "a message is ended before the next begins");
    this.#messageAt = this.#room(5);
    this.#memory[this.#messageAt] = letter.charCodeAt(0);
  }

  #end(): void {
    assert(this.#messageAt >= 0, "a message that ends was begun");
    this.#view.setInt32(this.#messageAt + 1, this.#at - this.#messageAt - 1);
    this.#messageAt = -1;
  }

  #u8(value: number): void {
    // Room first: making it may replace the view.
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }

  #i16(value: number): void {
    const at = this.#room(2);
    this.#view.setInt16(at, value);
  }

  #i32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value);
  }

  #u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#memory.set(bytes, at);
  }

  #text(text: string): void {
    if (!this.#shortText(text)) {
      const bytes = encoder.encode(text.includes("\0") ? text.replaceAll("\0", "") : text);
      const encoding = this.encoding();
      this.#raw(encoding === null ? bytes : toldAs(encoding, bytes));
    }
    this.#u8(0);
  }

  /**
   * Names and tags are short and ASCII as a rule: no encoder and no array for them. False for any other text. Zero bytes are another's, too:
   * they would end the text early and put the rest out of step.
   */
  #shortText(text: string): boolean {
    if (text.length > shortTextMax) return false;
    const at = this.#room(text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code === 0 || code >= 0x80) {
        this.#at = at;
        return false;
      }
      this.#memory[at + index] = code;
    }
    return true;
  }

  #empty(letter: string): void {
    this.#begin(letter);
    this.#end();
  }

  // ------------------------------------------------------------------ startup

  authenticationOk(): void {
    this.#begin("R");
    this.#i32(0);
    this.#end();
  }

  authenticationSasl(mechanisms: readonly string[]): void {
    assert(mechanisms.length > 0, "a mechanism is offered");
    this.#begin("R");
    this.#i32(10);
    for (const mechanism of mechanisms) this.#text(mechanism);
    this.#u8(0);
    this.#end();
  }

  authenticationSaslContinue(data: string): void {
    this.#begin("R");
    this.#i32(11);
    this.#raw(encoder.encode(data));
    this.#end();
  }

  authenticationSaslFinal(data: string): void {
    this.#begin("R");
    this.#i32(12);
    this.#raw(encoder.encode(data));
    this.#end();
  }

  backendKeyData(process: number, secret: number): void {
    this.#begin("K");
    this.#u32(process);
    this.#u32(secret);
    this.#end();
  }

  negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): void {
    this.#begin("v");
    this.#i32(minor);
    this.#i32(unknownOptions.length);
    for (const option of unknownOptions) this.#text(option);
    this.#end();
  }

  parameterStatus(name: string, value: string): void {
    this.#begin("S");
    this.#text(name);
    this.#text(value);
    this.#end();
  }

  readyForQuery(status: TransactionStatus): void {
    this.#begin("Z");
    this.#u8(statusLetters[status].charCodeAt(0));
    this.#end();
  }

  // ------------------------------------------------------------------ answers

  parseComplete(): void {
    this.#empty("1");
  }
  bindComplete(): void {
    this.#empty("2");
  }
  closeComplete(): void {
    this.#empty("3");
  }
  noData(): void {
    this.#empty("n");
  }
  emptyQueryResponse(): void {
    this.#empty("I");
  }
  portalSuspended(): void {
    this.#empty("s");
  }
  copyDone(): void {
    this.#empty("c");
  }

  commandComplete(tag: string): void {
    this.#begin("C");
    this.#text(tag);
    this.#end();
  }

  parameterDescription(types: readonly Oid[]): void {
    this.#begin("t");
    this.#i16(types.length);
    for (const type of types) this.#u32(type);
    this.#end();
  }

  /** Throws 22P05 for a name that the client cannot read. @param formats none (all text), one for all, or one each */
  rowDescription(columns: readonly SqlColumn[], formats: readonly (0 | 1)[]): void {
    const encoding = this.encoding();
    if (encoding !== null) for (const { name } of columns) encoding.fromUtf8(encoder.encode(name));
    this.#begin("T");
    this.#i16(columns.length);
    for (const [index, column] of columns.entries()) {
      this.#text(column.name);
      this.#u32(column.table);
      this.#i16(column.column);
      this.#u32(column.type);
      this.#i16(column.typeLength);
      this.#i32(column.modifier);
      this.#i16(formats[formats.length === 1 ? 0 : index] ?? 0);
    }
    this.#end();
  }

  /** Whole DataRow messages, in memory that may be written over. */
  rows(messages: Uint8Array): void {
    this.#raw(messages);
  }

  /** As `rows`, in memory that nobody writes to any more: many of them are not copied. */
  handOn(messages: Uint8Array): void {
    assert(this.#messageAt === -1, "rows are messages of their own");
    const isCopied = messages.length < handedOnBytesMin || 2 * messages.length < messages.buffer.byteLength;
    if (isCopied) {
      this.#raw(messages);
      return;
    }
    if (this.#at > 0) this.#piece();
    this.#add(messages);
  }

  /** One row of texts. Throws 22P05 for what the client cannot read. */
  dataRow(values: readonly (string | null)[]): void {
    const encoding = this.encoding();
    const texts = values.map((value) => {
      const bytes = value === null ? null : encoder.encode(value);
      return bytes === null || encoding === null ? bytes : encoding.fromUtf8(bytes);
    });
    this.#begin("D");
    this.#i16(texts.length);
    for (const bytes of texts) {
      if (bytes === null) {
        this.#i32(-1);
        continue;
      }
      this.#i32(bytes.length);
      this.#raw(bytes);
    }
    this.#end();
  }

  copyInResponse(format: 0 | 1, columns: number): void {
    this.#copyResponse("G", format, columns);
  }

  copyOutResponse(format: 0 | 1, columns: number): void {
    this.#copyResponse("H", format, columns);
  }

  #copyResponse(letter: string, format: 0 | 1, columns: number): void {
    this.#begin(letter);
    this.#u8(format);
    this.#i16(columns);
    for (let index = 0; index < columns; index++) this.#i16(format);
    this.#end();
  }

  copyData(bytes: Uint8Array): void {
    this.#begin("d");
    this.#raw(bytes);
    this.#end();
  }

  notification(process: number, channel: string, payload: string): void {
    this.#begin("A");
    this.#u32(process);
    this.#text(channel);
    this.#text(payload);
    this.#end();
  }

  /** Where the client cannot read what went wrong, that is told in its place. */
  error(report: ErrorReport): void {
    this.#report("E", this.#readable(report));
  }

  #readable(report: ErrorReport): ErrorReport {
    const encoding = this.encoding();
    if (encoding === null) return report;
    try {
      const texts: readonly unknown[] = [report.message, ...(Object.values(report.fields) as unknown[])];
      for (const text of texts) if (typeof text === "string") encoding.fromUtf8(encoder.encode(text));
      return report;
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const { sqlState, message } = error;
      return { severity: report.severity, sqlState, message, fields: {}, position: 0 };
    }
  }

  notice(report: ErrorReport): void {
    this.#report("N", report);
  }

  #report(letter: string, { severity, sqlState, message, fields, position }: ErrorReport): void {
    this.#begin(letter);
    this.#field("S", severity);
    this.#field("V", severity);
    this.#field("C", sqlState);
    this.#field("M", message);
    this.#field("D", fields.detail);
    this.#field("H", fields.hint);
    if (position > 0) this.#field("P", String(position));
    this.#field("W", fields.context);
    this.#field("s", fields.schema);
    this.#field("t", fields.table);
    this.#field("c", fields.column);
    this.#field("d", fields.dataType);
    this.#field("n", fields.constraint);
    this.#field("R", routineOf(sqlState, message));
    this.#u8(0);
    this.#end();
  }

  #field(letter: string, value: string | undefined): void {
    if (value === undefined) return;
    this.#u8(letter.charCodeAt(0));
    this.#text(value);
  }
}
