/** The PostgreSQL protocol of a node, from its settings. */
import path from "node:path";
import { readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ListenAddress } from "../server/messages.js";
import type { PostgresOptions } from "../server/node.js";
import type { Configuration } from "./configuration.js";

/** From the native protocol's port to this one's where only the former was chosen: 7400 and 7432. */
const portsApart = 32;

const nextTo = ({ host, port }: ListenAddress): ListenAddress => ({ host, port: port === 0 ? 0 : port + portsApart });

function fileText(directory: string, file: string, setting: string): string {
  const place = path.resolve(directory, file);
  const text = readTextFile(place);
  if (text === null) throw new KimberliteError("configurationInvalid", `${setting}: there is no file ${place}`);
  return text;
}

/** Null: it is not served. Throws `configurationInvalid`. */
export function postgresOptions(
  configuration: Configuration,
  directory: string,
  native: ListenAddress,
): PostgresOptions | null {
  const wish = configuration.get("pg-listen");
  const [certificate, key] = [configuration.get("pg-tls-cert"), configuration.get("pg-tls-key")];
  if ((certificate === null) !== (key === null)) {
    throw new KimberliteError("configurationInvalid", "pg-tls-cert and pg-tls-key are set together");
  }
  if (wish === "off") return null;
  const listen = wish ?? nextTo(native);
  return {
    listen,
    authentication: configuration.require("pg-auth"),
    tls:
      certificate === null || key === null
        ? null
        : {
            certificate: fileText(directory, certificate, "pg-tls-cert"),
            key: fileText(directory, key, "pg-tls-key"),
          },
  };
}
