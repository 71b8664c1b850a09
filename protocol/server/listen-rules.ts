/** Where a node may listen. Before TLS and authentication exist everyone who can connect may do everything: loopback only. */
import { isLoopback } from "../../runtime/actor/loopback.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ListenAddress } from "./messages.js";

/** Throws `insecureListen` or `configurationInvalid`. */
export function checkListen(address: ListenAddress): void {
  if (!Number.isInteger(address.port) || address.port < 0 || address.port > 65_535) {
    throw new KimberliteError("configurationInvalid", "a port is from 0 to 65535", { detail: { port: address.port } });
  }
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
