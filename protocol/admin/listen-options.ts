/** How a node is listened on, from its settings: TLS of both protocols, and the PostgreSQL protocol. */
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ListenAddress, TlsIdentity } from "../server/messages.js";
import type { PostgresOptions } from "../server/node.js";
import type { Configuration } from "./configuration.js";
import { fileText } from "./file-text.js";

/** From the native protocol's port to this one's where only the former was chosen: 7400 and 7432. */
const portsApart = 32;

const nextTo = ({ host, port }: ListenAddress): ListenAddress => ({ host, port: port === 0 ? 0 : port + portsApart });

/** Certificate and key of one of the protocols; null for none. Throws `configurationInvalid`. */
export function tlsIdentity(configuration: Configuration, directory: string, prefix: "" | "pg-"): TlsIdentity | null {
  const names = [`${prefix}tls-cert`, `${prefix}tls-key`] as const;
  const [certificate, key] = names.map((name) => configuration.get(name));
  if (typeof certificate !== "string" && typeof key !== "string") return null;
  if (typeof certificate !== "string" || typeof key !== "string") {
    throw new KimberliteError("configurationInvalid", `${names[0]} and ${names[1]} are set together`);
  }
  return { certificate: fileText(directory, certificate, names[0]), key: fileText(directory, key, names[1]) };
}

/** Null: it is not served. Throws `configurationInvalid`. */
export function postgresOptions(
  configuration: Configuration,
  directory: string,
  native: ListenAddress,
): PostgresOptions | null {
  const wish = configuration.get("pg-listen");
  const tls = tlsIdentity(configuration, directory, "pg-");
  if (wish === "off") return null;
  return { listen: wish ?? nextTo(native), authentication: configuration.require("pg-auth"), tls };
}
