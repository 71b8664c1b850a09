/**
 * The newest run of appends (`commit-row.ts`), while it grows: the row of `commits` as it will be written, and the rows that
 * point to it. Written into the trees when another command follows or the prepare ends; if it grows after that, which happens
 * only when it was written before its end, it is written again.
 */
import type { TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import {
  appendRowBytes,
  appendRowBytesMax,
  commitField,
  runAppendsMax,
  runEntryBytes,
  runEntryField,
} from "./commit-row.js";
import { appendHeadBytes, requestKind, tree } from "./kinds.js";
import { copyBytes, setU64 } from "./numbers.js";
import { type RecordView, requestKeyBytes } from "./record.js";
import { areOfOneSeries, type RequestKeys } from "./request-keys.js";
import type { StateKeys } from "./state-keys.js";
import { eventsRowBytes } from "./stream-rows.js";

const lastWord = 12;

export class AppendRun {
  readonly #row = new Uint8Array(appendRowBytesMax);
  readonly #view = new DataView(this.#row.buffer);
  /** The row's bytes by count of appends: views of the same memory. */
  #rows = this.#rowsFor(0);
  readonly #principal = new Uint8Array(255);
  readonly #principalView = new DataView(this.#principal.buffer);
  #principalLength = 0;
  readonly #events = new Uint8Array(eventsRowBytes);
  readonly #eventsView = new DataView(this.#events.buffer);
  /** 0: there is no run. */
  count = 0;
  /** How many of them are in the trees. */
  #stored = 0;
  tenant = 0;
  stream = 0;
  firstPosition = 0;
  hasKey = false;
  #firstOffset = 0;
  #firstTime = 0;
  #endAddress = 0;
  #isInSession = false;

  #rowsFor(principalLength: number): readonly Uint8Array[] {
    return Array.from({ length: runAppendsMax }, (_, more) =>
      this.#row.subarray(0, appendRowBytes + more * runEntryBytes + principalLength),
    );
  }

  get isStored(): boolean {
    return this.#stored === this.count;
  }

  /** Forgets a run that is in the trees. */
  drop(): void {
    assert(this.isStored, "a run of appends is written before it is forgotten");
    this.count = 0;
    this.#stored = 0;
  }

  /** The position that a key has in the run, or -1. */
  positionOf(tenant: number, view: DataView, keyAt: number): number {
    if (this.count === 0 || !this.hasKey || tenant !== this.tenant) return -1;
    if (!areOfOneSeries(view, keyAt, this.#view, commitField.requestKey)) return -1;
    const index = view.getUint32(keyAt + lastWord) - this.#view.getUint32(commitField.requestKey + lastWord);
    return index >= 0 && index < this.count ? this.firstPosition + index : -1;
  }

  /** Whether an append continues the run: a question to the log alone, however the state came to be. */
  isContinuedBy(record: RecordView, tenant: number, stream: number, position: number, address: number): boolean {
    const { count } = this;
    return (
      count > 0 &&
      count < runAppendsMax &&
      address === this.#endAddress &&
      tenant === this.tenant &&
      stream === this.stream &&
      position === this.firstPosition + count &&
      !this.#isInSession &&
      record.session === 0 &&
      record.time - this.#firstTime < 2 ** 32 &&
      this.#isOf(record) &&
      record.hasKey === this.hasKey &&
      (!record.hasKey || this.#isNextKey(record.view, record.keyFrom))
    );
  }

  #isOf({ bytes, principalFrom, principalLength }: RecordView): boolean {
    if (principalLength !== this.#principalLength) return false;
    for (let at = 0; at < principalLength; at += 1) {
      if (bytes[principalFrom + at] !== this.#principal[at]) return false;
    }
    return true;
  }

  #setPrincipal(record: RecordView): void {
    if (this.#isOf(record)) return;
    const { bytes, view, principalFrom, principalLength } = record;
    assert(principalLength <= this.#principal.length, "a principal is at most 255 bytes");
    copyBytes(bytes, view, principalFrom, principalFrom + principalLength, this.#principal, this.#principalView, 0);
    if (principalLength !== this.#principalLength) this.#rows = this.#rowsFor(principalLength);
    this.#principalLength = principalLength;
  }

  #isNextKey(view: DataView, at: number): boolean {
    return (
      areOfOneSeries(view, at, this.#view, commitField.requestKey) &&
      view.getUint32(at + lastWord) === this.#view.getUint32(commitField.requestKey + lastWord) + this.count
    );
  }

  /** Begins a run with an append. The one before is in the trees. */
  begin(
    record: RecordView,
    tenant: number,
    position: number,
    address: number,
    stream: number,
    first: number,
    count: number,
    bytesBefore: number,
  ): void {
    assert(this.isStored, "a run of appends is written before the next begins");
    const view = this.#view;
    const { from, to } = record;
    setU64(view, commitField.time, record.time);
    view.setUint8(commitField.kind, requestKind.append);
    view.setUint8(commitField.flags, record.hasKey ? 1 : 0);
    view.setUint32(commitField.recordLength, to - from, true);
    setU64(view, commitField.address, address);
    const keyTo = record.keyFrom + requestKeyBytes;
    copyBytes(record.bytes, record.view, record.keyFrom, keyTo, this.#row, view, commitField.requestKey);
    setU64(view, commitField.subject, stream);
    setU64(view, commitField.first, first);
    view.setUint32(commitField.count, count, true);
    view.setUint32(commitField.requestCrc, record.requestCrc, true);
    view.setUint32(commitField.requestLength, record.requestLength, true);
    setU64(view, commitField.bytesBefore, bytesBefore);
    view.setUint32(commitField.eventsAt, record.factsFrom + appendHeadBytes - from, true);
    this.#setPrincipal(record);
    view.setUint8(commitField.principalLength, this.#principalLength);
    this.tenant = tenant;
    this.stream = stream;
    this.firstPosition = position;
    this.hasKey = record.hasKey;
    this.count = 1;
    this.#stored = 0;
    this.#firstOffset = first;
    this.#firstTime = record.time;
    this.#isInSession = record.session !== 0;
    this.#endAddress = address + (to - from);
  }

  /** Adds an append that continues the run. */
  add(record: RecordView, count: number): void {
    assert(this.count > 0 && this.count < runAppendsMax, "only a run that has room is continued");
    const view = this.#view;
    const at = appendRowBytes + (this.count - 1) * runEntryBytes;
    const eventsAt = record.factsFrom + appendHeadBytes - record.from;
    const { requestLength, from, to } = record;
    const eventsLength = to - from - eventsAt;
    // The reader works it out; a row that says otherwise would answer a retry wrongly.
    assert(
      requestLength === (this.hasKey ? eventsLength + appendHeadBytes : 0),
      "the length of an append's request follows from its events",
    );
    view.setUint32(at + runEntryField.time, record.time - this.#firstTime, true);
    view.setUint32(at + runEntryField.recordLength, to - from, true);
    view.setUint32(at + runEntryField.count, count, true);
    view.setUint32(at + runEntryField.requestCrc, record.requestCrc, true);
    view.setUint32(at + runEntryField.eventsAt, eventsAt, true);
    this.count += 1;
    this.#endAddress += to - from;
  }

  /** Writes the run into the trees, or what it has grown by since. */
  store(state: TreeWriter, keys: StateKeys, requestKeys: RequestKeys): void {
    const { count, tenant, firstPosition } = this;
    if (this.#stored === count) return;
    this.#view.setUint16(commitField.commands, count, true);
    const row = this.#rows[count - 1];
    assert(row !== undefined, "a run has a row for each of its lengths");
    const { length } = row;
    const principalLength = this.#principalLength;
    copyBytes(this.#principal, this.#principalView, 0, principalLength, row, this.#view, length - principalLength);
    if (this.#stored === 0) {
      const written = state.insert(tree.commits, keys.two(tenant, firstPosition), row);
      assert(written, "order: a position is written once");
      setU64(this.#eventsView, 0, firstPosition);
      const placed = state.insert(tree.events, keys.three(tenant, this.stream, this.#firstOffset), this.#events);
      assert(placed, "order: an offset of a stream is written once");
    } else state.put(tree.commits, keys.two(tenant, firstPosition), row);
    if (this.hasKey) requestKeys.put(state, tenant, this.#view, commitField.requestKey, firstPosition, count);
    this.#stored = count;
  }
}
