/** The first start's user: `admin`, whose password is KIMBERLITE_ADMIN_PASSWORD, or else drawn and shown this once. */
import { randomBytes } from "node:crypto";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Node } from "../server/node.js";
import { formatVerifier, scramVerifier } from "../wire/scram-verifier.js";

export const firstUserName = "admin";
const passwordVariable = "KIMBERLITE_ADMIN_PASSWORD";
/** 144 bits, 24 characters that need no quotes. */
const drawnBytes = 18;

export interface FirstUser {
  readonly name: string;
  /** Null when it was given, not drawn. */
  readonly password: string | null;
}

/** Null when there are users already. Throws `configurationInvalid` for a password that cannot be one. */
export async function createFirstUser(
  node: Pick<Node, "createFirstUser">,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<FirstUser | null> {
  const given = environment[passwordVariable];
  if (given === "") throw new KimberliteError("configurationInvalid", `${passwordVariable} is set and empty`);
  const password = given ?? randomBytes(drawnBytes).toString("base64url");
  const created = await node.createFirstUser(firstUserName, formatVerifier(await scramVerifier(password)));
  if (!created) return null;
  return { name: firstUserName, password: given === undefined ? password : null };
}
