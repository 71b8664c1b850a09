/**
 * Commands about users (rows: `user-rows.ts`), in the system tenant of shard 0.
 *
 *   kind         request after the common head, and facts where they differ                          outcome
 *   userCreate   flags u8 (bit 0: if not exists, bit 1: only as the first user) · name · user ·      count = 1 created, 0 not
 *                changes of memberships, each as in roleMembers (`role.ts`), up to the end
 *                facts: name · user · changes
 *   userAlter    name · user                                                                         count = 1
 *   userDrop     name                                                                                count = 1
 *
 * Names are u16 + UTF-8. One superuser who can log in always remains. What a user is a member of is changed by other commands (`role.ts`);
 * who is dropped is a member of nothing any more, and nobody of it.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import { KimberliteError } from "../../types/errors.js";
import { userName } from "../../types/ids.js";
import { userNameBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import type { Step } from "../step.js";
import { nameBytes, nameOf } from "../texts.js";
import { decodeUser, encodeUserRow, type User, type UserRow } from "../user-rows.js";
import { beforeNames, expectOwnsNothing, expectUser, userRowsOf } from "../user-table.js";
import { changedRows, type RoleMembersChange, readChange } from "./role.js";

const flagIfNotExists = 1;
const flagOnlyFirst = 2;

const administers = ({ isSuperuser, canLogin, iterations }: User): boolean => isSuperuser && canLogin && iterations > 0;

/** Somebody else can still administer the node. */
function expectOtherSuperuser(draft: Draft, name: string): void {
  for (const row of userRowsOf(draft.state)) if (row.name !== name && administers(row)) return;
  throw new KimberliteError("userNeeded", "make another superuser first");
}

export function decideUserCreate(draft: Draft): void {
  const { state, request } = draft;
  const body = draft.body();
  const flags = body.choice(4);
  const factsFrom = body.offset;
  const name = nameBytes(userName(body.string(userNameBytesMax)));
  const user = decodeUser(body);
  const changes = readChanges(body);
  const exists = state.get(tree.users, name);
  const isLate = (flags & flagOnlyFirst) !== 0 && state.cursor(tree.users).seek(beforeNames);
  if (exists || isLate) {
    if (exists && flags === 0) throw new KimberliteError("userExists", `"${nameOf(name, 0, name.length)}"`);
    assert(draft.position > 0, "a user that exists was made by an earlier command");
    return draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, 0, 0, 0);
  }
  assert((flags & ~(flagIfNotExists | flagOnlyFirst)) === 0, "flags are those that are known");
  if (changes.length > 0) {
    const made = newRow(nameOf(name, 0, name.length), user, draft.position, draft.time);
    membershipsAfter([...userRowsOf(state), made], changes);
  }
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, factsFrom, request.to);
  draft.finish(0, 0, 1);
}

function readChanges(reader: ByteReader): readonly RoleMembersChange[] {
  const changes: RoleMembersChange[] = [];
  while (reader.remaining > 0) changes.push(readChange(reader));
  return changes;
}

const newRow = (name: string, user: User, createdPosition: number, createdTime: number): UserRow => ({
  ...user,
  name,
  memberOf: [],
  settings: [],
  createdPosition,
  createdTime,
});

/** The rows that changes make others of, one after the other, by name. Throws `userUnknown`, `roleCircular`, `invalidArgument`. */
function membershipsAfter(
  all: readonly UserRow[],
  changes: readonly RoleMembersChange[],
): ReadonlyMap<string, UserRow> {
  const found = new Map<string, UserRow>();
  for (const change of changes) {
    const now = all.map((row) => found.get(row.name) ?? row);
    for (const [name, row] of changedRows(now, change)) found.set(name, row);
  }
  return found;
}

export function decideUserAlter(draft: Draft): void {
  const { request } = draft;
  const body = draft.body();
  const name = nameBytes(userName(body.string(userNameBytesMax)));
  const user = decodeUser(body);
  body.end();
  const row = expectUser(draft.state, nameOf(name, 0, name.length));
  if (administers(row) && !administers(user)) expectOtherSuperuser(draft, row.name);
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
  const row = expectUser(draft.state, nameOf(name, 0, name.length));
  if (administers(row)) expectOtherSuperuser(draft, row.name);
  expectOwnsNothing(draft.state, row.name);
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

function userIn({ record }: Step, userFrom: number): User {
  const reader = new ByteReader(record.bytes, userFrom, record.to);
  const user = decodeUser(reader);
  assert(reader.remaining === 0, "the facts of a user end with the user");
  return user;
}

function setOutcome(step: Step): void {
  step.subject = 0;
  step.first = 0;
  step.count = 1;
}

export function applyUserCreate(step: Step): void {
  const { record, state } = step;
  const { name, userFrom } = nameIn(step);
  const reader = new ByteReader(record.bytes, userFrom, record.to);
  const row = newRow(nameOf(name, 0, name.length), decodeUser(reader), step.position, record.time);
  const changes = readChanges(reader);
  const created = state.insert(tree.users, name, encodeUserRow(row));
  assert(created, "a user's name is unique");
  if (changes.length > 0)
    for (const [changed, next] of membershipsAfter(userRowsOf(state), changes))
      state.put(tree.users, nameBytes(changed), encodeUserRow(next));
  setOutcome(step);
}

export function applyUserAlter(step: Step): void {
  const { name, userFrom } = nameIn(step);
  const user = userIn(step, userFrom);
  const row = expectUser(step.state, nameOf(name, 0, name.length));
  assert(row.createdPosition < step.position, "a user that is altered exists");
  step.state.put(tree.users, name, encodeUserRow({ ...row, ...user }));
  setOutcome(step);
}

export function applyUserDrop(step: Step): void {
  const { name, userFrom } = nameIn(step);
  assert(userFrom === step.record.to, "the facts of a dropped user are its name");
  const dropped = step.state.delete(tree.users, name);
  assert(dropped, "a user that is dropped exists");
  const gone = nameOf(name, 0, name.length);
  for (const row of userRowsOf(step.state)) {
    if (!row.memberOf.some(({ role, grantor }) => role === gone || grantor === gone)) continue;
    const memberOf = row.memberOf
      .filter(({ role }) => role !== gone)
      .map((each) => (each.grantor === gone ? { ...each, grantor: "" } : each));
    step.state.put(tree.users, nameBytes(row.name), encodeUserRow({ ...row, memberOf }));
  }
  setOutcome(step);
}
