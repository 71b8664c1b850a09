/** How many vote, changed by one while the cluster runs: `cluster add --voter`, and `cluster remove` of a node that votes. */
import path from "node:path";
import { readTextFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { type ClusterFile, type ClusterNode, parseClusterFile } from "../../cluster-file.js";
import type { Invocation } from "../../command.js";
import { type ClusterReport, clusterShape } from "../../shapes.js";
import { withNode } from "../../with-node.js";
import { clusterFileOf } from "./file.js";
import { withStandby } from "./file-entries.js";
import { refusedStep } from "./majority.js";

export interface ReadFile {
  /** As it was given. */
  readonly given: string;
  readonly place: string;
  readonly text: string;
  readonly cluster: ClusterFile;
}

/** The cluster file that a command changes. Throws `configurationInvalid`. */
export function readClusterText(invocation: Invocation<unknown>): ReadFile {
  const given = clusterFileOf(invocation);
  const place = path.resolve(invocation.surroundings.directory, given);
  const text = readTextFile(place);
  if (text === null) {
    throw new KimberliteError("configurationInvalid", `${place}: there is no such file`, { detail: { file: place } });
  }
  return { given, place, text, cluster: parseClusterFile(place, text) };
}

/**
 * Has the node vote from now on, or stand by; the nodes come first, the file after them. Nodes vote by their numbers, the first ones: so one comes behind the
 * last that votes, and the last one goes. Throws `stepUnsafe`, `shardUnavailable`.
 */
export async function changeVoters(
  invocation: Invocation<unknown>,
  { place, text, cluster }: ReadFile,
  node: ClusterNode,
  votes: boolean,
): Promise<ClusterReport> {
  const voters = node.number - (votes ? 0 : 1);
  const next = withStandby(place, text, node.number, !votes);
  if (next === null) {
    throw refusedStep(
      votes
        ? `${place} lists nodes before node ${node.number} that stand by, or its entry cannot be changed here: the one with the lowest number votes first`
        : `${place} lists nodes behind node ${node.number} that vote, or its entry cannot be changed here: the one with the highest number goes first. To be rid of another, let the last one stand by and then take its place (\`kimberlite cluster promote\`)`,
    );
  }
  const { configuration } = invocation;
  const addresses = configuration.isSet("connect")
    ? configuration.require("connect")
    : cluster.nodes.map(({ client }) => client);
  const report = await withNode(
    invocation,
    async (asked) => {
      const before = clusterShape.parse(await asked.admin("cluster.status"));
      const id = Buffer.from(cluster.clusterId).toString("hex");
      if (before.clusterId !== id) throw refusedStep(`the node that answers is of cluster ${before.clusterId}`);
      return clusterShape.parse(await asked.admin("cluster.reconfigure", { voters }));
    },
    addresses,
  );
  writeTextFile(place, next);
  return report;
}
