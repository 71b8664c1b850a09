/**
 * Users and roles: who may connect, what is kept of their passwords (a SCRAM verifier: RFC 5802; nobody can log in with it), and of which
 * roles they are members. Part of the system shard's state, changed by commands of its system tenant.
 *
 * Tree `users`, key name (UTF-8):
 *    0     1  version: 1
 *    1     8  position of its creation
 *    9     8  time of its creation, µs
 *   17     …  the user
 *    …     …  the roles that it is a member of, if it is of any or something follows: count u16, then of each its name, flags u8 (bit 0 admin
 *             option) and the name of who granted it (u16 + UTF-8; empty: a user who is not there any more), in the order of their granting
 *    …     …  the settings of its sessions (`kept-settings.ts`), if it has any
 *
 *   size  field of a user, in rows as in facts and requests
 *      1  flags: bit 0 superuser, 1 confined to the tenants that follow, 2 may not log in, 3 does not inherit, 4 may make roles, 5 may make
 *         databases, 6 has no password, 7 the last two fields are there
 *      4  iterations             those five only of one with a password
 *     32  stored key
 *     32  server key
 *      1  length of the salt, 1 to 64
 *      …  salt
 *      2  count of tenants
 *    8·n  tenants
 *      8  until when its password is good, µs since 1970; 0: for ever
 *      4  sessions that it may have at a time; 2^32 - 1: as many as there are
 */
import type { TreeReader } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import { ByteWriter } from "../types/byte-writer.js";
import { KimberliteError } from "../types/errors.js";
import { userNameBytesMax, userRolesMax, userTenantsMax } from "../types/limits.js";
import { decodeKeptSettings, encodeKeptSettings, type KeptSetting } from "./kept-settings.js";
import { getU64 } from "./numbers.js";

export const userRowVersion = 1;
export const userRowHeadBytes = 17;
export const userFlags = {
  superuser: 1,
  confined: 2,
  noLogin: 4,
  noInherit: 8,
  createRole: 16,
  createDatabase: 32,
  noPassword: 64,
  limited: 128,
} as const;
export const verifierKeyBytes = 32;
const saltBytesMax = 64;
const iterationsMin = 4_096;
const iterationsMax = 10_000_000;
const noLimit = 0xffff_ffff;
const noBytes = new Uint8Array(0);

export interface User {
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
  /** It has the privileges of the roles that it is a member of without SET ROLE. */
  readonly inherits: boolean;
  readonly canCreateRole: boolean;
  readonly canCreateDatabase: boolean;
  /** µs since 1970, from when on its password is not good any more; null: never. */
  readonly validUntil: number | null;
  /** Sessions that it may have at a time; null: as many as there are. */
  readonly connectionLimit: number | null;
  /** Tenants that it may use; null: all. */
  readonly tenants: readonly number[] | null;
  /** 0: it has no password, and what follows is empty. */
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface Membership {
  readonly role: string;
  /** It may let others into the role, and out. */
  readonly isAdmin: boolean;
  /** Empty: somebody who is not there any more. */
  readonly grantor: string;
}

export interface UserRow extends User {
  readonly name: string;
  readonly memberOf: readonly Membership[];
  /** What its sessions begin with. */
  readonly settings: readonly KeptSetting[];
  readonly createdPosition: number;
  /** µs */
  readonly createdTime: number;
}

const flagsOf = (user: User): number =>
  (user.isSuperuser ? userFlags.superuser : 0) |
  (user.tenants === null ? 0 : userFlags.confined) |
  (user.canLogin ? 0 : userFlags.noLogin) |
  (user.inherits ? 0 : userFlags.noInherit) |
  (user.canCreateRole ? userFlags.createRole : 0) |
  (user.canCreateDatabase ? userFlags.createDatabase : 0) |
  (user.iterations === 0 ? userFlags.noPassword : 0) |
  (user.validUntil === null && user.connectionLimit === null ? 0 : userFlags.limited);

export function encodeUser(out: ByteWriter, user: User): ByteWriter {
  const { tenants, iterations, salt, storedKey, serverKey, validUntil, connectionLimit } = user;
  const keyBytes = iterations === 0 ? 0 : verifierKeyBytes;
  assert(storedKey.length === keyBytes, "a stored key is a SHA-256");
  assert(serverKey.length === keyBytes, "a server key is a SHA-256");
  const flags = flagsOf(user);
  out.u8(flags);
  if (iterations > 0) out.u32(iterations).raw(storedKey).raw(serverKey).u8(salt.length).raw(salt);
  out.u16(tenants?.length ?? 0);
  for (const tenant of tenants ?? []) out.u64(tenant);
  if ((flags & userFlags.limited) !== 0) out.u64(validUntil ?? 0).u32(connectionLimit ?? noLimit);
  return out;
}

function decodeVerifier(reader: ByteReader): Pick<User, "iterations" | "salt" | "storedKey" | "serverKey"> {
  const iterations = reader.u32();
  const storedKey = reader.raw(verifierKeyBytes).slice();
  const serverKey = reader.raw(verifierKeyBytes).slice();
  const saltLength = reader.u8();
  if (saltLength < 1 || saltLength > saltBytesMax || iterations < iterationsMin || iterations > iterationsMax) {
    throw new KimberliteError(
      "invalidArgument",
      `a verifier has a salt of 1 to ${saltBytesMax} bytes and ${iterationsMin} to ${iterationsMax} iterations`,
      { detail: { argument: "verifier", iterations } },
    );
  }
  return { iterations, storedKey, serverKey, salt: reader.raw(saltLength).slice() };
}

export const noPassword = { iterations: 0, salt: noBytes, storedKey: noBytes, serverKey: noBytes } as const;

function decodeTenants(reader: ByteReader, isConfined: boolean): readonly number[] | null {
  const count = reader.u16();
  if (count > userTenantsMax) {
    throw new KimberliteError("invalidArgument", `a user is confined to ${userTenantsMax} tenants at most`);
  }
  const tenants: number[] = [];
  for (let index = 0; index < count; index++) tenants.push(reader.u64());
  if (!isConfined && count > 0) throw new KimberliteError("invalidArgument", "tenants of a user that is not confined");
  return isConfined ? tenants : null;
}

/** Throws `frameInvalid`, and `invalidArgument` for what no user may be. Bytes are copies. */
export function decodeUser(reader: ByteReader): User {
  const flags = reader.u8();
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const verifier = has(userFlags.noPassword) ? noPassword : decodeVerifier(reader);
  const tenants = decodeTenants(reader, has(userFlags.confined));
  const validUntil = has(userFlags.limited) ? reader.u64() : 0;
  const limit = has(userFlags.limited) ? reader.u32() : noLimit;
  return {
    ...verifier,
    isSuperuser: has(userFlags.superuser),
    canLogin: !has(userFlags.noLogin),
    inherits: !has(userFlags.noInherit),
    canCreateRole: has(userFlags.createRole),
    canCreateDatabase: has(userFlags.createDatabase),
    tenants,
    validUntil: validUntil === 0 ? null : validUntil,
    connectionLimit: limit === noLimit ? null : limit,
  };
}

const flagAdmin = 1;

function encodeMemberships(out: ByteWriter, { memberOf, settings }: Pick<UserRow, "memberOf" | "settings">): void {
  assert(memberOf.length <= userRolesMax, "a user is a member of no more roles than the limit says");
  if (memberOf.length + settings.length === 0) return;
  out.u16(memberOf.length);
  for (const { role, isAdmin, grantor } of memberOf)
    out
      .string(role)
      .u8(isAdmin ? flagAdmin : 0)
      .string(grantor);
}

function decodeMemberships(reader: ByteReader): readonly Membership[] {
  if (reader.remaining === 0) return [];
  const found: Membership[] = [];
  const count = reader.u16();
  for (let index = 0; index < count; index++) {
    const role = reader.string(userNameBytesMax);
    const isAdmin = reader.choice(2) === flagAdmin;
    found.push({ role, isAdmin, grantor: reader.string(userNameBytesMax) });
  }
  return found;
}

/** A row as its tree has it. */
export function encodeUserRow(row: UserRow): Uint8Array {
  assert(row.name.length > 0, "a user has a name");
  const out = new ByteWriter(256).u8(userRowVersion).u64(row.createdPosition).u64(row.createdTime);
  assert(out.view().length === userRowHeadBytes, "the user follows the head of its row");
  encodeUser(out, row);
  encodeMemberships(out, row);
  encodeKeptSettings(out, row.settings);
  return out.finish();
}

/** Decodes the row that a reader or cursor stands on. */
export function readUserRow(
  at: Pick<TreeReader, "valueBytes" | "valueView" | "valueStart" | "valueLength">,
  name: string,
): UserRow {
  const { valueBytes, valueView, valueStart, valueLength } = at;
  assert(valueView.getUint8(valueStart) === userRowVersion, "a user's row has a known version");
  assert(name.length > 0, "a user has a name");
  const reader = new ByteReader(valueBytes, valueStart + userRowHeadBytes, valueStart + valueLength);
  const user = decodeUser(reader);
  const memberOf = decodeMemberships(reader);
  const settings = decodeKeptSettings(reader);
  reader.end();
  return {
    ...user,
    name,
    memberOf,
    settings,
    createdPosition: getU64(valueView, valueStart + 1),
    createdTime: getU64(valueView, valueStart + 9),
  };
}
