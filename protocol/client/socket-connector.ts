/** Connections over TCP and TLS, and the addresses that name them. */
import net from "node:net";
import tls from "node:tls";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { SocketReads, socketTransport, type Transport } from "../wire/transport.js";
import type { Connector } from "./link.js";

export const portDefault = 7400;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads "host", "host:port", "[::1]:port". Throws `invalidArgument`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/?#@[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? portDefault : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new KimberliteError("invalidArgument", "an address is host:port, or [ipv6]:port", {
      detail: { address: text.slice(0, 100) },
    });
  }
  return { host, port };
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Connects to "host:port". With TLS options the server's certificate is checked against the host name. */
export function socketConnector(tlsOptions?: tls.ConnectionOptions): Connector {
  return (address, timeoutMs) =>
    new Promise<Transport>((resolve, reject) => {
      assert(timeoutMs > 0, "connecting has a deadline");
      const { host, port } = parseAddress(address);
      const reads = tlsOptions === undefined ? new SocketReads() : undefined;
      const socket =
        tlsOptions === undefined
          ? net.connect({ host, port, ...(reads === undefined ? {} : { onread: reads.onread }) })
          : tls.connect({ ...(net.isIP(host) === 0 ? { servername: host } : {}), ...tlsOptions, host, port });
      const refuse = (explanation: string, cause?: unknown): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new KimberliteError("connectionRefused", `${address}: ${explanation}`, { cause, detail: { address } }));
      };
      const timer = setTimeout(() => refuse(`no answer within ${timeoutMs} ms`), timeoutMs);
      const onError = (error: Error): void => refuse(error.message, error);
      socket.once("error", onError);
      socket.once(tlsOptions === undefined ? "connect" : "secureConnect", () => {
        clearTimeout(timer);
        socket.removeListener("error", onError);
        resolve(socketTransport(socket, reads));
      });
    });
}
