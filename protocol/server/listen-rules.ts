/** Where a node may listen: beyond loopback only with TLS, and only for those who say who they are. */
import { isLoopback } from "../../runtime/actor/loopback.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ListenAddress } from "./messages.js";

function checkPort({ port }: ListenAddress): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new KimberliteError("configurationInvalid", "a port is from 0 to 65535", { detail: { port } });
}

export interface ListenSecurity {
  readonly hasTls: boolean;
  readonly authentication: "scram" | "trust";
  /** The settings that the refusal names: "" or "pg-" before `auth`, `tls-cert` and `tls-key`. */
  readonly prefix: "" | "pg-";
}

/** Throws `insecureListen` or `configurationInvalid`. */
export function checkListen(address: ListenAddress, { hasTls, authentication, prefix }: ListenSecurity): void {
  checkPort(address);
  const { host } = address;
  if (isLoopback(host)) return;
  const refuse = (why: string): never => {
    throw new KimberliteError("insecureListen", `${host} is reachable from elsewhere${why}`, { detail: { host } });
  };
  if (authentication === "trust") refuse(`: ${prefix}auth trust is for loopback only`);
  if (!hasTls) {
    refuse(`; give ${prefix}tls-cert and ${prefix}tls-key, or listen on 127.0.0.1, ::1 or localhost`);
  }
}

/** Whether several listeners can share a port (SO_REUSEPORT through Node). */
export function supportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return process.platform === "linux" && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
}
