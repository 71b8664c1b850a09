/** `kimberlite cluster init`: the cluster file, the same for every node. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { readTextFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { shardsMax } from "../../../../runtime/types/limits.js";
import { checkReplicas, parseClusterFile, parseNodeName } from "../../cluster-file.js";
import { commaList, defineCommand, wholeNumber } from "../../command.js";

/** Nodes of one machine get ranges of their own. */
const portsApart = 100;
const portMax = 65_535;

interface Wish {
  /** Null: all nodes on this machine. */
  readonly hosts: readonly string[] | null;
  readonly names: readonly string[];
  readonly bind: string | null;
  readonly isSecure: boolean;
  readonly shards: number;
  readonly peerPort: number;
  readonly clientPort: number;
}

function sample({ hosts, names, bind, isSecure, shards, peerPort, clientPort }: Wish): string {
  const entries = names.map((name, index) => {
    const host = hosts?.[index] ?? "127.0.0.1";
    const apart = hosts === null ? index : 0;
    const written = host.includes(":") ? `[${host}]` : host;
    return [
      "[[node]]",
      `number = ${index + 1}`,
      `name = ${JSON.stringify(name)}`,
      `peer = ${JSON.stringify(`${written}:${peerPort + apart * portsApart}`)}`,
      `client = "127.0.0.1:${clientPort + apart}"`,
      ...(bind === null ? [] : [`bind = ${JSON.stringify(bind)}`]),
      "",
    ].join("\n");
  });
  const security = !isSecure
    ? [
        "# Plaintext between nodes: all of them are on this machine. Elsewhere: [tls], see `kimberlite cluster keys`.",
        "insecure-loopback = true",
        "",
      ]
    : [
        "# Made by `kimberlite cluster keys`. A node needs ca.pem and its own two files; ca.key stays with you.",
        "[tls]",
        'ca = "keys/ca.pem"',
        'cert = "keys/{name}.pem"',
        'key = "keys/{name}.key"',
        "",
      ];
  return [
    "# A Kimberlite cluster. The same file lies on every node: kimberlite start --cluster cluster.toml --node N",
    "# Every node holds a replica of each shard: three nodes survive the loss of one, five of two.",
    `cluster-id = "${randomBytes(16).toString("hex")}"`,
    "# User shards. A node listens for the others on this many ports and one more, from its peer address on.",
    `shards = ${shards}`,
    "",
    ...security,
    ...entries,
  ].join("\n");
}

export const clusterInitCommand = defineCommand({
  usage: "cluster init [file]",
  summary: "write a cluster file with a fresh cluster id",
  details:
    "Without --hosts the nodes are all on this machine, in plaintext over loopback: for trying out. With --hosts there is one node a host, and " +
    "nodes talk over TLS; `kimberlite cluster keys` makes the keys. The file is ./cluster.toml unless named.",
  settings: [],
  flags: [
    ["--hosts <list>", "hosts of the nodes, with commas between them"],
    ["--names <list>", "names of the nodes, which their certificates carry [node-1, node-2, …]"],
    ["--bind <host>", "where each node listens for the others, when that is not its host, for example 0.0.0.0"],
    ["--tls", "TLS also between nodes of this machine; with --hosts there is no other way"],
    ["--nodes <n>", "nodes on this machine, when no hosts are given [3]"],
    ["--shards <n>", "user shards [1]"],
    ["--peer-port <n>", "first port for other nodes [7500]"],
    ["--client-port <n>", "port for clients [7400]"],
    ["--force", "replace a file that is there"],
  ],
  shape: z.object({
    hosts: commaList((host) => host).optional(),
    names: commaList(parseNodeName).optional(),
    bind: z.string().min(1).optional(),
    tls: z.boolean().default(false),
    nodes: wholeNumber(1).default(3),
    shards: wholeNumber(1, shardsMax - 1).default(1),
    peerPort: wholeNumber(1, portMax).default(7_500),
    clientPort: wholeNumber(1, portMax).default(7_400),
    force: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite cluster init", "three nodes on this machine"],
    ["kimberlite cluster init --hosts 10.0.0.1,10.0.0.2,10.0.0.3 --shards 4", "three machines"],
  ],
  async run({ arguments: [name = "cluster.toml"], options, output, surroundings }) {
    const { hosts = null, shards, bind = null, peerPort, clientPort, force } = options;
    const nodes = hosts?.length ?? options.names?.length ?? options.nodes;
    checkReplicas(nodes);
    const names = options.names ?? Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
    if (names.length !== nodes) {
      throw new KimberliteError("invalidArgument", `${names.length} names do not fit ${nodes} hosts`);
    }
    const file = path.resolve(surroundings.directory, name);
    if (readTextFile(file) !== null && !force) {
      throw new KimberliteError("configurationInvalid", `${file} exists; --force replaces it`, { detail: { file } });
    }
    const text = sample({ hosts, names, bind, isSecure: options.tls || hosts !== null, shards, peerPort, clientPort });
    const { warnings, tls, clusterId } = parseClusterFile(file, text);
    writeTextFile(file, text);
    for (const warning of warnings) await output.note(warning);
    await output.result({ file, clusterId: Buffer.from(clusterId).toString("hex"), nodes, shards }, () =>
      [
        `${file} lists ${nodes} node(s)`,
        ...(tls === null ? [] : [`kimberlite cluster keys ${path.join(path.dirname(name), "keys")} --cluster ${name}`]),
        ...names.map((each, index) => `kimberlite start --cluster ${name} --node ${index + 1} --data ./${each}`),
      ].join("\n"),
    );
    return 0;
  },
});
