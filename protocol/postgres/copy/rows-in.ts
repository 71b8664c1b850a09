/**
 * COPY … FROM STDIN: bytes, however they were cut into CopyData messages, become rows of values as a client would have bound them. Nothing
 * is known of types here: values are decoded where they are stored.
 *
 * A line that has begun is held until it ends, at most `lineBytesMax`.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { fromUtf8, viewOf } from "../../../runtime/query/types/bytes.js";
import { miB } from "../../../runtime/types/limits.js";
import type { CopyBlock } from "./copy-block.js";
import {
  backslash,
  carriageReturn,
  digitsFrom,
  endMark,
  hasPlainReturn,
  isBehindBackslash,
  isEndOfData,
  isEqual,
  isMark,
} from "./line-bytes.js";
import { LineEnds } from "./line-ends.js";
import { inContext } from "./lines.js";
import type { CopyOptions } from "./options.js";

const lineBytesMax = 16 * miB;
const lineFeed = 0x0a;
const encoder = new TextEncoder();
const signature = Uint8Array.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0]);
const binaryHeadBytes = 19;
const tupleHeadBytes = 2;

const bad = (message: string): SqlError => new SqlError("22P04", message);

/** Letters after a backslash that stand for control characters. */
const escaped = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b],
]);

export class RowsIn {
  readonly #options: CopyOptions;
  readonly #columns: readonly string[];
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #null: Uint8Array;
  readonly #forceNull: readonly boolean[];
  readonly #forceNotNull: readonly boolean[];
  #block: CopyBlock;
  #held: Uint8Array = new Uint8Array(0);
  /** Lines that were read, those within quotes counted too. */
  #line = 0;
  #isFirst = true;
  readonly #ends: LineEnds;
  /** Ends of lines within the row that was found last. */
  #quotedLines = 0;
  /** A carriage return stands in it that neither ends it nor is within quotes or behind a backslash. */
  #hasStrayReturn = false;
  #isEnded = false;
  #sawBinaryHead = false;
  /** For fields whose bytes differ from those of the line. */
  #scratch = new Uint8Array(256);

  constructor(options: CopyOptions, columns: readonly string[], block: CopyBlock) {
    this.#options = options;
    this.#block = block;
    this.#columns = columns;
    this.#ends = new LineEnds(options.format === "csv");
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#quote = options.quote.charCodeAt(0);
    this.#escape = options.escape.charCodeAt(0);
    this.#null = encoder.encode(options.null);
    this.#forceNull = columns.map((name) => options.forceNull.includes(name));
    this.#forceNotNull = columns.map((name) => options.forceNotNull.includes(name));
  }

  /** Rows go into this block from now on. */
  fill(block: CopyBlock): void {
    this.#block = block;
  }

  /** Rows that are complete now. The bytes are kept until their block is stored. Throws `22P04`. */
  push(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      const { encoding } = this.#options;
      if (encoding === null) return this.#push(bytes);
      // Lines before one that cannot be converted are read, so that the error names its line.
      const sound = encoding.soundPart(bytes);
      this.#push(encoding.toUtf8(sound));
      if (sound.length < bytes.length) encoding.toUtf8(bytes.subarray(sound.length));
    } catch (error) {
      throw this.failedBehind(error);
    }
  }

  /** An error of what comes behind the last line that was read. */
  failedBehind(error: unknown): unknown {
    if (this.#options.format === "binary" && !this.#sawBinaryHead) return error;
    return inContext(error, this.#block.lines.at(this.#line + 1, null));
  }

  #push(bytes: Uint8Array): void {
    const isText = this.#options.format !== "binary";
    // A line that has begun is made whole first, so that the lines behind it are read where they are.
    const firstEnd = isText && this.#held.length > 0 ? bytes.indexOf(lineFeed) + 1 : 0;
    if (firstEnd > 0 && firstEnd < bytes.length) this.#take(bytes.subarray(0, firstEnd));
    if (!this.#isEnded) this.#take(firstEnd < bytes.length ? bytes.subarray(firstEnd) : bytes);
  }

  #take(bytes: Uint8Array): void {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const at = this.#rowsOf(all);
    this.#held = new Uint8Array(this.#isEnded ? [] : all.subarray(at));
    if (this.#held.length > lineBytesMax)
      throw new SqlError("54000", `a line of COPY data is longer than ${lineBytesMax} bytes`);
  }

  /** How many of the bytes are whole rows. Those before one that is none are shown as well where they fail. */
  #rowsOf(bytes: Uint8Array, isLast = false): number {
    let end = bytes.length;
    try {
      end = this.#options.format === "binary" ? this.#binary(bytes) : this.#rows(bytes, isLast);
    } finally {
      this.#block.lines.keep(bytes.subarray(0, end));
    }
    return end;
  }

  /** The client has sent all. A last line may lack its end. */
  finish(): void {
    if (this.#isEnded) return;
    if (this.#options.format === "binary") {
      this.#finishBinary();
      return;
    }
    if (this.#held.length === 0) {
      this.#expectHeader();
      return;
    }
    // A backslash at the very end stands for nothing.
    const isCut = this.#options.format === "text" && isBehindBackslash(this.#held, this.#held.length, 0);
    const all = Buffer.concat([this.#held.subarray(0, this.#held.length - (isCut ? 1 : 0)), Uint8Array.of(lineFeed)]);
    const at = this.#rowsOf(all, true);
    if (at < all.length && !this.#isEnded) {
      const quoted = this.#isFirst ? 0 : this.#held.filter((byte) => byte === lineFeed).length;
      const context = this.#block.lines.at(this.#line + 1 + quoted, this.#held);
      throw inContext(bad("unterminated CSV quoted field"), context);
    }
    this.#held = new Uint8Array(0);
  }

  // ------------------------------------------------------------------ lines

  /** @param isLast the last line's newline was not sent */
  #rows(bytes: Uint8Array, isLast: boolean): number {
    let at = 0;
    const view = viewOf(bytes);
    while (!this.#isEnded) {
      const plainEnd = this.#plainLine(bytes, view, at);
      if (plainEnd >= 0) {
        at = plainEnd + 1;
        continue;
      }
      const end = this.#options.format === "csv" ? this.#csvLineEnd(bytes, at) : this.#textLineEnd(bytes, at);
      if (end < 0) break;
      const hasReturn = end > at && bytes[end - 1] === carriageReturn;
      const textEnd = hasReturn ? end - 1 : end;
      const mark = this.#options.format === "text" ? endMark(bytes, at, textEnd) : -1;
      if (mark >= 0 && (mark + 2 < textEnd || (isLast && mark > at)))
        throw this.failedBehind(bad("end-of-copy marker corrupt"));
      if (!isEndOfData(bytes, at, textEnd)) this.#expectEnd(bytes, at, textEnd, hasReturn, isLast);
      // How lines end is known once one has ended: PostgreSQL counts none within quotes before that.
      this.#line += this.#isFirst ? 1 : 1 + this.#quotedLines;
      try {
        // What stands before the mark is a row.
        this.#oneLine(bytes, at, mark > at ? mark : textEnd);
        this.#isEnded ||= mark >= 0;
      } catch (error) {
        throw inContext(error, this.#block.lines.at(this.#line, bytes.subarray(at, textEnd)));
      }
      at = end + 1;
    }
    return at;
  }

  /** Where a line ends that needed no second look; -1 for all others. */
  #plainLine(bytes: Uint8Array, view: DataView, from: number): number {
    const { format, header } = this.#options;
    const isPlain = format === "text" && this.#columns.length > 0 && !this.#ends.isReturn;
    if (!isPlain || from === bytes.length || (this.#isFirst && header !== "none")) return -1;
    const { values, lines } = this.#block;
    const end = values.plainLine(bytes, view, from, this.#delimiter, this.#null, this.#columns.length);
    if (end < 0) return -1;
    if (this.#isFirst) this.#ends.ended(false);
    this.#isFirst = false;
    this.#line += 1;
    lines.add(this.#line, from, end);
    return end;
  }

  #expectEnd(bytes: Uint8Array, from: number, to: number, hasReturn: boolean, isLast: boolean): void {
    try {
      if (this.#options.format === "text") this.#hasStrayReturn = hasPlainReturn(bytes.subarray(from, to));
      if (this.#hasStrayReturn) throw this.#ends.strayReturn();
      if (!isLast || hasReturn) this.#ends.ended(hasReturn);
    } catch (error) {
      throw this.failedBehind(error);
    }
  }

  #oneLine(bytes: Uint8Array, from: number, to: number): void {
    const { values: into } = this.#block;
    if (isEndOfData(bytes, from, to)) {
      this.#expectHeader();
      this.#isEnded = true;
      return;
    }
    const isHeader = this.#isFirst && this.#options.header !== "none";
    this.#isFirst = false;
    if (this.#columns.length === 0) {
      if (to > from) throw bad("extra data after last expected column");
    } else if (this.#options.format === "csv") this.#csvRow(bytes, from, to);
    else this.#textRow(bytes, from, to);
    if (isHeader) {
      this.#expectText(bytes.subarray(from, to));
      this.#checkHeader(into.rowValues());
      into.dropRow();
      return;
    }
    this.#endRow();
    this.#block.lines.add(this.#line, from, to);
  }

  /** Of the values of other lines this is found where they are stored. */
  #expectText(header: Uint8Array): void {
    try {
      fromUtf8(header);
    } catch (error) {
      throw inContext(error, this.#block.lines.at(this.#line, null));
    }
  }

  /** Data that end before a header which is to be looked at: it is taken for an empty line. */
  #expectHeader(): void {
    if (!this.#isFirst) return;
    try {
      this.#checkHeader([this.#null.length === 0 ? null : new Uint8Array(0)]);
    } catch (error) {
      throw inContext(error, this.#block.lines.at(1, new Uint8Array(0)));
    }
  }

  #checkHeader(row: readonly (Uint8Array | null)[]): void {
    if (this.#options.header !== "match") return;
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    if (row.length !== this.#columns.length) {
      throw bad(`wrong number of fields in header line: got ${row.length}, expected ${this.#columns.length}`);
    }
    for (const [index, name] of this.#columns.entries()) {
      const value = row[index] ?? null;
      const found = value === null ? null : decoder.decode(value);
      if (found === name) continue;
      const got = found === null ? `null value ("${this.#options.null}")` : `"${found}"`;
      throw bad(`column name mismatch in header line field ${index + 1}: got ${got}, expected "${name}"`);
    }
  }

  #endRow(): void {
    const { values: row } = this.#block;
    const { values } = row;
    if (values > this.#columns.length) throw bad("extra data after last expected column");
    if (values < this.#columns.length) throw bad(`missing data for column "${this.#columns[values]}"`);
    row.endRow();
  }

  /** A backslash takes the line end behind it into the value. */
  #textLineEnd(bytes: Uint8Array, from: number): number {
    let end = bytes.indexOf(lineFeed, from);
    while (end >= 0) {
      if (!isBehindBackslash(bytes, end, from)) return end;
      end = bytes.indexOf(lineFeed, end + 1);
    }
    return -1;
  }

  #textRow(bytes: Uint8Array, from: number, to: number): void {
    const { values: into } = this.#block;
    const delimiter = this.#delimiter;
    let at = from;
    for (;;) {
      const start = at;
      let hasEscapes = false;
      for (; at < to; at++) {
        const byte = bytes[at];
        if (byte === delimiter) break;
        if (byte !== backslash) continue;
        hasEscapes = true;
        at += 1;
      }
      const end = Math.min(at, to);
      if (isMark(this.#null, bytes, start, end)) into.null();
      else if (hasEscapes) into.value(this.#unescaped(bytes.subarray(start, end)));
      else into.value(bytes, start, end);
      if (at >= to) return;
      at += 1;
    }
  }

  #unescaped(raw: Uint8Array): Uint8Array {
    const out = this.#room(raw.length);
    let length = 0;
    for (let at = 0; at < raw.length; at++) {
      const byte = raw[at] ?? 0;
      if (byte !== backslash || at + 1 === raw.length) {
        out[length++] = byte;
        continue;
      }
      at += 1;
      const letter = raw[at] ?? 0;
      const digits = letter === 0x78 ? digitsFrom(raw, at + 1, 16, 2) : digitsFrom(raw, at, 8, 3);
      if (digits.length > 0) {
        out[length++] = Number.parseInt(digits, letter === 0x78 ? 16 : 8) & 0xff;
        at += digits.length - (letter === 0x78 ? 0 : 1);
      } else out[length++] = escaped.get(letter) ?? letter;
    }
    return out.slice(0, length);
  }

  #room(count: number): Uint8Array {
    if (this.#scratch.length < count) this.#scratch = new Uint8Array(2 * count);
    return this.#scratch;
  }

  /** Line ends within quotes belong to the value. */
  #csvLineEnd(bytes: Uint8Array, from: number): number {
    let isQuoted = false;
    this.#quotedLines = 0;
    this.#hasStrayReturn = false;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (isQuoted && byte === this.#escape && this.#escape !== this.#quote) at += 1;
      else if (byte === this.#quote) isQuoted = !isQuoted;
      else if (byte === carriageReturn) this.#hasStrayReturn ||= !isQuoted && bytes[at + 1] !== lineFeed;
      else if (byte !== lineFeed) continue;
      else if (!isQuoted) return at;
      else this.#quotedLines += 1;
    }
    return -1;
  }

  #csvRow(bytes: Uint8Array, from: number, to: number): void {
    const { values: into } = this.#block;
    let at = from;
    for (;;) {
      const out = this.#room(to - at + 1);
      let [length, wasQuoted] = [0, false];
      while (at < to && bytes[at] !== this.#delimiter) {
        if (bytes[at] !== this.#quote) {
          out[length++] = bytes[at++] ?? 0;
          continue;
        }
        wasQuoted = true;
        at += 1;
        for (;;) {
          if (at >= to) throw bad("unterminated CSV quoted field");
          const byte = bytes[at] ?? 0;
          const next = bytes[at + 1];
          if (byte === this.#escape && at + 1 < to && (next === this.#quote || next === this.#escape)) {
            out[length++] = next;
            at += 2;
          } else if (byte === this.#quote) {
            at += 1;
            break;
          } else {
            out[length++] = byte;
            at += 1;
          }
        }
      }
      if (this.#isCsvNull(out, length, wasQuoted, into.values)) into.null();
      else into.value(out, 0, length);
      if (at >= to) return;
      at += 1;
    }
  }

  #isCsvNull(value: Uint8Array, length: number, wasQuoted: boolean, index: number): boolean {
    if (!isMark(this.#null, value, 0, length)) return false;
    return wasQuoted ? this.#forceNull[index] === true : this.#forceNotNull[index] !== true;
  }

  // ------------------------------------------------------------------ binary

  /** The trailer may be missing: the end of the message stream says the same. */
  #finishBinary(): void {
    const held = this.#held;
    if (!this.#sawBinaryHead) {
      const isSigned = isEqual(held.subarray(0, signature.length), signature);
      throw bad(isSigned ? "invalid COPY file header" : "COPY file signature not recognized");
    }
    if (held.length < tupleHeadBytes) return;
    const place = this.#block.lines.at(this.#line + 1, null);
    throw inContext(bad("unexpected EOF in COPY data"), `${place}, column ${this.#columns[wholeFields(held)] ?? ""}`);
  }

  #binary(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (!this.#sawBinaryHead) {
      if (bytes.length < binaryHeadBytes) return 0;
      if (!isEqual(bytes.subarray(0, signature.length), signature)) throw bad("COPY file signature not recognized");
      if (view.getUint32(11) !== 0) throw bad("unrecognized critical flags in COPY file header");
      const extension = view.getInt32(15);
      if (extension < 0 || extension > 64 * 1024) throw bad("invalid COPY file header (wrong length)");
      if (bytes.length < binaryHeadBytes + extension) return 0;
      at = binaryHeadBytes + extension;
      this.#sawBinaryHead = true;
    }
    for (;;) {
      const end = this.#tuple(bytes, view, at);
      if (end < 0 || this.#isEnded) return at;
      at = end;
    }
  }

  /** Where the tuple ends, or -1 while it is not complete. */
  #tuple(bytes: Uint8Array, view: DataView, from: number): number {
    const { values: into } = this.#block;
    if (from + tupleHeadBytes > bytes.length) return -1;
    const count = view.getInt16(from);
    if (count === -1) {
      this.#isEnded = true;
      return from + 2;
    }
    if (count !== this.#columns.length) {
      throw bad(`row field count is ${count}, expected ${this.#columns.length}`);
    }
    let at = from + 2;
    for (let index = 0; index < count; index++) {
      const length = at + 4 > bytes.length ? -1 : view.getInt32(at);
      if (at + 4 + Math.max(0, length) > bytes.length) {
        if (length > lineBytesMax) throw bad("invalid field size");
        // The rest of the row is still to come, and then all of it is read again.
        into.dropRow();
        return -1;
      }
      at += 4;
      if (length < -1 || length > lineBytesMax) throw bad("invalid field size");
      if (length === -1) into.null();
      else into.value(bytes, at, at + length);
      at += Math.max(0, length);
    }
    this.#line += 1;
    this.#block.lines.add(this.#line, 0, 0);
    into.endRow();
    return at;
  }
}

/** Of a tuple that is cut off. */
function wholeFields(tuple: Uint8Array): number {
  const view = viewOf(tuple);
  for (let count = 0, at = tupleHeadBytes; ; count++) {
    at += at + 4 > tuple.length ? 4 : 4 + Math.max(0, view.getInt32(at));
    if (at > tuple.length) return count;
  }
}
