/** `kimberlite cluster rescue`: a cluster is founded anew from the log of one node, since a majority is lost for good. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { votersOf } from "../../../../actors/supervisor/placement.js";
import { rescueDataDirectory, type Survivor } from "../../../../actors/supervisor/rescue.js";
import { hasCode, KimberliteError } from "../../../../runtime/types/errors.js";
import { type ClusterFile, clusterPlan, nodeOf, readClusterFile } from "../../cluster-file.js";
import { defineCommand, type Invocation } from "../../command.js";
import { exitCodes } from "../../exit-codes.js";
import { clusterShape } from "../../shapes.js";
import { renderTable } from "../../table.js";
import { formatAddress } from "../../units.js";
import { withNode } from "../../with-node.js";
import { clusterFileOf } from "./file.js";
import { refusedStep } from "./majority.js";

const markShape = z.string().regex(/^[0-9a-f]{16}$/u, "must be the mark that the command printed without it");

export const clusterRescueCommand = defineCommand({
  usage: "cluster rescue",
  summary: "found a cluster anew from one node's log, when a majority is lost for good",
  details:
    "The last resort: writes that other nodes acknowledged and this log does not hold are lost. First without --accept-loss, which says from where on, " +
    "and changes nothing; compare what each node that is left says, and take the longest log. Then write the new cluster's file: its " +
    "nodes, one or several, the old cluster id, and `epoch` one higher than before. For each of its nodes copy the chosen directory to where the node will run, and " +
    "run this with its --node and the mark that was printed; a directory with another log is refused. What is left of the old cluster, on " +
    "whatever disk, is turned away from then on.",
  settings: ["data", "cluster", "node"],
  flags: [["--accept-loss <mark>", "do it: what the log with this mark does not hold is given up"]],
  shape: z.object({ acceptLoss: markShape.optional() }),
  examples: [
    ["kimberlite cluster rescue --cluster new.toml --node 1 --data /srv/kimberlite", "what would be lost"],
    [
      "kimberlite cluster rescue --cluster new.toml --node 1 --data /srv/kimberlite --accept-loss 5f0c1e66a4c2d311",
      "node 1 of the new cluster begins with this log",
    ],
  ],
  async run(invocation) {
    const { configuration, options, output, surroundings } = invocation;
    const file = clusterFileOf(invocation);
    const wish = configuration.get("node");
    if (wish === null) {
      throw new KimberliteError("configurationInvalid", "which node of the new cluster is this? Set node");
    }
    const cluster = readClusterFile(path.resolve(surroundings.directory, file));
    const node = nodeOf(cluster, wish);
    if (node.isStandby) throw refusedStep(`node ${node.number} stands by: it fetches the log from those that vote`);
    if (cluster.epoch === 0) {
      throw refusedStep(
        "the cluster file says nothing of an epoch, and a cluster that is founded anew has one: write `epoch = 1` (or one more than before)",
      );
    }
    const plan = clusterPlan(cluster, node);
    await checkNobodyLeads(invocation, cluster);
    const data = path.resolve(surroundings.directory, configuration.require("data"));
    const { acceptLoss: accepted = null } = options;
    const survivor = await rescueDataDirectory(data, {
      clusterId: cluster.clusterId,
      epoch: cluster.epoch,
      node: plan.self,
      voters: votersOf(plan.nodes),
      shards: cluster.shards,
      accepts: ({ mark }) => {
        if (accepted !== null && accepted !== mark) {
          throw refusedStep(
            `the log of ${data} has the mark ${mark}, not ${accepted}: all founders begin with copies of one directory`,
          );
        }
        return accepted !== null;
      },
      randomBytes: (count) => Uint8Array.from(randomBytes(count)),
    });
    const { identity, logs, mark } = survivor;
    const shards = logs.map(({ head, committed, timestamp, damagedUpTo }, shard) => {
      return { shard, head, committed, timestamp, damagedUpTo };
    });
    const report = {
      data,
      was: identity.nodeId,
      node: node.number,
      epoch: cluster.epoch,
      mark,
      changed: accepted !== null,
      shards,
    };
    await output.result(report, () => [...losses(survivor), "", ...next(report, file, cluster)].join("\n"));
    return accepted === null ? exitCodes.later.code : exitCodes.ok.code;
  },
});

/** A cluster that works is not rescued, and one that is founded already is not founded twice. Throws `stepUnsafe`. */
async function checkNobodyLeads(invocation: Invocation<unknown>, { nodes }: ClusterFile): Promise<void> {
  for (const { number, client } of nodes) {
    const report = await withNode(
      invocation,
      async (asked) => clusterShape.parse(await asked.admin("cluster.status")),
      [client],
    ).catch((error: unknown) => {
      if (hasCode(error, "connectionRefused") || hasCode(error, "connectionLost")) return null;
      throw error;
    });
    if (report === null || report.shards.every(({ leader }) => leader === null)) continue;
    throw refusedStep(
      `node ${number} answers at ${formatAddress(client)}, and its cluster has leaders: it works. For a node that lacks its disk there is \`kimberlite cluster recover\``,
    );
  }
}

const time = (micros: number): string => (micros === 0 ? "–" : new Date(micros / 1_000).toISOString());

function losses({ logs, identity }: Survivor): string[] {
  const rows = logs.map(({ head, committed, timestamp, damagedUpTo }, shard) => [
    shard === 0 ? "0 (system)" : shard,
    Math.min(committed, head),
    head,
    time(timestamp),
    damagedUpTo === 0 ? null : `${head + 1} to ${damagedUpTo}`,
    committed > head ? `${head + 1} to ${committed}` : null,
  ]);
  return [
    `the log of node ${identity.nodeId}, epoch ${identity.epoch}:`,
    "",
    renderTable(["shard", "committed", "kept up to", "newest record", "damaged here", "committed, and lost"], rows),
    "",
    "kept: every operation up to the one named, also those behind `committed`, which clients may have seen acknowledged or not.",
    "lost: every operation behind it. Whatever the lost nodes acknowledged after that record is gone, however much that was.",
  ];
}

function next(
  { changed, mark, node, data }: { changed: boolean; mark: string; node: number; data: string },
  file: string,
  cluster: ClusterFile,
): string[] {
  if (!changed) return [`nothing was changed. To accept it: --accept-loss ${mark}`];
  const others = cluster.nodes.filter((one) => one.number !== node && !one.isStandby).map(({ number }) => number);
  return [
    `${data} is node ${node} of the cluster that is founded anew, in epoch ${cluster.epoch}`,
    ...(others.length === 0
      ? []
      : [
          `each other node (${others.join(", ")}) begins with a copy of the directory as it was before, and --accept-loss ${mark}`,
        ]),
    `then: kimberlite start --cluster ${file} --node ${node} --data DIRECTORY`,
  ];
}
