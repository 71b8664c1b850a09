/** `kimberlite cluster add`: another node in the cluster file, which stands by. */
import path from "node:path";
import { z } from "zod";
import { readTextFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { parseClusterFile, parseNodeName } from "../../cluster-file.js";
import { defineCommand, readBy } from "../../command.js";
import { formatAddress, parseAddress } from "../../units.js";
import { clusterFileOf } from "./file.js";

export const clusterAddCommand = defineCommand({
  usage: "cluster add",
  summary: "write another node into the cluster file, as a standby",
  details:
    "A standby keeps the log of every shard and takes clients, and counts for nothing: neither a write nor an election waits for it, and it " +
    "adds to no majority. Lay the file on every node, have each running node read it (`kimberlite cluster reload`), then start the new one " +
    "with an empty directory: it fetches the log from the others. `cluster status` shows when it is in step.",
  settings: ["cluster"],
  flags: [
    ["--name <name>", "its name, which its certificate carries [node-N]"],
    ["--peer <host:port>", "where the other nodes reach it"],
    ["--client <host:port>", "where clients reach it"],
    ["--bind <host>", "where it listens for the others, when that is not its host"],
  ],
  shape: z.object({
    name: readBy(parseNodeName).optional(),
    peer: readBy(parseAddress),
    client: readBy(parseAddress),
    bind: z.string().min(1).optional(),
  }),
  examples: [["kimberlite cluster add --cluster cluster.toml --peer 10.0.0.4:7500 --client 10.0.0.4:7400", "node 4"]],
  async run(invocation) {
    const { options, output, surroundings } = invocation;
    const file = clusterFileOf(invocation);
    const place = path.resolve(surroundings.directory, file);
    const text = readTextFile(place);
    if (text === null) {
      throw new KimberliteError("configurationInvalid", `${place}: there is no such file`, { detail: { file: place } });
    }
    const number = parseClusterFile(place, text).nodes.length + 1;
    const name = options.name ?? `node-${number}`;
    const entry = [
      "[[node]]",
      `number = ${number}`,
      `name = ${JSON.stringify(name)}`,
      `peer = ${JSON.stringify(formatAddress(options.peer))}`,
      `client = ${JSON.stringify(formatAddress(options.client))}`,
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
