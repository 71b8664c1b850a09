/**
 * sessionOpen, sessionClose: a client's numbered requests (rows: `session-rows.ts`).
 *
 * sessionOpen, request: client id 16, not zero.
 *   Facts: client id 16 · the client's earlier session u64 (0 = none), which ends · older sessions to evict u32.
 *   Outcome: subject = session, first = 0, count = evicted sessions.
 *   The session's number is its position + 1: zero means "no session" in every head. At the quota the session opened longest
 *   ago goes first. How many go is a fact, since quotas are set by another tenant's commands (the system's): a move replays
 *   this tenant's records alone and must still come to the same sessions.
 *
 * sessionClose, request and facts: session u64. Outcome: subject = session, first = 0, count = 0.
 */
import { assert } from "../../types/assert.js";
import { KimberliteError } from "../../types/errors.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import { getU64, getU64Key, setU64 } from "../numbers.js";
import { isZeroKey } from "../record.js";
import { clientIdBytes, sessionField, sessionRowBytes } from "../session-rows.js";
import type { Step } from "../step.js";
import { tenantField } from "../tenant-row.js";

export function decideSessionOpen(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const client = body.raw(clientIdBytes);
  body.end();
  if (isZeroKey(draft.request.view, draft.bodyFrom)) {
    throw new KimberliteError("invalidArgument", "a client id of zeros names no client");
  }
  const earlier = state.get(tree.sessions, keys.client(tenant, client)) ? getU64(state.valueView, state.valueStart) : 0;
  assert(earlier <= draft.position, "a session was opened at an earlier position");
  const open = draft.sessions - (earlier === 0 ? 0 : 1);
  const evicted = Math.max(0, open + 1 - draft.quotaSessions);
  assert(evicted <= open, "no more sessions are evicted than there are");
  draft.beginRecord();
  draft.out.raw(client).u64(earlier).u32(evicted);
  draft.finish(draft.position + 1, 0, evicted);
}

export function applySessionOpen(step: Step): void {
  const { state, record, keys, tenant, position } = step;
  const { bytes, view, factsFrom } = record;
  assert(record.factsLength === clientIdBytes + 12, "the facts of an opened session have their fixed size");
  const client = bytes.slice(factsFrom, factsFrom + clientIdBytes);
  const earlier = getU64(view, factsFrom + 16);
  const evicted = view.getUint32(factsFrom + 24, true);
  const session = position + 1;
  if (earlier !== 0) removeSession(step, earlier);
  for (let i = 0; i < evicted; i += 1) removeSession(step, oldestSession(step));

  const row = new Uint8Array(sessionRowBytes);
  row.set(client, sessionField.client);
  const opened = state.insert(tree.sessions, keys.session(tenant, session), row);
  assert(opened, "a session number is used once");
  setU64(step.numberView, 0, session);
  const named = state.insert(tree.sessions, keys.client(tenant, client), step.number);
  assert(named, "a client has at most one session");
  countSessions(step, 1);
  step.subject = session;
  step.first = 0;
  step.count = evicted;
}

export function decideSessionClose(draft: Draft): void {
  const { state, keys, tenant } = draft;
  const body = draft.body();
  const session = body.u64();
  body.end();
  assert(tenant !== 0, "sessions are of users' tenants");
  if (!state.get(tree.sessions, keys.session(tenant, session))) {
    throw new KimberliteError("sessionUnknown", `session ${session}`, { detail: { session }, outcome: "notCommitted" });
  }
  assert(session <= draft.position, "a session was opened at an earlier position");
  draft.beginRecord();
  draft.out.u64(session);
  draft.finish(session, 0, 0);
}

export function applySessionClose(step: Step): void {
  const { view, factsFrom } = step.record;
  assert(step.record.factsLength === 8, "the facts of a closed session are its number");
  const session = getU64(view, factsFrom);
  removeSession(step, session);
  step.subject = session;
  step.first = 0;
  step.count = 0;
  assert(session <= step.position, "a session was opened at an earlier position");
}

function oldestSession(step: Step): number {
  const { state, keys, tenant } = step;
  const cursor = state.cursor(tree.sessions);
  const found = cursor.seek(keys.session(tenant, 0));
  assert(found, "a session to evict exists");
  const key = new Uint8Array(32);
  const length = cursor.keyInto(key);
  const view = new DataView(key.buffer);
  assert(length === 17 && getU64Key(view, 0) === tenant, "only a tenant's own sessions are evicted");
  return getU64Key(view, 9);
}

function removeSession(step: Step, session: number): void {
  const { state, keys, tenant } = step;
  const found = state.get(tree.sessions, keys.session(tenant, session));
  assert(found, "a session that ends is one of its tenant's");
  const at = state.valueStart + sessionField.client;
  const client = state.valueBytes.slice(at, at + clientIdBytes);
  const removed = state.delete(tree.sessions, keys.session(tenant, session));
  const unnamed = state.delete(tree.sessions, keys.client(tenant, client));
  assert(removed && unnamed, "a session stands under its number and its client");
  countSessions(step, -1);
}

function countSessions(step: Step, change: number): void {
  const { state, keys, tenant } = step;
  const known = state.update(tree.tenants, keys.one(tenant));
  assert(known, "a session is of a tenant of this shard");
  const at = state.valueStart + tenantField.sessions;
  const count = state.valueView.getUint32(at, true) + change;
  assert(count >= 0, "a tenant's count of sessions is not negative");
  state.valueView.setUint32(at, count, true);
}
