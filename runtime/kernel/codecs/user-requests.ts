/**
 * Request bodies of the commands about users, writing side; they go to the system tenant of shard 0. Layouts: `commands/user.ts` and
 * `commands/role.ts`.
 */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { systemTenant } from "../../types/ids.js";
import { type RoleMembersChange, roleActionNumber } from "../commands/role.js";
import { settingActionNumber } from "../commands/setting.js";
import type { SettingChange } from "../kept-settings.js";
import { encodeWriteHead } from "../request.js";
import { encodeUser, type User } from "../user-rows.js";

export type UserCreation = "new" | "ifNotExists" | "onlyFirst";

const creationFlags: Readonly<Record<UserCreation, number>> = { new: 0, ifNotExists: 1, onlyFirst: 3 };
const systemHead = { tenant: systemTenant } as const;

/** @param changes of memberships, which come with the user or not at all */
export function encodeUserCreate(
  out: ByteWriter,
  name: string,
  user: User,
  how: UserCreation,
  changes: readonly RoleMembersChange[] = [],
): ByteWriter {
  assert(name.length > 0, "a user has a name");
  encodeWriteHead(out, systemHead).u8(creationFlags[how]).string(name);
  encodeUser(out, user);
  for (const change of changes) putChange(out, change);
  return out;
}

export function encodeUserAlter(out: ByteWriter, name: string, user: User): ByteWriter {
  assert(name.length > 0, "a user has a name");
  encodeWriteHead(out, systemHead).string(name);
  return encodeUser(out, user);
}

export const encodeUserDrop = (out: ByteWriter, name: string): ByteWriter =>
  encodeWriteHead(out, systemHead).string(name);

function putNames(out: ByteWriter, names: readonly string[]): void {
  assert(names.length > 0, "a list of roles names some");
  out.u16(names.length);
  for (const name of names) out.string(name);
}

function putChange(out: ByteWriter, { action, grantor, roles, members }: RoleMembersChange): void {
  out.u8(roleActionNumber(action)).string(grantor);
  putNames(out, roles);
  putNames(out, members);
}

export function encodeRoleMembers(out: ByteWriter, change: RoleMembersChange): ByteWriter {
  putChange(encodeWriteHead(out, systemHead), change);
  return out;
}

export const encodeUserRename = (out: ByteWriter, name: string, newName: string): ByteWriter =>
  encodeWriteHead(out, systemHead).string(name).string(newName);

/** @param role empty: whoever it is, in the tenant of the change */
export function encodeSettingChange(out: ByteWriter, role: string, change: SettingChange): ByteWriter {
  const name = change.action === "resetAll" ? "" : change.name;
  const value = change.action === "set" ? change.value : "";
  encodeWriteHead(out, systemHead).u8(settingActionNumber(change.action)).u64(change.tenant);
  return out.string(role).string(name).string(value);
}
