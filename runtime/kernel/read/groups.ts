/** Consumer groups: their state, and which event is to be delivered next. Rows: `group-rows.ts`. */
import type { Cursor } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { ackField, ackState, type GroupRow, parkedField, parkReason, readGroupRow } from "../group-rows.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key, setU64Key } from "../numbers.js";
import { nameBytes, nameOf } from "../texts.js";
import type { StateReads } from "./state-reads.js";

export interface GroupInfo extends GroupRow {
  readonly stream: number;
  readonly name: string;
}

export function groupByName(reads: StateReads, tenant: number, stream: number, name: string): GroupInfo | null {
  assert(name.length > 0, "a group has a name");
  const { state } = reads;
  if (!state.get(tree.groups, reads.keys.group(tenant, stream, nameBytes(name)))) return null;
  const row = readGroupRow(state);
  assert(row.settled >= 0, "a group's counts are not negative");
  return { ...row, stream, name };
}

/** All groups of a stream, by name: at most `groupsPerStreamMax`. */
export function listGroups(reads: StateReads, tenant: number, stream: number): GroupInfo[] {
  const groups: GroupInfo[] = [];
  const cursor = reads.cursor(tree.groups);
  const key = new Uint8Array(512);
  const keyView = new DataView(key.buffer);
  const none = nameBytes("");
  for (let more = cursor.seek(reads.keys.group(tenant, stream, none)); more; more = cursor.next()) {
    const length = cursor.keyInto(key);
    if (getU64Key(keyView, 0) !== tenant || getU64Key(keyView, 8) !== stream) break;
    assert(length > 16, "a group's key holds its name");
    groups.push({ ...readGroupRow(cursor), stream, name: nameOf(key, 16, length - 16) });
  }
  assert(
    groups.every((group) => group.floor >= group.start),
    "a group's floor never falls below its start",
  );
  return groups;
}

export interface ParkedEvent {
  readonly offset: number;
  /** When it was parked. */
  readonly position: number;
  readonly time: number;
  readonly attempts: number;
  readonly reason: "attempts" | "asked";
}

/** Parked events of a group from an offset on, at most `limit`. */
export function listParked(
  reads: StateReads,
  tenant: number,
  group: number,
  from: number,
  limit: number,
): ParkedEvent[] {
  assert(from >= 0 && limit >= 0, "a listing has a start and a limit");
  const parked: ParkedEvent[] = [];
  const cursor = reads.cursor(tree.parked);
  const key = new Uint8Array(24);
  const keyView = new DataView(key.buffer);
  let more = cursor.seek(reads.keys.three(tenant, group, from));
  while (more && parked.length < limit) {
    cursor.keyInto(key);
    if (getU64Key(keyView, 0) !== tenant || getU64Key(keyView, 8) !== group) break;
    const { valueView: view, valueStart: at } = cursor;
    const reason = view.getUint8(at + parkedField.reason);
    assert(reason === parkReason.attempts || reason === parkReason.asked, "a parked event has a known reason");
    parked.push({
      offset: getU64Key(keyView, 16),
      position: getU64(view, at + parkedField.position),
      time: getU64(view, at + parkedField.time),
      attempts: view.getUint16(at + parkedField.attempts, true),
      reason: reason === parkReason.attempts ? "attempts" : "asked",
    });
    more = cursor.next();
  }
  return parked;
}

/**
 * Walks the events of a group that are not settled, by offset: first those being replayed below the floor, then all open and
 * retrying ones from the floor up to the stream's end. `open`, then `next` until it answers false; `offset` and `attempts`
 * (failed ones so far) describe the event. Valid for one version of the state: open again on a newer one.
 */
export class UnsettledEvents {
  readonly #reads: StateReads;
  readonly #start = new Uint8Array(24);
  readonly #startView = new DataView(this.#start.buffer);
  readonly #key = new Uint8Array(24);
  readonly #keyView = new DataView(this.#key.buffer);
  #cursor: Cursor;
  #tenant = 0;
  #group = 0;
  #floor = 0;
  #head = 0;
  #at = 0;
  /** Offset of the entry under the cursor, or past every offset. */
  #entry = 0;
  offset = 0;
  attempts = 0;

  constructor(reads: StateReads) {
    this.#reads = reads;
    this.#cursor = reads.cursor(tree.groupAcks);
  }

  /** @param head the stream's next offset */
  open(tenant: number, group: GroupRow, from: number, head: number): this {
    assert(group.floor <= head, "a group's floor is not beyond its stream");
    assert(from >= 0, "an offset is not negative");
    this.#cursor = this.#reads.cursor(tree.groupAcks);
    this.#tenant = tenant;
    this.#group = group.group;
    this.#floor = group.floor;
    this.#head = head;
    this.#at = from;
    setU64Key(this.#startView, 0, tenant);
    setU64Key(this.#startView, 8, group.group);
    setU64Key(this.#startView, 16, from);
    this.#readEntry(this.#cursor.seek(this.#start));
    return this;
  }

  #readEntry(more: boolean): void {
    this.#entry = Number.MAX_SAFE_INTEGER;
    if (!more) return;
    this.#cursor.keyInto(this.#key);
    const isOurs = getU64Key(this.#keyView, 0) === this.#tenant && getU64Key(this.#keyView, 8) === this.#group;
    if (isOurs) this.#entry = getU64Key(this.#keyView, 16);
    assert(this.#entry >= this.#at, "entries of a group are walked upwards");
  }

  next(): boolean {
    assert(
      this.#cursor === this.#reads.cursor(tree.groupAcks),
      "snapshot: a walk stays on the version it was opened on",
    );
    for (;;) {
      // Below the floor only what is being replayed is unsettled.
      if (this.#at < this.#floor) this.#at = Math.min(this.#entry, this.#floor);
      if (this.#at >= this.#head) return false;
      const offset = this.#at;
      this.#at = offset + 1;
      if (this.#entry !== offset) {
        this.offset = offset;
        this.attempts = 0;
        return true;
      }
      const { valueView: view, valueStart: start } = this.#cursor;
      const isRetrying = view.getUint8(start + ackField.state) === ackState.retrying;
      assert(isRetrying || offset > this.#floor, "a settled entry stands above the floor");
      this.offset = offset;
      this.attempts = view.getUint16(start + ackField.attempts, true);
      this.#readEntry(this.#cursor.next());
      if (isRetrying) return true;
    }
  }
}
