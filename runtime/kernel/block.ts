/**
 * The tenant block: the unit in which records of one tenant lie in a prepare, and later the unit of sealing. The body of a
 * prepare is blocks back to back, a tenant at most once per prepare, nothing before, between or after them.
 *
 *   at  size  field
 *    0     1  version: 1 = clear text without leaf hashes
 *    1     8  tenant
 *    9     8  position of the first record
 *   17     4  count of records, at least 1
 *   21     4  key id: zero in version 1
 *   25    12  nonce: zero in version 1
 *   37     4  length of the records
 *   41     …  records back to back
 *
 * Record i of the block has the position first + i.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { getU64OrNone, setU64 } from "./numbers.js";
import type { Output } from "./output.js";
import { RecordView } from "./record.js";

export const blockVersion = 1;
export const blockHeaderBytes = 41;

/** Encodes one block into an output: `begin`, then records written to the same output by `decide`, then `end`. */
export class BlockWriter {
  #from = -1;
  #count = 0;

  /** Begins a block. False when not even the header fits: the prepare is full. */
  begin(out: Output, tenant: number, firstPosition: number): boolean {
    assert(this.#from < 0, "a block ends before the next begins");
    assert(tenant >= 0 && firstPosition >= 0, "a block names a tenant and a position");
    if (out.room < blockHeaderBytes) return false;
    const from = out.at;
    out.bytes.fill(0, from, from + blockHeaderBytes);
    out.bytes[from] = blockVersion;
    setU64(out.view, from + 1, tenant);
    setU64(out.view, from + 9, firstPosition);
    out.at = from + blockHeaderBytes;
    this.#from = from;
    this.#count = 0;
    return true;
  }

  /** Counts a record that has just been written. */
  add(): void {
    assert(this.#from >= 0, "a record is added to a begun block");
    this.#count += 1;
  }

  /** Ends the block and returns its count of records; a block without records is taken back. */
  end(out: Output): number {
    const from = this.#from;
    assert(from >= 0, "a block is ended once");
    assert(out.at >= from + blockHeaderBytes, "a block holds its header");
    this.#from = -1;
    if (this.#count === 0) {
      assert(out.at === from + blockHeaderBytes, "a block without records is only a header");
      out.at = from;
      return 0;
    }
    out.view.setUint32(from + 17, this.#count, true);
    out.view.setUint32(from + 37, out.at - from - blockHeaderBytes, true);
    return this.#count;
  }
}

/**
 * Walks the body of a prepare: `nextBlock`, then `nextRecord` until it answers false, and so on until `nextBlock` answers
 * false. Bytes may be anything: what is not well formed ends in `dataCorrupt`, and nothing outside [from, to) is read.
 */
export class BlockReader {
  readonly record = new RecordView();
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  readonly #verify: boolean;
  #at: number;
  #recordsTo: number;
  #read = 0;
  tenant = 0;
  firstPosition = 0;
  count = 0;
  /** Position of the record that `nextRecord` found. */
  position = 0;

  /** @param verify "checksums" to check each record's CRC-32C; "bounds" where a stronger digest was checked already */
  constructor(bytes: Uint8Array, view: DataView, from: number, to: number, verify: "checksums" | "bounds") {
    assert(from <= to && to <= bytes.length, "blocks are read within their bytes");
    this.#bytes = bytes;
    this.#view = view;
    this.#at = from;
    this.#recordsTo = from;
    this.#end = to;
    this.#verify = verify === "checksums";
  }

  nextBlock(): boolean {
    assert(this.#at === this.#recordsTo, "a block is read to its end before the next");
    if (this.#at === this.#end) return false;
    const from = this.#at;
    const view = this.#view;
    if (this.#end - from < blockHeaderBytes) throw corrupt("a block header does not fit");
    const version = view.getUint8(from);
    if (version !== blockVersion) {
      throw new KimberliteError("formatUnsupported", `block version ${version}; this program reads ${blockVersion}`);
    }
    this.tenant = getU64OrNone(view, from + 1);
    this.firstPosition = getU64OrNone(view, from + 9);
    if (this.tenant < 0 || this.firstPosition < 0) throw corrupt("a tenant or position beyond 2^53 - 1");
    this.count = view.getUint32(from + 17, true);
    if (this.count === 0) throw corrupt("a block without records");
    for (let at = from + 21; at < from + 37; at += 4) {
      if (view.getUint32(at, true) !== 0) throw corrupt("reserved bytes of a block are not zero");
    }
    const length = view.getUint32(from + 37, true);
    if (length > this.#end - from - blockHeaderBytes) throw corrupt("a block that does not fit");
    if (this.firstPosition + this.count > Number.MAX_SAFE_INTEGER) throw corrupt("a position beyond 2^53 - 1");
    this.#at = from + blockHeaderBytes;
    this.#recordsTo = this.#at + length;
    this.#read = 0;
    return true;
  }

  nextRecord(): boolean {
    if (this.#read === this.count) {
      if (this.#at !== this.#recordsTo) throw corrupt("bytes follow the last record of a block");
      return false;
    }
    if (this.#verify) this.record.openVerified(this.#bytes, this.#view, this.#at, this.#recordsTo);
    else if (!this.record.open(this.#bytes, this.#view, this.#at, this.#recordsTo)) throw corrupt(this.record.problem);
    this.position = this.firstPosition + this.#read;
    this.#read += 1;
    this.#at = this.record.to;
    return true;
  }
}

const corrupt = (what: string): KimberliteError => new KimberliteError("dataCorrupt", what);
