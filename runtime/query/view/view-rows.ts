/**
 * The stored rows of a materialized view. A row's key follows from what the row is, so that the row that goes is found without looking:
 *
 *   group   hash of the values that it is grouped by, 20 bytes
 *   row     hash of the row as it is stored, 20 bytes · which of its likes it is u32
 *
 * Rows that are alike are numbered from 0 without gaps, the last one goes first: how many there are is found by doubling and halving.
 */
import { blake3Into } from "../../crypto/blake3.js";
import { fromBytes, itemAt, TableKey, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import { compareBytes, KeyBuffer } from "../table/key-buffer.js";
import { type RowCodec, rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import type { StoredRow, TableWriter } from "../write/table-writer.js";

export const hashBytes = 20;
const ordinalMax = 0xffff_ffff;

export function hashOf(bytes: Uint8Array): Uint8Array {
  const hash = new Uint8Array(hashBytes);
  blake3Into(bytes, bytes.length, hash, 0, hashBytes);
  return hash;
}

export function likeKey(hash: Uint8Array, ordinal: number): Uint8Array {
  assert(hash.length === hashBytes && ordinal >= 0 && ordinal < ordinalMax, "a row of a view is numbered");
  const key = new Uint8Array(hashBytes + 4);
  key.set(hash);
  new DataView(key.buffer).setUint32(hashBytes, ordinal);
  return key;
}

export interface ViewRowsPorts {
  readonly tenant: number;
  readonly reader: TreeReader;
  /** Says that the work goes on; throws to end it. */
  check(): void;
}

/** Rows between two signs that the work goes on. */
const checkRows = 500;

export class ViewRows {
  readonly #writer: TableWriter;
  readonly #ports: ViewRowsPorts;
  readonly #codec: RowCodec;
  readonly #storage: number;
  readonly #key = new TableKey();
  #worked = 0;

  constructor(table: TableDefinition, writer: TableWriter, ports: ViewRowsPorts) {
    assert(table.keyColumns.length === 0, "rows of a view are keyed by hashes");
    this.#writer = writer;
    this.#ports = ports;
    this.#codec = rowCodecOf(table);
    this.#storage = table.storage;
  }

  /** One row more was looked at or written. */
  work(): void {
    this.#worked += 1;
    if (this.#worked % checkRows === 0) this.#ports.check();
  }

  /** Overwritten by the next call. */
  encodeView(values: readonly Datum[]): Uint8Array {
    return this.#codec.encodeView(values);
  }

  /**
   * Tells of every row that is stored: its key, and its bytes, which begin at `from`. Both are valid until it returns, and nothing may be
   * written meanwhile.
   */
  each(told: (key: Uint8Array, bytes: Uint8Array, from: number, length: number) => void): void {
    const { tenant, reader } = this.#ports;
    const first = this.#key.object(tenant, this.#storage).slice();
    const cursor = reader.cursor(tableTree.rows);
    const treeKey = new KeyBuffer();
    for (let isThere = cursor.seek(first); isThere; isThere = cursor.next()) {
      treeKey.take(cursor);
      if (!first.every((byte, at) => byte === treeKey.bytes[at])) return;
      this.work();
      const { valueBytes, valueStart, valueLength } = cursor;
      told(treeKey.bytes.subarray(itemAt, treeKey.length), valueBytes, valueStart + fromBytes, valueLength - fromBytes);
    }
  }

  find(key: Uint8Array): StoredRow | null {
    return this.#writer.find(key);
  }

  insert(key: Uint8Array, values: readonly Datum[]): void {
    this.work();
    this.#writer.insertAt(key, values);
  }

  update(old: StoredRow, values: readonly Datum[]): void {
    this.work();
    const [before, after] = [this.#codec.encode(old.values), this.encodeView(values)];
    if (compareBytes(before, before.length, after, after.length) !== 0) this.#writer.update(old, values);
  }

  /** Gives a row that is stored other values. */
  replace(key: Uint8Array, values: readonly Datum[]): void {
    this.work();
    this.#writer.update(this.#there(key), values);
  }

  /** Takes away a row that is stored. */
  remove(key: Uint8Array): void {
    this.delete(this.#there(key));
  }

  #there(key: Uint8Array): StoredRow {
    const row = this.find(key);
    assert(row !== null, "a row that was walked over is there");
    return row;
  }

  delete(old: StoredRow): void {
    this.work();
    this.#writer.delete(old);
  }

  // ------------------------------------------------------------------ rows that may be alike

  #has(hash: Uint8Array, ordinal: number): boolean {
    const key = this.#key.item(this.#ports.tenant, this.#storage, likeKey(hash, ordinal));
    return this.#ports.reader.get(tableTree.rows, key);
  }

  /** How many rows there are of one kind. */
  countOf(hash: Uint8Array): number {
    let beyond = 1;
    if (!this.#has(hash, 0)) return 0;
    while (this.#has(hash, beyond)) beyond *= 2;
    let last = beyond >> 1;
    while (last + 1 < beyond) {
      const middle = (last + beyond) >> 1;
      if (this.#has(hash, middle)) last = middle;
      else beyond = middle;
    }
    return last + 1;
  }

  /** Adds so many rows of one kind, or takes them away. */
  countBy(hash: Uint8Array, values: readonly Datum[], by: number): void {
    const count = this.countOf(hash);
    assert(count + by >= 0, "order: rows that leave a view are in it");
    for (let at = count; at < count + by; at++) this.insert(likeKey(hash, at), values);
    for (let at = count - 1; at >= count + by; at--) {
      const row = this.find(likeKey(hash, at));
      assert(row !== null, "rows that are alike are numbered without gaps");
      this.delete(row);
    }
  }
}
