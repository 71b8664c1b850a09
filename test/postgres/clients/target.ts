/** A node of this process for clients of the PostgreSQL protocol to try. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Node, type NodeOptions, startNode } from "../../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../../protocol/wire/scram-verifier.js";

export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** All of it as one address. */
  readonly url: string;
}

export interface StartedNode {
  readonly node: Node;
  readonly target: ClientTarget;
  stop(): Promise<void>;
}

export async function startTarget(options: Partial<NodeOptions> = {}): Promise<StartedNode> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "kimberlite-clients-"));
  const node = await startNode({
    dataDirectory,
    listen: null,
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "scram", tls: null },
    ...options,
  });
  const password = "a secret";
  await node.createFirstUser("admin", formatVerifier(await scramVerifier(password)));
  const address = node.addresses.postgres;
  if (address === null) throw new Error("the node serves the PostgreSQL protocol");
  const { host, port } = address;
  const url = `postgres://admin:${encodeURIComponent(password)}@${host}:${port}/main`;
  return {
    node,
    target: { host, port, user: "admin", password, database: "main", url },
    stop: async () => {
      await node.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
