/** The file of local access, as a node leaves it and its clients read it (`server/local-access.ts`, `wire/authentication.ts`). */
import { KimberliteError } from "../../runtime/types/errors.js";

/** The user of local access; no other can have this name. */
export const localUserName = "local";
export const localAccessFileName = "local-access";

const kind = "local access";
const secretBytes = 32;

export interface LocalAccessFile {
  readonly password: string;
  readonly mockSecret: Uint8Array;
}

export const formatLocalAccess = ({ password, mockSecret }: LocalAccessFile): string =>
  `${JSON.stringify({ kimberlite: kind, user: localUserName, password, mockSecret: Buffer.from(mockSecret).toString("base64url") })}\n`;

/** Null for a text that is no such file. */
export function parseLocalAccess(text: string): LocalAccessFile | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof raw !== "object" || raw === null) return null;
  const { kimberlite, password, mockSecret } = raw as Record<string, unknown>;
  if (kimberlite !== kind || typeof password !== "string" || typeof mockSecret !== "string") return null;
  const secret = Uint8Array.from(Buffer.from(mockSecret, "base64url"));
  return password === "" || secret.length !== secretBytes ? null : { password, mockSecret: secret };
}

/** Who wants to come in. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * What a client makes of a path that a node told it. A node that is not ours may name any file: only one of this name and content is taken,
 * and what is in it is proved, never sent.
 *
 * @param read the text of a file that is this user's alone; null when there is none, or others may read it
 */
export function localCredentials(path: string, read: (path: string) => string | null): Credentials {
  const isNamedSo = path.split(/[/\\]/).at(-1) === localAccessFileName;
  const text = isNamedSo ? read(path) : null;
  const found = text === null ? null : parseLocalAccess(text);
  if (found === null) {
    throw new KimberliteError(
      "unauthenticated",
      "give a user and a password; without them only whoever may read the node's data directory is let in",
      { detail: { localAccess: path } },
    );
  }
  return { user: localUserName, password: found.password };
}
