/** The list of a tenant's commands: what, when, under which key, and where the record is. */
import { assert } from "../../types/assert.js";
import { commitField, commitRowBytes } from "../commit-row.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key } from "../numbers.js";
import { requestKeyBytes } from "../record.js";
import type { StateReads } from "./state-reads.js";

export interface Commit {
  readonly position: number;
  /** µs */
  readonly time: number;
  /** The request kind that caused it. */
  readonly kind: number;
  readonly subject: number;
  readonly first: number;
  readonly count: number;
  /** Zeroes when the request had none. */
  readonly requestKey: Uint8Array;
  /** Where the record is: its length, frame included, and its log address. */
  readonly recordLength: number;
  readonly address: number;
}

/** Commands from position `from` on, at most `limit`, below the bound. Also what a move exports, record by record. */
export function listCommits(reads: StateReads, tenant: number, from: number, limit: number, bound: number): Commit[] {
  assert(from >= 0 && limit >= 0, "a listing has a start and a limit");
  const commits: Commit[] = [];
  const cursor = reads.cursor(tree.commits);
  const key = new Uint8Array(16);
  const keyView = new DataView(key.buffer);
  let more = cursor.seek(reads.keys.two(tenant, from));
  while (more && commits.length < limit) {
    cursor.keyInto(key);
    const position = getU64Key(keyView, 8);
    if (getU64Key(keyView, 0) !== tenant || position >= bound) break;
    assert(position === from + commits.length, "order: every position below the next one has its commit");
    const { valueBytes: bytes, valueView: view, valueStart: at } = cursor;
    assert(cursor.valueLength === commitRowBytes, "a commit row has its fixed size");
    const requestKeyAt = at + commitField.requestKey;
    commits.push({
      position,
      time: getU64(view, at + commitField.time),
      kind: view.getUint8(at + commitField.kind),
      subject: getU64(view, at + commitField.subject),
      first: getU64(view, at + commitField.first),
      count: view.getUint32(at + commitField.count, true),
      requestKey: bytes.slice(requestKeyAt, requestKeyAt + requestKeyBytes),
      recordLength: view.getUint32(at + commitField.recordLength, true),
      address: getU64(view, at + commitField.address),
    });
    more = cursor.next();
  }
  return commits;
}
