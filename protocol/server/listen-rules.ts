/**
 * Where a node may listen. The native protocol has neither TLS nor authentication yet, so everyone who can connect may do everything: loopback
 * only.
 */
import { isLoopback } from "../../runtime/actor/loopback.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ListenAddress } from "./messages.js";

function checkPort({ port }: ListenAddress): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new KimberliteError("configurationInvalid", "a port is from 0 to 65535", { detail: { port } });
}

/** The PostgreSQL protocol has both: with them it may be served anywhere. Throws as `checkListen` does. */
export function checkPostgresListen(
  address: ListenAddress,
  security: { readonly hasTls: boolean; readonly authentication: "scram" | "trust" },
): void {
  checkPort(address);
  if (isLoopback(address.host)) return;
  const { host } = address;
  if (security.authentication === "trust") {
    throw new KimberliteError(
      "insecureListen",
      `${host} is reachable from elsewhere: pg-auth trust is for loopback only`,
      {
        detail: { host },
      },
    );
  }
  if (security.hasTls) return;
  throw new KimberliteError(
    "insecureListen",
    `${host} is reachable from elsewhere; give pg-tls-cert and pg-tls-key, or listen on 127.0.0.1, ::1 or localhost`,
    { detail: { host } },
  );
}

/** Throws `insecureListen` or `configurationInvalid`. */
export function checkListen(address: ListenAddress): void {
  checkPort(address);
  if (isLoopback(address.host)) return;
  throw new KimberliteError(
    "insecureListen",
    `${address.host} is reachable from elsewhere; listen on 127.0.0.1, ::1 or localhost`,
    {
      detail: { host: address.host },
    },
  );
}

/** Whether several listeners can share a port (SO_REUSEPORT through Node). */
export function supportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return process.platform === "linux" && (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
}
