/**
 * Users: who may connect, and what is kept of their passwords (a SCRAM verifier: RFC 5802; nobody can log in with it). Part of the system
 * shard's state, changed by commands of its system tenant.
 *
 * Tree `users`, key name (UTF-8):
 *    0     1  version: 1
 *    1     8  position of its creation
 *    9     8  time of its creation, µs
 *   17     …  the user:
 *
 *   at  size  field of a user, in rows as in facts and requests
 *    0     1  flags: bit 0 superuser, bit 1 confined to the tenants that follow
 *    1     4  iterations
 *    5    32  stored key
 *   37    32  server key
 *   69     1  length of the salt, 1 to 64
 *   70     …  salt
 *    …     2  count of tenants
 *    …   8·n  tenants
 */
import type { TreeReader } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import type { ByteWriter } from "../types/byte-writer.js";
import { KimberliteError } from "../types/errors.js";
import { userTenantsMax } from "../types/limits.js";
import { getU64 } from "./numbers.js";

export const userRowVersion = 1;
export const userRowHeadBytes = 17;
export const userFlags = { superuser: 1, confined: 2 } as const;
export const verifierKeyBytes = 32;
const saltBytesMax = 64;
const iterationsMin = 4_096;
const iterationsMax = 10_000_000;

export interface User {
  readonly isSuperuser: boolean;
  /** Tenants that it may use; null: all. */
  readonly tenants: readonly number[] | null;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface UserRow extends User {
  readonly name: string;
  readonly createdPosition: number;
  /** µs */
  readonly createdTime: number;
}

export function encodeUser(out: ByteWriter, user: User): ByteWriter {
  assert(user.storedKey.length === verifierKeyBytes, "a stored key is a SHA-256");
  assert(user.serverKey.length === verifierKeyBytes, "a server key is a SHA-256");
  const { isSuperuser, tenants, iterations, salt, storedKey, serverKey } = user;
  out.u8((isSuperuser ? userFlags.superuser : 0) | (tenants === null ? 0 : userFlags.confined)).u32(iterations);
  out.raw(storedKey).raw(serverKey).u8(salt.length).raw(salt);
  out.u16(tenants?.length ?? 0);
  for (const tenant of tenants ?? []) out.u64(tenant);
  return out;
}

/** Throws `frameInvalid`, and `invalidArgument` for what no user may be. Bytes are copies. */
export function decodeUser(reader: ByteReader): User {
  const flags = reader.choice(4);
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
  const salt = reader.raw(saltLength).slice();
  const count = reader.u16();
  if (count > userTenantsMax) {
    throw new KimberliteError("invalidArgument", `a user is confined to ${userTenantsMax} tenants at most`);
  }
  const tenants: number[] = [];
  for (let index = 0; index < count; index++) tenants.push(reader.u64());
  const isConfined = (flags & userFlags.confined) !== 0;
  if (!isConfined && count > 0) throw new KimberliteError("invalidArgument", "tenants of a user that is not confined");
  const isSuperuser = (flags & userFlags.superuser) !== 0;
  return { isSuperuser, tenants: isConfined ? tenants : null, iterations, salt, storedKey, serverKey };
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
  reader.end();
  return {
    ...user,
    name,
    createdPosition: getU64(valueView, valueStart + 1),
    createdTime: getU64(valueView, valueStart + 9),
  };
}
