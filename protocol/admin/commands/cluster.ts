/** `kimberlite cluster init` and `cluster keys`: what several machines need before their first start. */
import { createPrivateKey, randomBytes } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { createAuthority, createNodeCertificate } from "../../../runtime/crypto/certificate.js";
import { makeDirectory, readTextFile, writeSecretFile, writeTextFile } from "../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { shardsMax } from "../../../runtime/types/limits.js";
import { replicasMax } from "../../../runtime/vsr/quorums.js";
import { checkReplicas, parseClusterFile, parseNodeName, readClusterFile } from "../cluster-file.js";
import { defineCommand, readBy, wholeNumber } from "../command.js";

const list = (parse: (text: string) => string) =>
  readBy((text: string) => text.split(",").map((one) => parse(one.trim())));
const peerPort = 7500;
const clientPort = 7400;
/** Nodes of one machine get ranges of their own. */
const portsApart = 100;
const dayMs = 24 * 3_600_000;
const authorityDays = 3_650;

const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));

function sample(hosts: readonly string[] | null, nodes: number, shards: number): string {
  const entries = Array.from({ length: nodes }, (_, index) => {
    const host = hosts?.[index] ?? "127.0.0.1";
    const apart = hosts === null ? index : 0;
    const written = host.includes(":") ? `[${host}]` : host;
    return [
      "[[node]]",
      `number = ${index + 1}`,
      `name = "node-${index + 1}"`,
      `peer = "${written}:${peerPort + apart * portsApart}"`,
      `client = "127.0.0.1:${clientPort + apart}"`,
      "",
    ].join("\n");
  });
  const security =
    hosts === null
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
    `cluster-id = "${Buffer.from(random(16)).toString("hex")}"`,
    "# User shards. A node listens for the others on this many ports and one more, from its peer address on.",
    `shards = ${shards}`,
    "",
    ...security,
    ...entries,
  ].join("\n");
}

const initCommand = defineCommand({
  usage: "cluster init [file]",
  summary: "write a cluster file with a fresh cluster id",
  details:
    "Without --hosts the nodes are all on this machine, in plaintext over loopback: for trying out. With --hosts there is one node a host, and " +
    "nodes talk over TLS; `kimberlite cluster keys` makes the keys. The file is ./cluster.toml unless named.",
  settings: [],
  flags: [
    ["--hosts <list>", "hosts of the nodes, with commas between them"],
    ["--nodes <n>", "nodes on this machine, when no hosts are given [3]"],
    ["--shards <n>", "user shards [1]"],
    ["--force", "replace a file that is there"],
  ],
  shape: z.object({
    hosts: list((host) => host).optional(),
    nodes: wholeNumber(1).default(3),
    shards: wholeNumber(1, shardsMax - 1).default(1),
    force: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite cluster init", "three nodes on this machine"],
    ["kimberlite cluster init --hosts 10.0.0.1,10.0.0.2,10.0.0.3 --shards 4", "three machines"],
  ],
  async run({ arguments: [name = "cluster.toml"], options, output, surroundings }) {
    const { hosts, shards, force } = options;
    const nodes = hosts?.length ?? options.nodes;
    checkReplicas(nodes);
    const file = path.resolve(surroundings.directory, name);
    if (readTextFile(file) !== null && !force) {
      throw new KimberliteError("configurationInvalid", `${file} exists; --force replaces it`, { detail: { file } });
    }
    const text = sample(hosts ?? null, nodes, shards);
    const { warnings, tls, clusterId } = parseClusterFile(file, text);
    writeTextFile(file, text);
    for (const warning of warnings) await output.note(warning);
    await output.result({ file, clusterId: Buffer.from(clusterId).toString("hex"), nodes, shards }, () =>
      [
        `${file} lists ${nodes} node(s)`,
        ...(tls === null ? [] : [`kimberlite cluster keys ${path.join(path.dirname(name), "keys")} --cluster ${name}`]),
        `kimberlite start --cluster ${name} --node 1 --data ./node-1`,
      ].join("\n"),
    );
    return 0;
  },
});

const keysCommand = defineCommand({
  usage: "cluster keys <directory>",
  summary: "make the certificates with which nodes know one another",
  details:
    "Makes an authority for the cluster (ca.pem, ca.key) and for each node NAME.pem and NAME.key. What is there already is kept: run again, it " +
    "makes only what is missing, signed by the same authority. Give each node ca.pem and its own two files. ca.key can make nodes: keep it elsewhere.",
  settings: ["cluster"],
  flags: [
    ["--nodes <names>", "names of the nodes, with commas between them; those of the cluster file when left out"],
    ["--days <n>", "how long the nodes' certificates are valid [1825]"],
  ],
  shape: z.object({
    nodes: list(parseNodeName).optional(),
    days: wholeNumber(1, authorityDays).default(1_825),
  }),
  examples: [
    ["kimberlite cluster keys keys --cluster cluster.toml", "for the nodes of the file"],
    ["kimberlite cluster keys keys --nodes node-4", "for one more node, by the authority that is there"],
  ],
  async run({ arguments: [place = ""], options, configuration, output, surroundings }) {
    const directory = path.resolve(surroundings.directory, place);
    const cluster = configuration.get("cluster");
    const names =
      options.nodes ??
      (cluster === null
        ? null
        : readClusterFile(path.resolve(surroundings.directory, cluster)).nodes.map(({ name }) => name));
    if (names === null) {
      throw new KimberliteError("invalidArgument", "whose keys? Name the nodes with --nodes, or a file with --cluster");
    }
    checkReplicas(Math.min(names.length, replicasMax + 1));
    makeDirectory(directory);
    const made: string[] = [];
    const kept: string[] = [];
    const now = Date.now();
    // An hour back: clocks of machines differ.
    const validity = (days: number) => ({ from: now - 3_600_000, to: now + days * dayMs });
    const write = (name: string, { cert, key }: { readonly cert: string; readonly key: string }): void => {
      writeSecretFile(path.join(directory, `${name}.key`), key);
      writeTextFile(path.join(directory, `${name}.pem`), cert);
      made.push(name);
    };
    const read = (name: string): string | null => readTextFile(path.join(directory, name));
    if (read("ca.pem") === null)
      write("ca", createAuthority("Kimberlite cluster authority", validity(authorityDays), random));
    else kept.push("ca");
    const [cert, key] = [read("ca.pem"), read("ca.key")];
    for (const name of names) {
      if (read(`${name}.pem`) !== null) {
        kept.push(name);
        continue;
      }
      if (cert === null || key === null) {
        throw new KimberliteError(
          "configurationInvalid",
          `${directory} holds no ca.key: without it no node can be made`,
          {
            detail: { directory },
          },
        );
      }
      write(name, createNodeCertificate(name, { cert, key: createPrivateKey(key) }, validity(options.days), random));
    }
    await output.result({ directory, made, kept }, () =>
      [
        made.length === 0 ? `nothing was missing in ${directory}` : `made in ${directory}: ${made.join(", ")}`,
        ...(kept.length === 0 ? [] : [`kept: ${kept.join(", ")}`]),
      ].join("\n"),
    );
    return 0;
  },
});

export const clusterCommands = [initCommand, keysCommand] as const;
