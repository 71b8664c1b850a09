/** `kimberlite cluster recover`: a node whose disk was lost comes back with an empty one. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { replaceDataDirectory } from "../../../../actors/supervisor/data-directory.js";
import { votersOf } from "../../../../actors/supervisor/placement.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { clusterPlan, nodeOf, readClusterFile } from "../../cluster-file.js";
import { defineCommand } from "../../command.js";
import { withNode } from "../../with-node.js";
import { confirmMajority, refusedStep } from "./majority.js";

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
      throw refusedStep(`node ${node.number} stands by and has promised nothing: start it with an empty directory`);
    }
    const voters = votersOf(plan.nodes);
    if (voters < 3) {
      throw refusedStep(
        `with ${voters} node(s) there is no majority without node ${node.number}: restore its disk from a backup`,
      );
    }
    const others = configuration.isSet("connect")
      ? configuration.require("connect")
      : cluster.nodes.filter(({ number }) => number !== node.number).map(({ client }) => client);
    const expected = {
      clusterId: Buffer.from(cluster.clusterId).toString("hex"),
      node: node.number,
      shards: cluster.shards,
      voters,
    };
    const majorities = await withNode(invocation, (asked) => confirmMajority(asked, expected), others);
    const views = majorities.map(({ view }) => view);
    const data = path.resolve(surroundings.directory, configuration.require("data"));
    await replaceDataDirectory(data, {
      cluster: { clusterId: plan.clusterId, epoch: cluster.epoch, node: plan.self, nodes: voters },
      shards: cluster.shards,
      views,
      randomBytes: (count) => Uint8Array.from(randomBytes(count)),
      now: () => Date.now(),
    });
    await output.result({ node: node.number, data, views }, () =>
      [
        `${data} is made for node ${node.number}, empty; it fetches the log from the others`,
        `kimberlite start --cluster ${file} --node ${node.number} --data ${configuration.require("data")}`,
      ].join("\n"),
    );
    return 0;
  },
});
