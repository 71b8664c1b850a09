/** A node over a directory of its own, which PostgreSQL's clients reach with a password. */
import { type Node, startNode } from "../../protocol/server/node.js";

export const startScramNode = (dataDirectory: string): Promise<Node> =>
  startNode({
    dataDirectory,
    listen: null,
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "scram", tls: null },
    shards: 1,
    projections: 1,
    layout: "shared",
  });
