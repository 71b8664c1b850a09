/** Three nodes of one cluster, each a process, for sessions to be spread over. */
import { ClusterRig } from "../../admin/cluster-rig.js";
import { PostgresClient } from "../postgres/client.js";

/**
 * A session of the node of that index. It sees what was committed before each of its statements, whoever did that on whichever node: on a
 * follower that is to be asked for.
 */
export async function sessionOn(cluster: ClusterRig, node: number): Promise<PostgresClient> {
  const client = await PostgresClient.connect({
    host: "127.0.0.1",
    port: cluster.postgresPort(node),
    user: "admin",
    database: "main",
    settings: { "kimberlite.consistency": "linearizable" },
  });
  await client.query("set timezone to 'UTC'");
  return client;
}

/** Runs `work` with three nodes that have nothing in them, whose ways to one another can be cut, and ends them. */
export async function withThreeNodes<T>(work: (cluster: ClusterRig) => Promise<T>): Promise<T> {
  const cluster = await ClusterRig.withPostgres(3, "cuttable");
  try {
    return await work(cluster);
  } finally {
    await cluster.remove();
  }
}
