/** `kimberlite cluster keys`: the certificates with which the nodes of a cluster know one another. */
import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import {
  createAuthority,
  createNodeCertificate,
  isAuthorityOfOurs,
  type KeyedCertificate,
} from "../../../../runtime/crypto/certificate.js";
import { makeDirectory, readTextFile, writeSecretFile, writeTextFile } from "../../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { checkReplicas, parseNodeName, readClusterFile } from "../../cluster-file.js";
import { commaList, defineCommand, wholeNumber } from "../../command.js";
import { ipBytes } from "../../ip-bytes.js";

const dayMs = 24 * 3_600_000;
const authorityDays = 3_650;
/** Certificates that end sooner are pointed out. */
const soonDays = 60;
const authorityName = "ca";

const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));
// An hour back: clocks of machines differ.
const validity = (days: number, now: number) => ({ from: now - 3_600_000, to: now + days * dayMs });

const invalid = (directory: string, what: string, cause?: unknown): KimberliteError =>
  new KimberliteError("configurationInvalid", `${directory}: ${what}`, { detail: { directory }, cause });

/** A host as a certificate carries it. Throws `invalidArgument`. */
function parseHost(text: string): string {
  if (ipBytes(text) !== null || /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/.test(text)) return text;
  throw new KimberliteError("invalidArgument", `"${text.slice(0, 100)}" is neither a host name nor an IP address`);
}

/** A directory of NAME.pem and NAME.key. */
class KeyDirectory {
  readonly path: string;
  readonly #read: (file: string) => string | null;

  constructor(directory: string) {
    this.path = directory;
    this.#read = (file) => readTextFile(path.join(directory, file));
  }

  /** Null when neither file is there. Throws `configurationInvalid` for half a pair, except for an authority whose key is elsewhere. */
  find(name: string): { readonly cert: string; readonly key: string | null } | null {
    const [cert, key] = [this.#read(`${name}.pem`), this.#read(`${name}.key`)];
    if (cert === null && key !== null) throw invalid(this.path, `${name}.key is there without ${name}.pem`);
    if (cert !== null && key === null && name !== authorityName) {
      throw invalid(this.path, `${name}.pem is there without ${name}.key; remove it, and it is made anew`);
    }
    return cert === null ? null : { cert, key };
  }

  write(name: string, { cert, key }: KeyedCertificate): void {
    writeSecretFile(path.join(this.path, `${name}.key`), key);
    writeTextFile(path.join(this.path, `${name}.pem`), cert);
  }

  /** What signs nodes. Throws `configurationInvalid`. */
  authority(): { readonly cert: string; readonly key: KeyObject } {
    const found = this.find(authorityName);
    if (found === null || found.key === null)
      throw invalid(this.path, "it holds no ca.key: without it no node can be made");
    let key: KeyObject;
    let isSound: boolean;
    try {
      key = createPrivateKey(found.key);
      isSound = isAuthorityOfOurs(found.cert, key);
    } catch (cause) {
      throw invalid(this.path, "ca.pem or ca.key is no PEM", cause);
    }
    if (!isSound) {
      throw invalid(
        this.path,
        "ca.key does not belong to ca.pem, or another program made them: sign nodes with that one",
      );
    }
    return { cert: found.cert, key };
  }

  expiry(name: string): string | null {
    const cert = this.find(name)?.cert;
    try {
      return cert === undefined ? null : new Date(new X509Certificate(cert).validTo).toISOString();
    } catch (cause) {
      throw invalid(this.path, `${name}.pem is no PEM certificate`, cause);
    }
  }
}

export const clusterKeysCommand = defineCommand({
  usage: "cluster keys <directory>",
  summary: "make the certificates with which nodes know one another",
  details:
    "Makes an authority for the cluster (ca.pem, ca.key) and for each node NAME.pem and NAME.key. What is there already is kept: run again, it " +
    "makes only what is missing, signed by the same authority. A certificate carries its node's name and hosts: it also serves as --tls-cert and --pg-tls-cert, " +
    "and ca.pem as the clients' --tls-ca. Give each node ca.pem and its own two files. ca.key can make nodes: keep it elsewhere.",
  settings: ["cluster"],
  flags: [
    ["--nodes <names>", "names of the nodes, with commas between them; those of the cluster file when left out"],
    [
      "--hosts <list>",
      "hosts, besides those of the cluster file, at which clients find the nodes that keys are made for",
    ],
    ["--days <n>", "how long the nodes' certificates are valid [1825]"],
  ],
  shape: z.object({
    nodes: commaList(parseNodeName).optional(),
    hosts: commaList(parseHost).default([]),
    days: wholeNumber(1, authorityDays).default(1_825),
  }),
  examples: [
    ["kimberlite cluster keys keys --cluster cluster.toml", "for the nodes of the file"],
    ["kimberlite cluster keys keys --nodes node-4", "for one more node, by the authority that is there"],
  ],
  async run({ arguments: [place = ""], options, configuration, output, surroundings }) {
    const cluster = configuration.get("cluster");
    const fileOfCluster = cluster === null ? null : path.resolve(surroundings.directory, cluster);
    const listed = fileOfCluster === null ? [] : readClusterFile(fileOfCluster).nodes;
    const names = options.nodes ?? (fileOfCluster === null ? null : listed.map(({ name }) => name));
    if (names === null) {
      throw new KimberliteError("invalidArgument", "whose keys? Name the nodes with --nodes, or a file with --cluster");
    }
    // Those of a file are as many as it may list.
    if (options.nodes !== undefined) checkReplicas(names.length);
    if (names.includes(authorityName)) {
      throw new KimberliteError(
        "invalidArgument",
        `no node can be called ${authorityName}: its files would be the authority's`,
      );
    }
    const directory = new KeyDirectory(path.resolve(surroundings.directory, place));
    makeDirectory(directory.path);
    const made: string[] = [];
    const kept: string[] = [];
    const now = Date.now();
    for (const name of [authorityName, ...names]) {
      if (directory.find(name) !== null) {
        kept.push(name);
        continue;
      }
      if (name === authorityName) {
        directory.write(name, createAuthority("Kimberlite cluster authority", validity(authorityDays, now), random));
      } else {
        const own = listed.find((node) => node.name === name);
        const hosts = [...(own === undefined ? [] : [own.peer.host, own.client.host]), ...options.hosts];
        const carried = [...new Set(hosts)].map((host) => ipBytes(host) ?? host);
        const authority = directory.authority();
        directory.write(name, createNodeCertificate(name, authority, validity(options.days, now), random, carried));
      }
      made.push(name);
    }
    const expires = Object.fromEntries([...made, ...kept].map((name) => [name, directory.expiry(name)]));
    for (const [name, at] of Object.entries(expires)) {
      if (at !== null && Date.parse(at) - now < soonDays * dayMs) await output.note(`${name}.pem is valid until ${at}`);
    }
    await output.result({ directory: directory.path, made, kept, expires }, () =>
      [
        made.length === 0
          ? `nothing was missing in ${directory.path}`
          : `made in ${directory.path}: ${made.join(", ")}`,
        ...(kept.length === 0 ? [] : [`kept: ${kept.join(", ")}`]),
      ].join("\n"),
    );
    return 0;
  },
});
