/**
 * Commands one by one, out of the rows of `commits` that may hold several appends each. `find` goes to a position, `next` to the
 * one after; the fields describe the command until the next call. Valid for one version of the state.
 */
import type { Cursor } from "../store/tree.js";
import { assert } from "../types/assert.js";
import {
  appendRowBytes,
  commitField,
  commitRowBytes,
  commitTablesMax,
  runEntryBytes,
  runEntryField,
  tooManyTables,
} from "./commit-row.js";
import { appendHeadBytes, requestKind } from "./kinds.js";
import { getU64, getU64Key, setU64Key } from "./numbers.js";
import { requestKeyBytes } from "./record.js";

export class CommitWalk {
  readonly #seekKey = new Uint8Array(16);
  readonly #seekView = new DataView(this.#seekKey.buffer);
  readonly #rowKey = new Uint8Array(16);
  readonly #rowKeyView = new DataView(this.#rowKey.buffer);
  #cursor: Cursor | null = null;
  #tenant = 0;
  /** Position of the row's first command, and how many it holds. */
  rowPosition = 0;
  rowCommands = 0;
  position = 0;
  /** µs */
  time = 0;
  kind = 0;
  hasKey = false;
  recordLength = 0;
  address = 0;
  subject = 0;
  first = 0;
  count = 0;
  requestCrc = 0;
  requestLength = 0;
  /** Of appends: stored event bytes of the stream before it, and where its events begin in the record. */
  bytesBefore = 0;
  eventsAt = 0;

  /** @param cursor of the tree `commits`. False when the position has no row. */
  find(cursor: Cursor, tenant: number, position: number): boolean {
    assert(position >= 0, "a position is not negative");
    this.#cursor = cursor;
    this.#tenant = tenant;
    setU64Key(this.#seekView, 0, tenant);
    setU64Key(this.#seekView, 8, position);
    if (!cursor.seekFloor(this.#seekKey) || !this.#openRow()) return false;
    assert(this.rowPosition <= position, "a row is found by its first command");
    if (position >= this.rowPosition + this.rowCommands) return false;
    while (this.position < position) this.#step();
    return true;
  }

  /** To the next position of the tenant. False when it has none. */
  next(): boolean {
    assert(this.#cursor !== null, "a walk goes on from where it was found");
    if (this.position + 1 < this.rowPosition + this.rowCommands) {
      this.#step();
      return true;
    }
    const before = this.position;
    if (!this.#cursor.next() || !this.#openRow()) return false;
    assert(this.position === before + 1, "order: every position below the next one has its commit");
    return true;
  }

  /** False when the cursor stands on another tenant's row. */
  #openRow(): boolean {
    const cursor = this.#cursor;
    assert(cursor !== null, "a row is opened under a cursor");
    cursor.keyInto(this.#rowKey);
    if (getU64Key(this.#rowKeyView, 0) !== this.#tenant) return false;
    const { valueView: view, valueStart: at } = cursor;
    this.rowPosition = getU64Key(this.#rowKeyView, 8);
    this.rowCommands = view.getUint16(at + commitField.commands, true);
    assert(this.rowCommands >= 1, "a row of commits holds a command");
    this.position = this.rowPosition;
    this.time = getU64(view, at + commitField.time);
    this.kind = view.getUint8(at + commitField.kind);
    this.hasKey = view.getUint8(at + commitField.flags) === 1;
    this.recordLength = view.getUint32(at + commitField.recordLength, true);
    this.address = getU64(view, at + commitField.address);
    this.subject = getU64(view, at + commitField.subject);
    this.first = getU64(view, at + commitField.first);
    this.count = view.getUint32(at + commitField.count, true);
    this.requestCrc = view.getUint32(at + commitField.requestCrc, true);
    this.requestLength = view.getUint32(at + commitField.requestLength, true);
    if (this.kind === requestKind.append) {
      this.bytesBefore = getU64(view, at + commitField.bytesBefore);
      this.eventsAt = view.getUint16(at + commitField.eventsAt, true);
    }
    return true;
  }

  /** Bytes of an append's events. */
  get eventsLength(): number {
    return this.recordLength - this.eventsAt;
  }

  #step(): void {
    const cursor = this.#cursor;
    assert(cursor !== null && this.kind === requestKind.append, "only appends share a row");
    const index = this.position - this.rowPosition + 1;
    assert(index < this.rowCommands, "a step stays within its row");
    const { valueView: view, valueStart } = cursor;
    const at = valueStart + appendRowBytes + (index - 1) * runEntryBytes;
    this.position += 1;
    this.address += this.recordLength;
    this.first += this.count;
    this.bytesBefore += this.eventsLength;
    this.time = getU64(view, valueStart + commitField.time) + view.getUint32(at + runEntryField.time, true);
    this.recordLength = view.getUint32(at + runEntryField.recordLength, true);
    this.count = view.getUint32(at + runEntryField.count, true);
    this.requestCrc = view.getUint32(at + runEntryField.requestCrc, true);
    this.eventsAt = view.getUint16(at + runEntryField.eventsAt, true);
    this.requestLength = this.hasKey ? this.eventsLength + appendHeadBytes : 0;
  }

  /** A copy of the command's request key; zeroes when it has none. */
  requestKey(): Uint8Array {
    const cursor = this.#cursor;
    assert(cursor !== null, "a key is of a command that was found");
    const from = cursor.valueStart + commitField.requestKey;
    const key = cursor.valueBytes.slice(from, from + requestKeyBytes);
    if (!this.hasKey) return key;
    const view = new DataView(key.buffer);
    const last = view.getUint32(12) + (this.position - this.rowPosition);
    assert(last < 2 ** 32, "the keys of a run count up in their last four bytes");
    view.setUint32(12, last);
    return key;
  }

  /** Where a row of other commands than appends says who caused it; -1 in rows that an older program wrote. */
  get #authorAt(): number {
    const cursor = this.#cursor;
    assert(cursor !== null, "a command is asked about after it was found");
    const isThere = this.kind !== requestKind.append && cursor.valueLength > commitRowBytes;
    return isThere ? cursor.valueStart + commitRowBytes : -1;
  }

  /** A copy of the principal's bytes, UTF-8; null when the row does not say, as an older program wrote it. */
  principal(): Uint8Array | null {
    const cursor = this.#cursor;
    assert(cursor !== null, "a command is asked about after it was found");
    const end = cursor.valueStart + cursor.valueLength;
    if (this.kind === requestKind.append) {
      const length = cursor.valueView.getUint8(cursor.valueStart + commitField.principalLength);
      return length === 0 ? null : cursor.valueBytes.slice(end - length, end);
    }
    const at = this.#authorAt;
    if (at < 0) return null;
    const length = cursor.valueView.getUint8(at);
    assert(at + 1 + length < end, "a principal lies within its row");
    return cursor.valueBytes.slice(at + 1, at + 1 + length);
  }

  /** Storage numbers of the tables whose rows the command changed; null when the row does not say, or there were too many. */
  tables(): number[] | null {
    const at = this.#authorAt;
    const cursor = this.#cursor;
    if (at < 0 || cursor === null) return null;
    const { valueView: view } = cursor;
    const countAt = at + 1 + view.getUint8(at);
    const count = view.getUint8(countAt);
    if (count === tooManyTables) return null;
    assert(count <= commitTablesMax, "a row lists as many tables as fit");
    assert(countAt + 1 + 4 * count === cursor.valueStart + cursor.valueLength, "a row ends with its tables");
    return Array.from({ length: count }, (_, table) => view.getUint32(countAt + 1 + 4 * table, true));
  }
}
