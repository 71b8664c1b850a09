/** The address of a socket's other end, as SQL shows it. */
import type { Socket } from "node:net";

/** Null where it is not known. Without the zone of a link, and of IPv4 as that where the socket takes both families. */
export function clientAddress({ remoteAddress }: Pick<Socket, "remoteAddress">): string | null {
  if (remoteAddress === undefined) return null;
  return remoteAddress.replace(/%.*$/u, "").replace(/^::ffff:(?=\d+\.)/iu, "");
}
