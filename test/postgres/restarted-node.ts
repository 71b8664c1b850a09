/** A node over one directory, started and stopped around each piece of work: what is there after a new start. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { PostgresClient } from "../query/postgres/client.js";
import { startTarget } from "./clients/target.js";

const postgres = { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null } as const;

/** Rows of a statement that must succeed: columns by `|`, rows by a space. */
export const rowsOf = async (client: PostgresClient, sql: string): Promise<string> =>
  (await client.rows(sql)).map((row) => row.join("|")).join(" ");

export type RunOnNode = (work: (client: PostgresClient) => Promise<void>) => Promise<void>;

export function restartedNode(t: ExecutionContext): RunOnNode {
  const dataDirectory = mkdtempSync(join(tmpdir(), "kimberlite-types-"));
  t.teardown(() => rmSync(dataDirectory, { recursive: true, force: true }));
  return async (work) => {
    const started = await startTarget({ postgres, dataDirectory });
    const { host, port, user, database } = started.target;
    try {
      const client = await PostgresClient.connect({ host, port, user, database });
      await work(client);
      client.close();
    } finally {
      await started.node.stop();
    }
  };
}
