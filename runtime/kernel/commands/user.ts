/**
 * Commands about users (rows: `user-rows.ts`), in the system tenant of shard 0.
 *
 *   kind         request after the common head, and facts where they differ                          outcome
 *   userCreate   flags u8 (bit 0: if not exists, bit 1: only as the first user) · name · user        count = 1 created, 0 not
 *                facts: name · user
 *   userAlter    name · user                                                                         count = 1
 *   userDrop     name                                                                                count = 1
 *
 * Names are u16 + UTF-8. One superuser always remains.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import { KimberliteError } from "../../types/errors.js";
import { userName } from "../../types/ids.js";
import { userNameBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import { copyBytes, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { nameBytes, nameOf } from "../texts.js";
import { decodeUser, readUserRow, type UserRow, userRowHeadBytes, userRowVersion } from "../user-rows.js";

/** Before every name, for names hold no control characters; and behind the staged parts of transactions, whose keys begin with a zero. */
const beforeNames = Uint8Array.of(1);
const flagIfNotExists = 1;
const flagOnlyFirst = 2;

function expectUser(draft: Draft, name: Uint8Array): UserRow {
  const text = nameOf(name, 0, name.length);
  if (draft.state.get(tree.users, name)) return readUserRow(draft.state, text);
  throw new KimberliteError("userUnknown", `"${text}"`);
}

/** Somebody else can still administer the node. */
function expectOtherSuperuser(draft: Draft, name: Uint8Array): void {
  const cursor = draft.state.cursor(tree.users);
  const key = new Uint8Array(userNameBytesMax);
  for (let more = cursor.seek(beforeNames); more; more = cursor.next()) {
    const length = cursor.keyLength;
    cursor.keyInto(key);
    assert(length <= userNameBytesMax, "a user's name is within its limit");
    const isSame = length === name.length && name.every((byte, at) => byte === key[at]);
    if (!isSame && readUserRow(cursor, nameOf(key, 0, length)).isSuperuser) return;
  }
  throw new KimberliteError("userNeeded", "make another superuser first");
}

export function decideUserCreate(draft: Draft): void {
  const { state, request } = draft;
  const body = draft.body();
  const flags = body.choice(4);
  const factsFrom = body.offset;
  const name = nameBytes(userName(body.string(userNameBytesMax)));
  decodeUser(body);
  body.end();
  const exists = state.get(tree.users, name);
  const isLate = (flags & flagOnlyFirst) !== 0 && state.cursor(tree.users).seek(beforeNames);
  if (exists || isLate) {
    if (exists && flags === 0) throw new KimberliteError("userExists", `"${nameOf(name, 0, name.length)}"`);
    assert(draft.position > 0, "a user that exists was made by an earlier command");
    return draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, 0, 0, 0);
  }
  assert((flags & ~(flagIfNotExists | flagOnlyFirst)) === 0, "flags are those that are known");
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, factsFrom, request.to);
  draft.finish(0, 0, 1);
}

export function decideUserAlter(draft: Draft): void {
  const { request } = draft;
  const body = draft.body();
  const name = nameBytes(userName(body.string(userNameBytesMax)));
  const user = decodeUser(body);
  body.end();
  const row = expectUser(draft, name);
  if (row.isSuperuser && !user.isSuperuser) expectOtherSuperuser(draft, name);
  assert(row.createdPosition < draft.position, "a user was created at an earlier position");
  assert(body.remaining === 0, "the facts are the whole request");
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, draft.bodyFrom, request.to);
  draft.finish(0, 0, 1);
}

export function decideUserDrop(draft: Draft): void {
  const body = draft.body();
  const name = nameBytes(userName(body.string(userNameBytesMax)));
  body.end();
  const row = expectUser(draft, name);
  if (row.isSuperuser) expectOtherSuperuser(draft, name);
  assert(row.createdPosition < draft.position, "a user was created at an earlier position");
  assert(name.length > 0, "a user has a name");
  draft.beginRecord();
  draft.out.text(name);
  draft.finish(0, 0, 1);
}

/** The name that the facts begin with, and where the user behind it begins. */
function nameIn({ record }: Step): { readonly name: Uint8Array; readonly userFrom: number } {
  const length = record.view.getUint16(record.factsFrom, true);
  const from = record.factsFrom + 2;
  assert(length > 0 && from + length <= record.to, "the facts of a user begin with its name");
  return { name: record.bytes.slice(from, from + length), userFrom: from + length };
}

function rowOf(step: Step, userFrom: number): { readonly row: Uint8Array; readonly view: DataView } {
  const { record } = step;
  const reader = new ByteReader(record.bytes, userFrom, record.to);
  decodeUser(reader);
  assert(reader.remaining === 0, "the facts of a user end with its tenants");
  const row = new Uint8Array(userRowHeadBytes + record.to - userFrom);
  const view = new DataView(row.buffer);
  row[0] = userRowVersion;
  copyBytes(record.bytes, record.view, userFrom, record.to, row, view, userRowHeadBytes);
  return { row, view };
}

function setOutcome(step: Step): void {
  step.subject = 0;
  step.first = 0;
  step.count = 1;
}

export function applyUserCreate(step: Step): void {
  const { name, userFrom } = nameIn(step);
  const { row, view } = rowOf(step, userFrom);
  setU64(view, 1, step.position);
  setU64(view, 9, step.record.time);
  const created = step.state.insert(tree.users, name, row);
  assert(created, "a user's name is unique");
  setOutcome(step);
}

export function applyUserAlter(step: Step): void {
  const { state } = step;
  const { name, userFrom } = nameIn(step);
  const { row, view } = rowOf(step, userFrom);
  const known = state.get(tree.users, name);
  assert(known, "a user that is altered exists");
  const before = readUserRow(state, nameOf(name, 0, name.length));
  setU64(view, 1, before.createdPosition);
  setU64(view, 9, before.createdTime);
  state.put(tree.users, name, row);
  setOutcome(step);
}

export function applyUserDrop(step: Step): void {
  const { name, userFrom } = nameIn(step);
  assert(userFrom === step.record.to, "the facts of a dropped user are its name");
  const dropped = step.state.delete(tree.users, name);
  assert(dropped, "a user that is dropped exists");
  setOutcome(step);
}
