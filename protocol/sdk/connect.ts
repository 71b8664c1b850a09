/** A database on the other end of a socket: a node, or a cluster of which several nodes are named. */
import type tls from "node:tls";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Client, type ClientOptions } from "../client/client.js";
import { type Address, formatAddress, parseAddress, portDefault, socketConnector } from "../client/socket-connector.js";
import { Database, type SqlLogin } from "./database.js";

export interface ConnectOptions extends Omit<ClientOptions, "address" | "connector"> {
  /** TLS: true for the system's certificate authorities, or the options of `node:tls`. */
  readonly tls?: boolean | tls.ConnectionOptions | undefined;
  /** A user for SQL, which is spoken in the PostgreSQL protocol. */
  readonly sql?: SqlConnectOptions | undefined;
}

export interface SqlConnectOptions {
  readonly user: string;
  readonly password: string;
  /** "host:port" of the node's PostgreSQL protocol; default: the node is asked. */
  readonly address?: string | undefined;
  readonly tls?: tls.ConnectionOptions | undefined;
  /** Connections for SQL to one tenant at once; default 8. */
  readonly connectionsMax?: number | undefined;
}

/** One node, or several of one cluster in the order in which they are tried. */
export type Target =
  | string
  | { readonly host: string; readonly port?: number }
  | { readonly addresses: readonly string[] };

/**
 * "kimberlite://host:port", "kimberlites://…" with TLS, or "host:port"; with commas between several, as in
 * "kimberlite://a:7400,b:7400". Throws `invalidArgument`.
 */
export function parseTarget(target: Target): { addresses: Address[]; isSecure: boolean } {
  if (typeof target !== "string") {
    const texts = "addresses" in target ? target.addresses : [formatAddress({ port: portDefault, ...target })];
    if (texts.length === 0) throw new KimberliteError("invalidArgument", "addresses must name at least one node");
    return { addresses: texts.map(parseAddress), isSecure: false };
  }
  const match = /^(kimberlite|kimberlites):\/\/([^/]*)\/?$/.exec(target);
  if (match === null && target.includes("/")) {
    throw new KimberliteError("invalidArgument", "a target is kimberlite://host:port", {
      detail: { target: target.slice(0, 100) },
    });
  }
  return { addresses: (match?.[2] ?? target).split(",").map(parseAddress), isSecure: match?.[1] === "kimberlites" };
}

/**
 * Connects. Rejects at once with `connectionRefused` when no node answers; a connection that is lost later is made again by
 * itself, with several addresses to the next node.
 */
export async function connect(target: Target, options: ConnectOptions = {}): Promise<Database> {
  const { tls: tlsOption, sql, ...clientOptions } = options;
  const { addresses, isSecure } = parseTarget(target);
  const tlsOptions = typeof tlsOption === "object" ? tlsOption : isSecure || tlsOption === true ? {} : undefined;
  const client = new Client({
    ...clientOptions,
    address: addresses.map(formatAddress),
    connector: socketConnector(tlsOptions),
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close(0);
    throw error;
  }
  return new Database(client, sql === undefined ? null : loginOf(client, sql));
}

function loginOf(
  client: Client,
  { user, password, address, tls: tlsOptions, connectionsMax }: SqlConnectOptions,
): SqlLogin {
  const target = async () => {
    const said = address ?? addressIn(await client.admin("node.status", {}, {}));
    return { ...parseAddress(said), user, password, tls: tlsOptions };
  };
  return { connectionsMax, target };
}

function addressIn(status: unknown): string {
  const address = typeof status === "object" && status !== null && "pgListen" in status ? status.pgListen : null;
  if (typeof address === "string") return address;
  throw new KimberliteError("notSupported", "the node does not serve the PostgreSQL protocol (pg-listen)");
}
