/** `kimberlite cluster recover`: a node whose disk was lost comes back with an empty one. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { replaceDataDirectory } from "../../../../actors/supervisor/data-directory.js";
import { votersOf } from "../../../../actors/supervisor/placement.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { quorumsOf } from "../../../../runtime/vsr/quorums.js";
import { clusterPlan, nodeOf, readClusterFile } from "../../cluster-file.js";
import { defineCommand } from "../../command.js";
import { type ClusterReport, clusterShape } from "../../shapes.js";
import { withNode } from "../../with-node.js";

/** One that a replica may have entered alone before its disk was lost, and the first in which nobody has heard of it. */
const viewsBeyond = 2;

const refused = (what: string): KimberliteError => new KimberliteError("stepUnsafe", `${what}. Nothing was changed`);

export const clusterRecoverCommand = defineCommand({
  usage: "cluster recover",
  summary: "give a node whose disk was lost an empty one",
  details:
    "Run it where the node runs, before it is started, with its own --node and --data. The other nodes must be up and in step: a majority of " +
    "them first commits operations that say nothing, so that whatever the lost disk had acknowledged is on their disks or will never be. Then " +
    "the directory is made, with replicas that are silent until a view in which nobody can have heard of their former life. Start the node " +
    "after it: it fetches the log from the others. A directory that holds data is never touched, and an old disk that turns up later is " +
    "turned away.",
  settings: ["data", "cluster", "node", "connect"],
  flags: [],
  shape: z.object({}),
  examples: [
    ["kimberlite cluster recover --cluster cluster.toml --node 2 --data /srv/kimberlite", "node 2 lost its disk"],
  ],
  async run(invocation) {
    const { configuration, output, surroundings } = invocation;
    const file = configuration.get("cluster");
    const wish = configuration.get("node");
    if (file === null || wish === null) {
      throw new KimberliteError("configurationInvalid", "which node lost its disk? Set cluster to the file, and node");
    }
    const cluster = readClusterFile(path.resolve(surroundings.directory, file));
    const node = nodeOf(cluster, wish);
    const plan = clusterPlan(cluster, node);
    if (node.isStandby) {
      throw refused(`node ${node.number} stands by and has promised nothing: start it with an empty directory`);
    }
    const voters = votersOf(plan.nodes);
    if (voters < 3) {
      throw refused(
        `with ${voters} node(s) there is no majority without node ${node.number}: restore its disk from a backup`,
      );
    }
    const others = configuration.isSet("connect")
      ? configuration.require("connect")
      : cluster.nodes.filter(({ number }) => number !== node.number).map(({ client }) => client);
    const views = await withNode(
      invocation,
      async (asked) => {
        const status = async (): Promise<ClusterReport> => clusterShape.parse(await asked.admin("cluster.status"));
        check(await status(), Buffer.from(cluster.clusterId).toString("hex"), node.number, cluster.shards);
        await asked.admin("cluster.barrier");
        // After it: what was seen before could be of a view that nobody works in any more.
        const after = await status();
        return check(after, Buffer.from(cluster.clusterId).toString("hex"), node.number, cluster.shards);
      },
      others,
    );
    const data = path.resolve(surroundings.directory, configuration.require("data"));
    await replaceDataDirectory(data, {
      cluster: { clusterId: plan.clusterId, node: plan.self, nodes: voters },
      shards: cluster.shards,
      views: views.map((view) => view + viewsBeyond),
      randomBytes: (count) => Uint8Array.from(randomBytes(count)),
      now: () => Date.now(),
    });
    await output.result({ node: node.number, data, views: views.map((view) => view + viewsBeyond) }, () =>
      [
        `${data} is made for node ${node.number}, empty; it fetches the log from the others`,
        `kimberlite start --cluster ${file} --node ${node.number} --data ${configuration.require("data")}`,
      ].join("\n"),
    );
    return 0;
  },
});

/** The highest view of each shard. Throws `stepUnsafe` where a majority without the node is not in order. */
function check(report: ClusterReport, clusterId: string, node: number, shards: number): number[] {
  if (report.clusterId !== clusterId) throw refused(`the node that answers is of cluster ${report.clusterId}`);
  if (report.shards.length !== shards + 1) {
    throw refused(`the others have ${report.shards.length - 1} user shard(s), the file says ${shards}`);
  }
  const self = report.nodes.find((one) => one.node === node);
  if (self?.reachable === true) throw refused(`node ${node} answers: it runs, with a disk of its own`);
  return report.shards.map(({ shard, leader, replicas: all }) => {
    const replicas = all.filter(({ standby }) => !standby);
    if (leader === null) throw refused(`shard ${shard} has no leader`);
    const unsound = replicas.filter((one) => one.node !== node && one.fault !== null);
    const { replication, viewChange } = quorumsOf(replicas.length);
    const sound = replicas.length - 1 - unsound.length;
    if (sound < Math.max(replication, viewChange)) {
      const faults = unsound.map((one) => `its replica on node ${one.node} ${one.fault ?? ""}`).join("; ");
      throw refused(`shard ${shard} has too few sound replicas without node ${node}: ${faults}`);
    }
    return Math.max(...replicas.map(({ view }) => view ?? 0));
  });
}
