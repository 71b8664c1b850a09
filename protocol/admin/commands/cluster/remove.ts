/** `kimberlite cluster remove`: a standby leaves the cluster file. */
import path from "node:path";
import { z } from "zod";
import { readTextFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { nodeOf, parseClusterFile } from "../../cluster-file.js";
import { defineCommand } from "../../command.js";
import { clusterFileOf } from "./file.js";
import { withoutNode } from "./file-entries.js";

const refused = (reason: string): KimberliteError => new KimberliteError("stepUnsafe", `not removed: ${reason}`);

export const clusterRemoveCommand = defineCommand({
  usage: "cluster remove <node>",
  summary: "take a standby out of the cluster file",
  details:
    "Stop it first. Then lay the file on every node and have each running node read it (`kimberlite cluster reload`): they end what connects " +
    "them to it. Only the standby with the highest number can leave. A node that votes goes when a standby takes its place " +
    "(`kimberlite cluster promote`): majorities are counted by as many nodes as the cluster began with.",
  settings: ["cluster"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite cluster remove 4 --cluster cluster.toml", "node 4 stands by no more"]],
  async run(invocation) {
    const {
      arguments: [wish = ""],
      output,
      surroundings,
    } = invocation;
    const place = path.resolve(surroundings.directory, clusterFileOf(invocation));
    const text = readTextFile(place);
    if (text === null) {
      throw new KimberliteError("configurationInvalid", `${place}: there is no such file`, { detail: { file: place } });
    }
    const cluster = parseClusterFile(place, text);
    const node = nodeOf(cluster, wish);
    if (!node.isStandby) {
      throw refused(
        `node ${node.number} votes, and how many vote is not changed while they run. If its disk is lost: \`kimberlite cluster recover\`; if a standby is to take its place: \`kimberlite cluster promote\``,
      );
    }
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
