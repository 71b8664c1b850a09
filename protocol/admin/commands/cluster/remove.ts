/** `kimberlite cluster remove`: a node that votes stands by from then on, and one that stands by leaves the cluster file. */
import { z } from "zod";
import { writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { type ClusterNode, nodeOf } from "../../cluster-file.js";
import { defineCommand, type Invocation } from "../../command.js";
import { withoutNode } from "./file-entries.js";
import { changeVoters, type ReadFile, readClusterText } from "./reconfigure.js";

const refused = (reason: string): KimberliteError => new KimberliteError("stepUnsafe", `not removed: ${reason}`);

export const clusterRemoveCommand = defineCommand({
  usage: "cluster remove <node>",
  summary: "have a node vote no more, or take a standby out of the cluster file",
  details:
    "A node that votes stands by from then on, while clients write: shard by shard an operation is committed by the nodes that have voted so far, " +
    "and behind it they count without it. That is the node with the highest number of them; refused, with the reason, where too few sound ones would be left. " +
    "Called again, it takes the standby out of the file: stop it first, then lay the file on every node and have each running one read it " +
    "(`kimberlite cluster reload`). Only the standby with the highest number can leave. A node that is lost, whatever its number, is succeeded by a standby " +
    "(`kimberlite cluster promote`).",
  settings: ["cluster", "connect"],
  flags: [],
  shape: z.object({}),
  examples: [
    [
      "kimberlite cluster remove 4 --cluster cluster.toml",
      "node 4 votes no more; and, a second time, it is not of the cluster",
    ],
  ],
  async run(invocation) {
    const {
      arguments: [wish = ""],
      output,
    } = invocation;
    const read = readClusterText(invocation);
    const { place, text, cluster } = read;
    const node = nodeOf(cluster, wish);
    if (!node.isStandby) return removeVoter(invocation, read, node);
    const last = cluster.nodes.at(-1);
    if (last !== undefined && last.number !== node.number) {
      throw refused(`nodes are numbered without gaps: node ${last.number} has to leave before node ${node.number}`);
    }
    const next = withoutNode(place, text, node.number);
    if (next === null) {
      throw new KimberliteError(
        "configurationInvalid",
        `${place}: the entry of node ${node.number} is not one that can be cut out; delete it by hand`,
        { detail: { file: place, node: node.number } },
      );
    }
    writeTextFile(place, next);
    await output.result({ file: place, node: node.number, name: node.name }, () =>
      [
        `${place} does not list node ${node.number} (${node.name}) any more`,
        "with the file on every node, on each of them: kimberlite cluster reload",
      ].join("\n"),
    );
    return 0;
  },
});

async function removeVoter(invocation: Invocation<unknown>, read: ReadFile, node: ClusterNode): Promise<number> {
  const report = await changeVoters(invocation, read, node, false);
  const voters = node.number - 1;
  await invocation.output.result({ file: read.place, node: node.number, voters, shards: report.shards }, () =>
    [
      `node ${node.number} (${node.name}) votes no more, and stands by: ${voters} nodes vote on every shard; ${read.place} says so too`,
      "with the file on every node, on each of them: kimberlite cluster reload",
      `to be rid of it: stop it, then \`kimberlite cluster remove ${node.number}\` once more`,
    ].join("\n"),
  );
  return 0;
}
