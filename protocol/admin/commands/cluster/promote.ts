/** `kimberlite cluster promote`: a standby takes the place of a node that votes and is lost, or goes for good. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { promoteDataDirectory } from "../../../../actors/supervisor/promotion.js";
import { readTextFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { type ClusterFile, type ClusterNode, nodeOf, parseClusterFile } from "../../cluster-file.js";
import { defineCommand } from "../../command.js";
import { withNode } from "../../with-node.js";
import { clusterFileOf } from "./file.js";
import { withSuccessor } from "./file-entries.js";
import { confirmMajority, refusedStep } from "./majority.js";

/** Some seconds' worth of a busy shard: it is fetched before the node counts. */
const lagMax = 100_000;
/** With fewer there is no majority without the one whose place is taken. */
const votersMin = 3;

export const clusterPromoteCommand = defineCommand({
  usage: "cluster promote <standby>",
  summary: "have a standby take the place of a node that votes and is lost",
  details:
    "Run it where the standby's directory is, with both nodes stopped: the standby, and for ever the one whose place it takes. The others must " +
    "be up and in step: a majority of them first commits operations that say nothing, so that whatever the lost node had acknowledged is on their " +
    "disks or will never be. Then the directory gets that node's number and keeps its log, and the cluster file lists the standby's addresses in " +
    "its place. Lay the file on every node, have each running one read it (`kimberlite cluster reload`), and start the node by its new number. The " +
    "old directory, should it turn up, is turned away.",
  settings: ["data", "cluster", "connect"],
  flags: [["--in-place-of <node>", "number or name of the node that is lost or goes"]],
  shape: z.object({ inPlaceOf: z.string().min(1) }),
  examples: [
    [
      "kimberlite cluster promote 4 --in-place-of 2 --cluster cluster.toml --data /srv/kimberlite",
      "node 2 is lost, and node 4 stood by",
    ],
  ],
  async run(invocation) {
    const {
      arguments: [wish = ""],
      configuration,
      options,
      output,
      surroundings,
    } = invocation;
    const file = clusterFileOf(invocation);
    const place = path.resolve(surroundings.directory, file);
    const text = readTextFile(place);
    if (text === null) {
      throw new KimberliteError("configurationInvalid", `${place}: there is no such file`, { detail: { file: place } });
    }
    const cluster = parseClusterFile(place, text);
    const [standby, lost] = [nodeOf(cluster, wish), nodeOf(cluster, options.inPlaceOf)];
    check(cluster, standby, lost);
    const next = withSuccessor(place, text, standby.number, lost.number);
    if (next === null) {
      throw new KimberliteError(
        "configurationInvalid",
        `${place}: the entries of nodes ${standby.number} and ${lost.number} are not written in a way that can be changed here`,
        { detail: { file: place } },
      );
    }
    const others = configuration.isSet("connect")
      ? configuration.require("connect")
      : cluster.nodes.filter((one) => one !== standby && one !== lost).map(({ client }) => client);
    const expected = {
      clusterId: Buffer.from(cluster.clusterId).toString("hex"),
      node: lost.number,
      shards: cluster.shards,
      voters: votersOf(cluster),
    };
    const shards = await withNode(invocation, (asked) => confirmMajority(asked, expected), others);
    const data = path.resolve(surroundings.directory, configuration.require("data"));
    const ops = await promoteDataDirectory(data, {
      clusterId: cluster.clusterId,
      epoch: cluster.epoch,
      standby: standby.number - 1,
      place: lost.number - 1,
      voters: votersOf(cluster),
      shards,
      lagMax,
      randomBytes: (count) => Uint8Array.from(randomBytes(count)),
    });
    writeTextFile(place, next);
    await output.result({ file: place, node: lost.number, name: standby.name, data, ops }, () =>
      [
        `${data} is node ${lost.number}'s now, with its log; ${place} lists ${standby.name} in its place`,
        "with the file on every node, on each that runs: kimberlite cluster reload",
        `then: kimberlite start --cluster ${file} --node ${lost.number} --data ${configuration.require("data")}`,
      ].join("\n"),
    );
    return 0;
  },
});

const votersOf = ({ nodes }: ClusterFile): number => nodes.filter(({ isStandby }) => !isStandby).length;

/** Throws `stepUnsafe` for what the file alone shows to be unsafe. */
function check(cluster: ClusterFile, standby: ClusterNode, lost: ClusterNode): void {
  if (!standby.isStandby) throw refusedStep(`node ${standby.number} votes already`);
  if (lost.isStandby) throw refusedStep(`node ${lost.number} stands by: it has no place to give`);
  const last = cluster.nodes.at(-1);
  if (last !== undefined && last !== standby) {
    throw refusedStep(`nodes are numbered without gaps: promote node ${last.number}, the last, or let it leave first`);
  }
  if (votersOf(cluster) < votersMin) {
    throw refusedStep(
      `with ${votersOf(cluster)} node(s) that vote there is no majority without node ${lost.number}: restore its disk from a backup`,
    );
  }
}
