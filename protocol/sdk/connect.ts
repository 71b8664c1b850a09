/** A database on the other end of a socket: a node, or a cluster of which several nodes are named. */
import type tls from "node:tls";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Client, type ClientOptions } from "../client/client.js";
import { type Address, formatAddress, parseAddress, portDefault, socketConnector } from "../client/socket-connector.js";
import type { Credentials } from "../wire/local-access.js";
import { Database, type SqlLogin } from "./database.js";

export interface ConnectOptions extends Omit<ClientOptions, "address" | "connector" | "credentials"> {
  /**
   * Who to be, with `password`; also from the target, as in "kimberlite://alice:secret@host". Left out: a program on the node's machine that
   * may read its data directory is let in as the user `local`.
   */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** TLS: true for the system's certificate authorities, or the options of `node:tls`. */
  readonly tls?: boolean | tls.ConnectionOptions | undefined;
  /** For SQL, which is spoken in the PostgreSQL protocol; by the same user, unless it names another. */
  readonly sql?: SqlConnectOptions | undefined;
}

export interface SqlConnectOptions {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
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

/** What a target says. */
export interface ParsedTarget {
  readonly addresses: Address[];
  readonly isSecure: boolean;
  readonly user?: string;
  readonly password?: string;
}

/**
 * "kimberlite://host:port", "kimberlites://…" with TLS, or "host:port"; with commas between several, as in
 * "kimberlite://a:7400,b:7400". A user, or a user and a password, may stand before an at sign, percent-encoded: "kimberlite://alice@a".
 * Throws `invalidArgument`.
 */
export function parseTarget(target: Target): ParsedTarget {
  if (typeof target !== "string") {
    const texts = "addresses" in target ? target.addresses : [formatAddress({ port: portDefault, ...target })];
    if (texts.length === 0) throw new KimberliteError("invalidArgument", "addresses must name at least one node");
    return { addresses: texts.map(parseAddress), isSecure: false };
  }
  const match = /^(kimberlite|kimberlites):\/\/(?:([^@/]*)@)?([^/@]*)\/?$/.exec(target);
  if (match === null && /[/@]/.test(target)) {
    // Never with what stands before the at sign.
    throw new KimberliteError("invalidArgument", "a target is kimberlite://host:port, or kimberlite://user@host:port", {
      detail: { target: target.slice(target.lastIndexOf("@") + 1).slice(0, 100) },
    });
  }
  return {
    addresses: (match?.[3] ?? target).split(",").map(parseAddress),
    isSecure: match?.[1] === "kimberlites",
    ...(match?.[2] === undefined ? {} : userIn(match[2])),
  };
}

function userIn(text: string): Pick<ParsedTarget, "user" | "password"> {
  const [, name = "", secret] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  try {
    const user = decodeURIComponent(name);
    if (user === "") throw new KimberliteError("invalidArgument", "a target with an at sign names a user before it");
    return secret === undefined ? { user } : { user, password: decodeURIComponent(secret) };
  } catch (error) {
    if (error instanceof KimberliteError) throw error;
    throw new KimberliteError("invalidArgument", "the user of a target is percent-encoded");
  }
}

/** Undefined for nobody in particular. Throws `invalidArgument`. */
function credentialsOf(user: string | undefined, password: string | undefined): Credentials | undefined {
  if (user === undefined && password === undefined) return undefined;
  if (user === undefined) throw new KimberliteError("invalidArgument", "a password needs a user");
  if (password === undefined) throw new KimberliteError("invalidArgument", `the user ${user} needs a password`);
  return { user, password };
}

/**
 * Connects. Rejects at once with `connectionRefused` when no node answers and with `unauthenticated` when none lets us in; a connection that
 * is lost later is made again by itself, with several addresses to the next node.
 */
export async function connect(target: Target, options: ConnectOptions = {}): Promise<Database> {
  const { tls: tlsOption, sql, user, password, ...clientOptions } = options;
  const { addresses, isSecure, ...said } = parseTarget(target);
  const credentials = credentialsOf(user ?? said.user, password ?? said.password);
  const tlsOptions = typeof tlsOption === "object" ? tlsOption : isSecure || tlsOption === true ? {} : undefined;
  const client = new Client({
    ...clientOptions,
    ...(credentials === undefined ? {} : { credentials: () => credentials }),
    address: addresses.map(formatAddress),
    connector: socketConnector(tlsOptions),
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close(0);
    throw error;
  }
  const wish = sql ?? (credentials === undefined ? undefined : {});
  return new Database(client, wish === undefined ? null : loginOf(client, wish, credentials));
}

function loginOf(
  client: Client,
  { user, password, address, tls: tlsOptions, connectionsMax }: SqlConnectOptions,
  credentials: Credentials | undefined,
): SqlLogin {
  const login = credentialsOf(user, password) ?? credentials;
  if (login === undefined) throw new KimberliteError("invalidArgument", "SQL needs a user and a password");
  const target = async () => {
    const said = address ?? addressIn(await client.admin("node.status", {}, {}));
    return { ...parseAddress(said), ...login, tls: tlsOptions };
  };
  return { connectionsMax, target };
}

function addressIn(status: unknown): string {
  const address = typeof status === "object" && status !== null && "pgListen" in status ? status.pgListen : null;
  if (typeof address === "string") return address;
  throw new KimberliteError("notSupported", "the node does not serve the PostgreSQL protocol (pg-listen)");
}
