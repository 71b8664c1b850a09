/** The list of a tenant's commands: what, when, under which key, and where the record is. */
import { assert } from "../../types/assert.js";
import { tree } from "../kinds.js";
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
  const { commits: walk } = reads;
  let more = walk.find(reads.cursor(tree.commits), tenant, from);
  while (more && commits.length < limit && walk.position < bound) {
    const { position, time, kind, subject, first, count, recordLength, address } = walk;
    assert(position === from + commits.length, "order: every position below the next one has its commit");
    const requestKey = walk.requestKey();
    commits.push({ position, time, kind, subject, first, count, requestKey, recordLength, address });
    more = walk.next();
  }
  return commits;
}
