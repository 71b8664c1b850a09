/** Whom a command about the cluster talks to: `--connect`, or else the clients' addresses in the cluster file, or else the default. */
import path from "node:path";
import { readClusterFile } from "../../cluster-file.js";
import type { Invocation } from "../../command.js";
import type { Address } from "../../units.js";

export function addressesOf({ configuration, surroundings }: Invocation<unknown>): readonly Address[] {
  const cluster = configuration.get("cluster");
  if (configuration.isSet("connect") || cluster === null) return configuration.require("connect");
  const { nodes } = readClusterFile(path.resolve(surroundings.directory, cluster));
  // On machines of their own the nodes have one and the same address, each on its loopback.
  const known = new Map(nodes.map(({ client }) => [`${client.host} ${client.port}`, client]));
  return [...known.values()];
}
