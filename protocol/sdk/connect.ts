/** A database on the other end of a socket. */
import type tls from "node:tls";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Client, type ClientOptions } from "../client/client.js";
import { type Address, formatAddress, parseAddress, portDefault, socketConnector } from "../client/socket-connector.js";
import { Database } from "./database.js";

export interface ConnectOptions extends Omit<ClientOptions, "address" | "connector"> {
  /** TLS: true for the system's certificate authorities, or the options of `node:tls`. */
  readonly tls?: boolean | tls.ConnectionOptions | undefined;
}

/** "kimberlite://host:port", "kimberlites://…" with TLS, or "host:port". Throws `invalidArgument`. */
export function parseTarget(target: string | { readonly host: string; readonly port?: number }): {
  address: Address;
  isSecure: boolean;
} {
  if (typeof target !== "string") {
    const { host, port = portDefault } = target;
    return { address: parseAddress(formatAddress({ host, port })), isSecure: false };
  }
  const match = /^(kimberlite|kimberlites):\/\/([^/]*)\/?$/.exec(target);
  if (match === null && target.includes("/")) {
    throw new KimberliteError("invalidArgument", "a target is kimberlite://host:port", {
      detail: { target: target.slice(0, 100) },
    });
  }
  return { address: parseAddress(match?.[2] ?? target), isSecure: match?.[1] === "kimberlites" };
}

/**
 * Connects. Rejects at once with `connectionRefused` when no node answers; a connection that is lost later is made again by
 * itself.
 */
export async function connect(
  target: string | { readonly host: string; readonly port?: number },
  options: ConnectOptions = {},
): Promise<Database> {
  const { tls: tlsOption, ...clientOptions } = options;
  const { address, isSecure } = parseTarget(target);
  const tlsOptions = typeof tlsOption === "object" ? tlsOption : isSecure || tlsOption === true ? {} : undefined;
  const client = new Client({
    ...clientOptions,
    address: formatAddress(address),
    connector: socketConnector(tlsOptions),
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close(0);
    throw error;
  }
  return new Database(client);
}
