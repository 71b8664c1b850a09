/** `kimberlite cluster add`: another node in the cluster file, which stands by; and one that stands by among those that vote. */
import { z } from "zod";
import { writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { nodeOf, parseClusterFile, parseNodeName } from "../../cluster-file.js";
import { defineCommand, type Invocation, readBy } from "../../command.js";
import { formatAddress, parseAddress } from "../../units.js";
import { refusedStep } from "./majority.js";
import { changeVoters, readClusterText } from "./reconfigure.js";

export const clusterAddCommand = defineCommand({
  usage: "cluster add",
  summary: "write another node into the cluster file, as a standby; or have a standby vote",
  details:
    "A standby keeps the log of every shard and takes clients, and counts for nothing: neither a write nor an election waits for it, and it " +
    "adds to no majority. Lay the file on every node, have each running node read it (`kimberlite cluster reload`), then start the new one " +
    "with an empty directory: it fetches the log from the others. `cluster status` shows when it is in step. Then, with --voter and its number, it is made " +
    "one that votes, while clients write: shard by shard an operation is committed by the nodes that have voted so far, and behind it the new one " +
    "counts. Refused, with the reason, while any of them is not sound or the standby is not in step.",
  settings: ["cluster", "connect"],
  flags: [
    ["--voter <node>", "number or name of a standby: it votes from now on"],
    ["--name <name>", "its name, which its certificate carries [node-N]"],
    ["--peer <host:port>", "where the other nodes reach it"],
    ["--client <host:port>", "where clients reach it"],
    ["--bind <host>", "where it listens for the others, when that is not its host"],
  ],
  shape: z.object({
    voter: z.string().min(1).optional(),
    name: readBy(parseNodeName).optional(),
    peer: readBy(parseAddress).optional(),
    client: readBy(parseAddress).optional(),
    bind: z.string().min(1).optional(),
  }),
  examples: [
    ["kimberlite cluster add --cluster cluster.toml --peer 10.0.0.4:7500 --client 10.0.0.4:7400", "node 4 stands by"],
    ["kimberlite cluster add --cluster cluster.toml --voter 4", "node 4, which is in step, votes"],
  ],
  async run(invocation) {
    const { options, output } = invocation;
    const { voter, peer, client } = options;
    if (voter !== undefined) return addVoter(invocation, voter);
    if (peer === undefined || client === undefined) {
      throw new KimberliteError(
        "invalidArgument",
        "a node has a --peer and a --client address; a standby that is to vote, --voter",
      );
    }
    const { given: file, place, text, cluster } = readClusterText(invocation);
    const number = cluster.nodes.length + 1;
    const name = options.name ?? `node-${number}`;
    const entry = [
      "[[node]]",
      `number = ${number}`,
      `name = ${JSON.stringify(name)}`,
      `peer = ${JSON.stringify(formatAddress(peer))}`,
      `client = ${JSON.stringify(formatAddress(client))}`,
      ...(options.bind === undefined ? [] : [`bind = ${JSON.stringify(options.bind)}`]),
      "standby = true",
      "",
    ].join("\n");
    const next = `${text.trimEnd()}\n\n${entry}`;
    const { tls, warnings } = parseClusterFile(place, next);
    writeTextFile(place, next);
    for (const warning of warnings) await output.note(warning);
    await output.result({ file: place, node: number, name, standby: true }, () =>
      [
        `${place} lists node ${number} (${name}), which stands by`,
        ...(tls === null ? [] : [`its keys: kimberlite cluster keys KEYS --nodes ${name}`]),
        "with the file on every node, on each of them: kimberlite cluster reload",
        `then: kimberlite start --cluster ${file} --node ${number} --data DIRECTORY`,
      ].join("\n"),
    );
    return 0;
  },
});

async function addVoter(invocation: Invocation<unknown>, wish: string): Promise<number> {
  const read = readClusterText(invocation);
  const node = nodeOf(read.cluster, wish);
  if (!node.isStandby) throw refusedStep(`node ${node.number} votes already`);
  const report = await changeVoters(invocation, read, node, true);
  await invocation.output.result(
    { file: read.place, node: node.number, voters: node.number, shards: report.shards },
    () =>
      [
        `node ${node.number} (${node.name}) votes on every shard: ${node.number} nodes do; ${read.place} says so too`,
        "with the file on every node, on each of them: kimberlite cluster reload",
      ].join("\n"),
  );
  return 0;
}
