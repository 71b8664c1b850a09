/** A node of this process that asks for no password, for programs to run on. */
import { startTarget } from "../../../postgres/clients/target.js";
import { PostgresClient } from "../../postgres/client.js";

/** Runs `work` with a way to connect to a node that has nothing in it, and ends the node. */
export async function withNode<T>(work: (connect: () => Promise<PostgresClient>) => Promise<T>): Promise<T> {
  const { target, stop } = await startTarget({
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  const { host, port, user, database } = target;
  try {
    return await work(async () => {
      const client = await PostgresClient.connect({ host, port, user, database });
      await client.query("set timezone to 'UTC'");
      return client;
    });
  } finally {
    await stop();
  }
}
