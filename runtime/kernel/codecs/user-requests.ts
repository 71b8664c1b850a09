/** Request bodies of the commands about users, writing side; they go to the system tenant of shard 0. Layouts: `commands/user.ts`. */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { systemTenant } from "../../types/ids.js";
import { encodeWriteHead } from "../request.js";
import { encodeUser, type User } from "../user-rows.js";

export type UserCreation = "new" | "ifNotExists" | "onlyFirst";

const creationFlags: Readonly<Record<UserCreation, number>> = { new: 0, ifNotExists: 1, onlyFirst: 3 };
const systemHead = { tenant: systemTenant } as const;

export function encodeUserCreate(out: ByteWriter, name: string, user: User, how: UserCreation): ByteWriter {
  assert(name.length > 0, "a user has a name");
  encodeWriteHead(out, systemHead).u8(creationFlags[how]).string(name);
  return encodeUser(out, user);
}

export function encodeUserAlter(out: ByteWriter, name: string, user: User): ByteWriter {
  assert(name.length > 0, "a user has a name");
  encodeWriteHead(out, systemHead).string(name);
  return encodeUser(out, user);
}

export const encodeUserDrop = (out: ByteWriter, name: string): ByteWriter =>
  encodeWriteHead(out, systemHead).string(name);
