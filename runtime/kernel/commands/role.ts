/**
 * Commands about who is a member of whom (rows: `user-rows.ts`), in the system tenant of shard 0. A user whom others are members of is what
 * PostgreSQL calls a group; there is no difference in kind.
 *
 *   kind          request after the common head, and facts                                             outcome
 *   roleMembers   action u8 (0 grant, 1 grant with the admin option, 2 revoke, 3 revoke the admin      count = memberships that it
 *                 option) · grantor name · roles u16 and their names · members u16 and theirs          changed; none: no record
 *   userRename    name · new name                                                                      count = 1
 *
 * Invariants
 *   1. Nobody is a member of itself, directly or through others.
 *   2. A user is a member of a role once: granting it again gives the admin option, and who granted it last is its grantor.
 */
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import { KimberliteError } from "../../types/errors.js";
import { userName } from "../../types/ids.js";
import { roleListMax, userNameBytesMax, userRolesMax } from "../../types/limits.js";
import { databaseOwnerRole, isPredefinedRole } from "../../types/predefined-roles.js";
import type { Draft } from "../draft.js";
import { tree } from "../kinds.js";
import type { Step } from "../step.js";
import { nameBytes } from "../texts.js";
import { encodeUserRow, type Membership, type UserRow } from "../user-rows.js";
import { expectOwnsNothing, expectUser, userRowsOf } from "../user-table.js";

const actions = ["grant", "grantAdmin", "revoke", "revokeAdmin"] as const;
export type RoleAction = (typeof actions)[number];
export const roleActionNumber = (action: RoleAction): number => actions.indexOf(action);

export interface RoleMembersChange {
  readonly action: RoleAction;
  readonly grantor: string;
  readonly roles: readonly string[];
  readonly members: readonly string[];
}

function readNames(reader: ByteReader): readonly string[] {
  const count = reader.u16();
  if (count < 1 || count > roleListMax)
    throw new KimberliteError("invalidArgument", `a grant names 1 to ${roleListMax} roles, and as many members`);
  const names: string[] = [];
  for (let index = 0; index < count; index++) names.push(userName(reader.string(userNameBytesMax)));
  return names;
}

/** One change of memberships; more may stand behind it. */
export function readChange(reader: ByteReader): RoleMembersChange {
  const action = actions[reader.choice(actions.length)];
  assert(action !== undefined, "a choice is one of those that there are");
  const grantor = userName(reader.string(userNameBytesMax));
  return { action, grantor, roles: readNames(reader), members: readNames(reader) };
}

function readOnly(reader: ByteReader): RoleMembersChange {
  const change = readChange(reader);
  reader.end();
  return change;
}

/** Whether a user is a member of a role, directly or through others, or is the role. */
function isMember(rows: ReadonlyMap<string, UserRow>, user: string, role: string): boolean {
  const seen = new Set([user]);
  for (const name of seen) {
    if (name === role) return true;
    for (const membership of rows.get(name)?.memberOf ?? []) seen.add(membership.role);
  }
  return false;
}

/** What a user is a member of after a change; the same list when it changes nothing. */
function changed(
  memberOf: readonly Membership[],
  role: string,
  { action, grantor }: RoleMembersChange,
): readonly Membership[] {
  const known = memberOf.find((each) => each.role === role);
  const wish: Membership = { role, grantor, isAdmin: action === "grantAdmin" };
  switch (action) {
    case "grant":
    case "grantAdmin":
      if (known === undefined) return [...memberOf, wish];
      if (known.isAdmin || !wish.isAdmin) return memberOf;
      return memberOf.map((each) => (each === known ? wish : each));
    case "revoke":
      return known === undefined ? memberOf : memberOf.filter((each) => each !== known);
    case "revokeAdmin":
      if (known?.isAdmin !== true) return memberOf;
      return memberOf.map((each) => (each === known ? { ...known, isAdmin: false } : each));
  }
}

/** The rows that a change makes others of, by name. Throws `userUnknown`, `roleCircular`, `invalidArgument`. */
export function changedRows(all: readonly UserRow[], change: RoleMembersChange): ReadonlyMap<string, UserRow> {
  const rows = new Map(all.map((row) => [row.name, row]));
  const found = new Map<string, UserRow>();
  const expect = (name: string): UserRow => {
    const row = rows.get(name);
    if (row === undefined) throw new KimberliteError("userUnknown", `"${name}"`);
    return row;
  };
  const isGrant = change.action === "grant" || change.action === "grantAdmin";
  for (const role of change.roles) {
    if (role === databaseOwnerRole)
      throw new KimberliteError("invalidArgument", "who owns a tenant is a member, and nobody else");
    if (!isPredefinedRole(role)) expect(role);
    for (const member of change.members) {
      const row = expect(member);
      if (isGrant && isMember(rows, role, member))
        throw new KimberliteError("roleCircular", `role "${role}" is a member of role "${member}"`);
      const memberOf = changed(row.memberOf, role, change);
      if (memberOf === row.memberOf) continue;
      if (memberOf.length > userRolesMax)
        throw new KimberliteError("invalidArgument", `a user is a member of ${userRolesMax} roles at most`);
      const next = { ...row, memberOf };
      rows.set(member, next);
      found.set(member, next);
    }
  }
  return found;
}

export function decideRoleMembers(draft: Draft): void {
  const change = readOnly(draft.body());
  const rows = changedRows(userRowsOf(draft.state), change);
  if (rows.size === 0) {
    assert(draft.position > 0, "users that exist were made by an earlier command");
    return draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, 0, 0, 0);
  }
  const { request } = draft;
  assert(request.to > draft.bodyFrom, "the facts are the whole request");
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, draft.bodyFrom, request.to);
  draft.finish(0, 0, rows.size);
}

export function applyRoleMembers(step: Step): void {
  const { record, state } = step;
  const change = readOnly(new ByteReader(record.bytes, record.factsFrom, record.to));
  const rows = changedRows(userRowsOf(state), change);
  assert(rows.size > 0, "a change that is logged changes something");
  for (const [name, row] of rows) state.put(tree.users, nameBytes(name), encodeUserRow(row));
  step.subject = 0;
  step.first = 0;
  step.count = rows.size;
}

interface Renaming {
  readonly from: string;
  readonly to: string;
}

function readRenaming(reader: ByteReader): Renaming {
  const from = userName(reader.string(userNameBytesMax));
  const to = userName(reader.string(userNameBytesMax));
  reader.end();
  return { from, to };
}

export function decideUserRename(draft: Draft): void {
  const { request } = draft;
  const { from, to } = readRenaming(draft.body());
  const row = expectUser(draft.state, from);
  assert(row.createdPosition < draft.position, "a user was created at an earlier position");
  expectOwnsNothing(draft.state, from);
  if (draft.state.get(tree.users, nameBytes(to))) throw new KimberliteError("userExists", `"${to}"`);
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, draft.bodyFrom, request.to);
  draft.finish(0, 0, 1);
}

export function applyUserRename(step: Step): void {
  const { record, state } = step;
  const { from, to } = readRenaming(new ByteReader(record.bytes, record.factsFrom, record.to));
  const row = expectUser(state, from);
  state.delete(tree.users, nameBytes(from));
  const isNew = state.insert(tree.users, nameBytes(to), encodeUserRow({ ...row, name: to }));
  assert(isNew, "a user's new name is nobody's");
  const renamed = (name: string): string => (name === from ? to : name);
  for (const other of userRowsOf(state)) {
    if (!other.memberOf.some(({ role, grantor }) => role === from || grantor === from)) continue;
    const memberOf = other.memberOf.map(({ role, isAdmin, grantor }) => ({
      role: renamed(role),
      isAdmin,
      grantor: renamed(grantor),
    }));
    state.put(tree.users, nameBytes(other.name), encodeUserRow({ ...other, memberOf }));
  }
  step.subject = 0;
  step.first = 0;
  step.count = 1;
}
