/**
 * Local access: whoever may read a node's data directory may use the node. At each start the node draws a password for the user `local`, which
 * exists in this process alone, and leaves it in `<data directory>/local-access`, readable by its owner only. A client on the same machine
 * is told the path, reads the file and proves that it knows the password; so commands and programs of the node's own user need no
 * other. The password of an earlier start is worth nothing.
 *
 *   { "kimberlite": "local access", "user": "local", "password": "…", "mockSecret": "…" }
 *
 * `mockSecret` stays from the first start on: from it come the salts of users that do not exist, which must be as constant as those of
 * users that do.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { readSecretFile, readTextFile, replaceSecretFile } from "../../runtime/storage/host-files.js";
import { assert } from "../../runtime/types/assert.js";
import {
  formatLocalAccess,
  type LocalAccessFile,
  localAccessFileName,
  localUserName,
  parseLocalAccess,
} from "../wire/local-access.js";
import { type ScramVerifier, scramVerifier } from "../wire/scram-verifier.js";

const passwordBytes = 32;
const secretBytes = 32;

export interface LocalUser {
  readonly name: string;
  readonly verifier: ScramVerifier;
  /** Of the file that holds its password. */
  readonly path: string;
}

export interface LocalAccess {
  readonly user: LocalUser;
  readonly mockSecret: Uint8Array;
}

/** Draws a password and leaves it for those who may read it. Throws what the system says when it cannot be written. */
export async function leaveLocalAccess(dataDirectory: string): Promise<LocalAccess> {
  assert(path.isAbsolute(dataDirectory), "clients are told an absolute path");
  const file = path.join(dataDirectory, localAccessFileName);
  const before = readTextFile(file);
  const known = before === null ? null : parseLocalAccess(before);
  const drawn = {
    password: randomBytes(passwordBytes).toString("base64url"),
    mockSecret: known?.mockSecret ?? Uint8Array.from(randomBytes(secretBytes)),
  };
  const { password, mockSecret } = left(file, drawn, known);
  return { user: { name: localUserName, verifier: await scramVerifier(password), path: file }, mockSecret };
}

/** On a disk that is full the password of before goes on: a node must be reachable to say what is wrong with it. */
function left(file: string, drawn: LocalAccessFile, known: LocalAccessFile | null): LocalAccessFile {
  try {
    replaceSecretFile(file, formatLocalAccess(drawn));
    return drawn;
  } catch (error) {
    if (known === null || readSecretFile(file) === null) throw error;
    return known;
  }
}
