/**
 * Consumer groups: which events of a stream a group of consumers is done with. Durable through the log; who holds which event
 * at the moment (the leases) is a shell's affair and is lost with it: an event not settled is delivered again.
 *
 *            settled        settled  retrying   open (never answered)
 *   0 ────────────── floor ─┬──────┬─────┬─────┬───────────── head
 *    (retrying after a       │ at most groupAckWindowMax │
 *     replay: rare)          offsets settled above the floor
 *
 * All below the floor is settled, except what was parked and is being replayed. The floor moves up whenever the event at it
 * is settled. A parked event counts as settled.
 *
 * Tree `groups`, key tenant · stream · name (the group's id is the position of its creation):
 *    0     8  group id
 *    8     8  time of its creation, µs
 *   16     8  floor
 *   24     8  offset at which it began
 *   32     4  settled above the floor
 *   36     4  retrying
 *   40     4  parked
 *   44     4  time that a consumer has for an answer, ms
 *   48     2  attempts until an event is parked, 0 = without end
 *   50     6  zero
 *
 * Tree `groupAcks`, key tenant · group id · offset:
 *    0     1  1 = settled (only above the floor), 2 = retrying
 *    1     1  zero
 *    2     2  failed attempts
 *
 * Tree `parked`, key tenant · group id · offset:
 *    0     8  position at which it was parked
 *    8     8  time of it, µs
 *   16     2  failed attempts
 *   18     1  reason: 1 = attempts used up, 2 = a consumer asked for it
 *   19     1  zero
 */
import type { TreeReader } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { getU64 } from "./numbers.js";

export const groupRowBytes = 56;
export const groupField = {
  group: 0,
  createdTime: 8,
  floor: 16,
  start: 24,
  settled: 32,
  retrying: 36,
  parked: 40,
  timeoutMs: 44,
  attemptsMax: 48,
} as const;

export const ackRowBytes = 4;
export const ackState = { settled: 1, retrying: 2 } as const;
export const ackField = { state: 0, attempts: 2 } as const;

export const parkedRowBytes = 20;
export const parkedField = { position: 0, time: 8, attempts: 16, reason: 18 } as const;
export const parkReason = { attempts: 1, asked: 2 } as const;

/** What a consumer says of an event. */
export const verdict = { ack: 0, nack: 1, park: 2, replay: 3, discard: 4 } as const;
export const verdictsCount = 5;
/** What a verdict comes to, as a fact. */
export const effect = { settle: 0, retry: 1, park: 2, replay: 3, discard: 4, parkForAttempts: 5 } as const;
export const effectsCount = 6;

export interface GroupRow {
  readonly group: number;
  readonly createdTime: number;
  readonly floor: number;
  readonly start: number;
  readonly settled: number;
  readonly retrying: number;
  readonly parked: number;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
}

/** Decodes the row that a reader has just found. */
export function readGroupRow(at: Pick<TreeReader, "valueView" | "valueStart" | "valueLength">): GroupRow {
  const { valueView: view, valueStart: from } = at;
  assert(at.valueLength === groupRowBytes, "a group row has its fixed size");
  const row = {
    group: getU64(view, from + groupField.group),
    createdTime: getU64(view, from + groupField.createdTime),
    floor: getU64(view, from + groupField.floor),
    start: getU64(view, from + groupField.start),
    settled: view.getUint32(from + groupField.settled, true),
    retrying: view.getUint32(from + groupField.retrying, true),
    parked: view.getUint32(from + groupField.parked, true),
    timeoutMs: view.getUint32(from + groupField.timeoutMs, true),
    attemptsMax: view.getUint16(from + groupField.attemptsMax, true),
  };
  assert(row.floor >= row.start, "a group's floor never falls below its start");
  return row;
}
