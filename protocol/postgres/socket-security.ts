/** What `pg_stat_ssl` tells of a connection. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SessionFact } from "../../runtime/query/catalog/session-facts.js";

/** How a socket is encrypted; null when it is not. */
export function tlsOf(socket: Socket): SessionFact["tls"] {
  if (!(socket instanceof TLSSocket)) return null;
  const { name, standardName } = socket.getCipher();
  const bits = /256|CHACHA20/u.test(standardName) ? 256 : 128;
  return {
    version: socket.getProtocol() ?? "",
    cipher: socket.getProtocol() === "TLSv1.3" ? standardName : name,
    bits,
  };
}
