/** The error of a connection that ended. */
import { KimberliteError } from "../../runtime/types/errors.js";

export function lost(peer: string, reason: string, cause?: unknown): KimberliteError {
  return new KimberliteError("connectionLost", `${peer}: ${reason}`, { cause });
}
