/**
 * The cluster file: which nodes there are, where they listen, how they prove who they are. The same file lies on every node.
 *
 *   cluster-id = "<32 hex digits>"      drawn by `kimberlite cluster init`
 *   epoch = 1                           how often the cluster was founded anew by `kimberlite cluster rescue`; never, when left out
 *   shards = 1                          user shards; a node listens for its peers on shards + 1 ports, from its peer address on
 *   insecure-loopback = true            instead of [tls]: plaintext, between nodes of one machine only
 *
 *   [tls]                               paths from this file; {name} and {number} stand for the node's own
 *   ca = "keys/ca.pem"
 *   cert = "keys/{name}.pem"
 *   key = "keys/{name}.key"
 *
 *   [[node]]
 *   number = 1                          1, 2, 3, … without gaps
 *   name = "node-1"                     a DNS name, which the node's certificate carries
 *   peer = "10.0.0.1:7500"              where the other nodes reach it: this port and one more for each user shard
 *   client = "127.0.0.1:7400"           where clients reach it
 *   bind = "0.0.0.0"                    where it listens for its peers, when that is not the host of `peer`
 *   standby = true                      it keeps every log and does not count; such nodes have the last numbers
 *
 * Every node holds one replica of each shard, so there are as many replicas that vote as nodes without `standby`.
 */
import { isIP } from "node:net";
import path from "node:path";
import { parse as parseToml } from "smol-toml";
import { z } from "zod";
import type { ClusterPlan } from "../../actors/supervisor/placement.js";
import { isLoopback } from "../../runtime/actor/loopback.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { shardsMax } from "../../runtime/types/limits.js";
import { replicasMax, standbysMax } from "../../runtime/vsr/quorums.js";
import { readBy } from "./command.js";
import { type Address, formatAddress, parseAddress } from "./units.js";

export interface ClusterNode {
  readonly number: number;
  readonly name: string;
  readonly peer: Address;
  readonly client: Address;
  readonly bind: string | null;
  readonly isStandby: boolean;
}

export interface ClusterFile {
  readonly file: string;
  readonly clusterId: Uint8Array;
  /** How often the cluster was founded anew. */
  readonly epoch: number;
  readonly shards: number;
  /** By number, from 1. */
  readonly nodes: readonly ClusterNode[];
  /** Templates of paths; null for plaintext over loopback. */
  readonly tls: PeerSecurity | null;
  /** What is allowed and yet unwise, for the log. */
  readonly warnings: readonly string[];
}

/** It travels as 32 bits. */
const epochMax = 2 ** 31;

const dnsName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A node's name: lower-case labels with dots. Throws `invalidArgument`. */
export function parseNodeName(text: string): string {
  if (dnsName.test(text) && isIP(text) === 0) return text;
  throw new KimberliteError("invalidArgument", `${JSON.stringify(text)} is no DNS name in lower case, like node-1`);
}

const address = readBy((text) => {
  const parsed = parseAddress(text);
  if (parsed.port > 0) return parsed;
  throw new KimberliteError("invalidArgument", "the other nodes must know the port: it cannot be 0");
});

const nodeShape = z.strictObject({
  number: z.int().min(1),
  name: readBy(parseNodeName),
  peer: address,
  client: address,
  bind: z.string().min(1).optional(),
  standby: z.boolean().default(false),
});

const fileShape = z.strictObject({
  "cluster-id": z
    .string()
    .regex(/^[0-9a-f]{32}$/, "must be 32 hexadecimal digits; `kimberlite cluster init` draws one"),
  shards: z
    .int()
    .min(1)
    .max(shardsMax - 1),
  epoch: z.int().min(0).max(epochMax).default(0),
  "insecure-loopback": z.boolean().default(false),
  tls: z.strictObject({ ca: z.string().min(1), cert: z.string().min(1), key: z.string().min(1) }).optional(),
  node: z.array(nodeShape).min(1, "must list the nodes"),
});

const invalid = (file: string, what: string): KimberliteError =>
  new KimberliteError("configurationInvalid", `${file}: ${what}`, { detail: { file } });

/** Throws `configurationInvalid`, `replicasOutOfRange`, `addressTwice` or `insecureListen`. */
export function readClusterFile(file: string): ClusterFile {
  const text = readTextFile(file);
  if (text === null) throw invalid(file, "there is no such file; `kimberlite cluster init` writes one");
  return parseClusterFile(file, text);
}

export function parseClusterFile(file: string, text: string): ClusterFile {
  let raw: unknown;
  try {
    raw = parseToml(text);
  } catch (cause) {
    throw invalid(file, cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause));
  }
  const parsed = fileShape.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(file, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not acceptable"}`);
  }
  const { "cluster-id": clusterId, epoch, shards, "insecure-loopback": isInsecure, tls, node } = parsed.data;
  const nodes = node
    .map(({ standby, ...one }): ClusterNode => ({ ...one, bind: one.bind ?? null, isStandby: standby }))
    .sort((left, right) => left.number - right.number);
  checkNumbers(file, nodes);
  checkStandbys(file, nodes);
  checkAddresses(file, nodes, shards);
  if (isInsecure === (tls !== undefined)) {
    throw invalid(file, isInsecure ? "insecure-loopback and [tls] exclude one another" : "[tls] is missing");
  }
  if (isInsecure) checkLoopback(file, nodes);
  return {
    file,
    clusterId: Uint8Array.from(Buffer.from(clusterId, "hex")),
    epoch,
    shards,
    nodes,
    tls: tls ?? null,
    warnings: warningsOf(nodes),
  };
}

function checkNumbers(file: string, nodes: readonly ClusterNode[]): void {
  for (const [index, { number, name }] of nodes.entries()) {
    if (number !== index + 1) throw invalid(file, `nodes are numbered 1, 2, 3, … and ${index + 1} is missing`);
    const other = nodes.find((node) => node.name === name && node.number !== number);
    if (other !== undefined) throw invalid(file, `nodes ${number} and ${other.number} have one name, ${name}`);
  }
}

/** Throws `configurationInvalid` or `replicasOutOfRange`. */
function checkStandbys(file: string, nodes: readonly ClusterNode[]): void {
  const voters = nodes.filter(({ isStandby }) => !isStandby).length;
  const standbys = nodes.length - voters;
  const early = nodes.slice(0, voters).find(({ isStandby }) => isStandby);
  if (early !== undefined) {
    throw invalid(file, `node ${early.number} stands by: such nodes have the last numbers, from ${voters + 1} on`);
  }
  checkReplicas(voters);
  if (standbys > standbysMax) throw invalid(file, `${standbys} nodes stand by; at most ${standbysMax} can`);
  if (standbys > 0 && voters === 1) {
    throw invalid(file, "a single node has no standbys; a cluster of two or more has");
  }
}

/** Throws `replicasOutOfRange`. */
export function checkReplicas(replicas: number): void {
  if (replicas >= 1 && replicas <= replicasMax) return;
  throw new KimberliteError(
    "replicasOutOfRange",
    `${replicas} were asked for; a shard has 1 to ${replicasMax}, one on each node`,
    { detail: { replicas, replicasMax } },
  );
}

function warningsOf(all: readonly ClusterNode[]): string[] {
  const nodes = all.filter(({ isStandby }) => !isStandby);
  const warnings: string[] = [];
  if (nodes.length === 2)
    warnings.push("two replicas keep data over the loss of a disk, but serve only while both are up; use three");
  const machines = new Set(nodes.map(({ peer }) => peer.host));
  if (nodes.length > 1 && machines.size < nodes.length) {
    warnings.push(`${nodes.length} nodes share ${machines.size} machine(s): it is machines that fail`);
  }
  return warnings;
}

interface Claim {
  readonly who: string;
  readonly machine: string;
  readonly from: number;
  readonly to: number;
}

/** Loopback is a different place on each machine, and a machine is what the host of the peer address names. */
function claimsOf({ number, peer, client }: ClusterNode, shards: number): Claim[] {
  return [
    { who: `node ${number}'s peer address`, machine: peer.host, from: peer.port, to: peer.port + shards },
    {
      who: `node ${number}'s client address`,
      machine: isLoopback(client.host) ? peer.host : client.host,
      from: client.port,
      to: client.port,
    },
  ];
}

function checkAddresses(file: string, nodes: readonly ClusterNode[], shards: number): void {
  const claims = nodes.flatMap((node) => claimsOf(node, shards));
  for (const [index, claim] of claims.entries()) {
    if (claim.to > 65_535)
      throw invalid(file, `${claim.who} needs the ports ${claim.from} to ${claim.to}: there are 65535`);
    const other = claims
      .slice(0, index)
      .find(({ machine, from, to }) => machine === claim.machine && from <= claim.to && claim.from <= to);
    if (other === undefined) continue;
    const range = ({ from, to }: Claim): string => (from === to ? `port ${from}` : `ports ${from} to ${to}`);
    throw new KimberliteError(
      "addressTwice",
      `${file}: ${other.who} takes ${range(other)} of ${other.machine}, ${claim.who} ${range(claim)}`,
      { detail: { file, machine: claim.machine } },
    );
  }
}

function checkLoopback(file: string, nodes: readonly ClusterNode[]): void {
  for (const { number, peer, bind } of nodes) {
    const host = bind ?? peer.host;
    if (isLoopback(host) && isLoopback(peer.host)) continue;
    throw new KimberliteError(
      "insecureListen",
      `${file}: node ${number} is at ${formatAddress({ host, port: peer.port })}; beyond loopback nodes need [tls] (\`kimberlite cluster keys\` makes keys)`,
      { detail: { file, node: number } },
    );
  }
}

/** The node that a person or a service manager means: by number, or by name. Throws `nodeUnknown`. */
export function nodeOf({ nodes, file }: ClusterFile, wish: string): ClusterNode {
  const node = nodes.find(({ number, name }) => String(number) === wish || name === wish);
  if (node !== undefined) return node;
  throw new KimberliteError(
    "nodeUnknown",
    `${file} has the nodes ${nodes.map(({ number, name }) => `${number} (${name})`).join(", ")}, not ${wish}`,
    { detail: { file, node: wish } },
  );
}

/** What a node needs to know of its cluster; reads its keys. Throws `configurationInvalid`. */
export function clusterPlan(cluster: ClusterFile, self: ClusterNode): ClusterPlan {
  const { file, clusterId, epoch, nodes, tls } = cluster;
  const read = (what: string, template: string): string => {
    const named = template.replaceAll("{name}", self.name).replaceAll("{number}", String(self.number));
    const place = path.resolve(path.dirname(file), named);
    const text = readTextFile(place);
    if (text === null) throw invalid(file, `tls.${what}: there is no file ${place}`);
    return text;
  };
  return {
    clusterId,
    epoch,
    self: self.number - 1,
    nodes: nodes.map(({ number, name, peer, bind, isStandby }) => ({
      node: number,
      name,
      host: number === self.number ? (bind ?? peer.host) : peer.host,
      port: peer.port,
      ...(isStandby ? { isStandby } : {}),
    })),
    security: tls === null ? null : { ca: read("ca", tls.ca), cert: read("cert", tls.cert), key: read("key", tls.key) },
  };
}
