import { statSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { clusterPlan, nodeOf, parseClusterFile, readClusterFile } from "../../protocol/admin/cluster-file.js";
import { checkSecurity } from "../../runtime/actor/peer-security.js";
import { readTextFile, temporaryDirectory, writeTextFile } from "../../runtime/storage/host-files.js";
import { isKimberliteError } from "../../runtime/types/errors.js";
import { kimberlite, spawnNode } from "./run-command.js";

const id = "00112233445566778899aabbccddeeff";

interface Written {
  readonly number: number | string;
  readonly name: string;
  readonly peer: string;
  readonly client: string;
  readonly bind?: string;
}

const local = (number: number): Written => ({
  number,
  name: `node-${number}`,
  peer: `127.0.0.1:${7500 + number * 100}`,
  client: `127.0.0.1:${7400 + number}`,
});

const locals = (count: number): Written[] => Array.from({ length: count }, (_, index) => local(index + 1));

function fileOf(
  nodes: readonly Written[],
  head: readonly string[] = ["shards = 1", "insecure-loopback = true"],
): string {
  const entries = nodes.map((node) =>
    [
      "[[node]]",
      `number = ${node.number}`,
      `name = "${node.name}"`,
      `peer = "${node.peer}"`,
      `client = "${node.client}"`,
      ...(node.bind === undefined ? [] : [`bind = "${node.bind}"`]),
    ].join("\n"),
  );
  return [`cluster-id = "${id}"`, ...head, ...entries].join("\n");
}

const tls = ["shards = 1", "[tls]", 'ca = "ca.pem"', 'cert = "{name}.pem"', 'key = "{number}/{name}.key"'];

test("a cluster file names its nodes, and each knows itself by number or name", (t) => {
  const cluster = parseClusterFile("cluster.toml", fileOf([local(2), local(1), local(3)]));
  t.is(Buffer.from(cluster.clusterId).toString("hex"), id);
  t.deepEqual(
    cluster.nodes.map(({ number }) => number),
    [1, 2, 3],
  );
  t.is(nodeOf(cluster, "2").name, "node-2");
  t.is(nodeOf(cluster, "node-3").number, 3);
  const plan = clusterPlan(cluster, nodeOf(cluster, "2"));
  t.is(plan.self, 1);
  t.is(plan.security, null);
  t.deepEqual(plan.nodes[2], { node: 3, name: "node-3", host: "127.0.0.1", port: 7800 });
  t.regex(cluster.warnings.join(), /it is machines that fail/);
});

test("what a cluster file must not say is refused, each with a code and a place", (t) => {
  const remote = (number: number): Written => ({ ...local(number), peer: `10.0.0.${number}:7500` });
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["replicasOutOfRange", fileOf(locals(7)), /7 were asked for; a shard has 1 to 6/],
    ["addressTwice", fileOf([local(1), { ...local(2), peer: "127.0.0.1:7600" }]), /ports 7600 to 7601/],
    ["addressTwice", fileOf([local(1), { ...local(2), peer: "127.0.0.1:7601" }]), /node 1's peer address .* node 2's/],
    ["addressTwice", fileOf([{ ...local(1), client: "127.0.0.1:7601" }]), /node 1's client address port 7601/],
    ["addressTwice", fileOf([local(1), { ...local(2), client: "127.0.0.1:7401" }]), /port 7401 of 127.0.0.1/],
    ["insecureListen", fileOf([remote(1), remote(2)]), /beyond loopback nodes need \[tls\]/],
    ["insecureListen", fileOf([{ ...local(1), bind: "0.0.0.0" }]), /node 1 is at 0.0.0.0:7600/],
    ["configurationInvalid", fileOf(locals(1), ["shards = 1"]), /\[tls\] is missing/],
    ["configurationInvalid", fileOf(locals(1), ["insecure-loopback = true", ...tls]), /exclude one another/],
    ["configurationInvalid", fileOf([local(1), local(3)]), /numbered 1, 2, 3, … and 2 is missing/],
    ["configurationInvalid", fileOf([local(1), local(1)]), /numbered 1, 2, 3/],
    ["configurationInvalid", fileOf([local(1), { ...local(2), name: "node-1" }]), /one name, node-1/],
    ["configurationInvalid", fileOf([{ ...local(1), name: "Node_1" }]), /node\.0\.name: .*no DNS name/],
    ["configurationInvalid", fileOf([{ ...local(1), name: "10.0.0.1" }]), /no DNS name/],
    ["configurationInvalid", fileOf([{ ...local(1), peer: "7500" }]), /node\.0\.peer: .*no address/],
    ["configurationInvalid", fileOf([{ ...local(1), peer: "127.0.0.1:0" }]), /must know the port/],
    ["configurationInvalid", fileOf([{ ...local(1), peer: "127.0.0.1:65535" }]), /ports 65535 to 65536/],
    ["configurationInvalid", fileOf([]), /node/],
    ["configurationInvalid", fileOf(locals(1)).replace(id, "1234"), /cluster-id: must be 32 hexadecimal/],
    ["configurationInvalid", `${fileOf(locals(1))}\ncolour = "red"`, /colour/],
    ["configurationInvalid", "= nonsense", /cluster\.toml/],
  ];
  for (const [code, text, says] of cases) {
    const error = t.throws(() => parseClusterFile("cluster.toml", text), undefined, text);
    t.is(isKimberliteError(error) ? error.code : "", code, text);
    t.regex(error instanceof Error ? error.message : "", says);
  }
  // On machines of their own the same loopback address is two addresses.
  t.is(parseClusterFile("c", fileOf([remote(1), { ...remote(2), client: local(1).client }], tls)).nodes.length, 2);
});

test("standbys have the last numbers, stand beside several that vote, and are none of the replicas that count", (t) => {
  const written = (count: number, ...standbys: readonly number[]): string =>
    locals(count)
      .map(
        (node) =>
          fileOf([node], []).split("\n").slice(1).join("\n") +
          (standbys.includes(Number(node.number)) ? "\nstandby = true" : ""),
      )
      .join("\n");
  const head = `cluster-id = "${id}"\nshards = 1\ninsecure-loopback = true\n`;
  const cluster = parseClusterFile("c", head + written(9, 7, 8, 9));
  t.deepEqual(
    cluster.nodes.filter(({ isStandby }) => isStandby).map(({ number }) => number),
    [7, 8, 9],
  );
  t.true(clusterPlan(cluster, nodeOf(cluster, "1")).nodes[8]?.isStandby);
  t.regex(parseClusterFile("c", head + written(3, 3)).warnings.join(), /two replicas keep data/);
  const refusals: readonly (readonly [string, RegExp])[] = [
    [written(4, 2), /c: node 2 stands by: such nodes have the last numbers, from 4 on/],
    [written(2, 2), /a single node has no standbys/],
    [written(9, 3, 4, 5, 6, 7, 8, 9), /7 nodes stand by; at most 6 can/],
    [written(1, 1), /0 were asked for|stands by/],
  ];
  for (const [text, message] of refusals) t.throws(() => parseClusterFile("c", head + text), { message });
});

test("two nodes are warned of", (t) => {
  t.regex(parseClusterFile("c", fileOf(locals(2))).warnings.join(), /serve only while both are up/);
  t.deepEqual(parseClusterFile("c", fileOf(locals(1))).warnings, []);
});

test("a node that the file does not have, or without its keys, is refused", (t) => {
  const cluster = parseClusterFile("/nowhere/cluster.toml", fileOf([{ ...local(1), bind: "0.0.0.0" }], tls));
  const unknown = t.throws(() => nodeOf(cluster, "4"));
  t.is(isKimberliteError(unknown) ? unknown.code : "", "nodeUnknown");
  t.regex(unknown instanceof Error ? unknown.message : "", /has the nodes 1 \(node-1\), not 4/);
  const keyless = t.throws(() => clusterPlan(cluster, nodeOf(cluster, "1")));
  t.is(isKimberliteError(keyless) ? keyless.code : "", "configurationInvalid");
  t.regex(keyless instanceof Error ? keyless.message : "", /tls\.ca: there is no file \/nowhere\/ca\.pem/);
});

test("cluster init writes a file that is read, with an id of its own, and replaces none", async (t) => {
  const directory = temporaryDirectory("kimberlite-cluster-");
  t.teardown(() => directory.remove());
  const at = { directory: directory.path };
  const made = await kimberlite(["cluster", "init"], at);
  t.is(made.code, 0, made.stderr);
  const first = readClusterFile(path.join(directory.path, "cluster.toml"));
  t.is(first.nodes.length, 3);
  t.is(first.tls, null);
  const again = await kimberlite(["cluster", "init"], at);
  t.regex(again.stderr, /exists; --force replaces it/);
  const hosts = ["cluster", "init", "far.toml", "--hosts", "10.0.0.1,10.0.0.2,2001:db8::3", "--shards", "4"];
  const far = await kimberlite(hosts, at);
  t.is(far.code, 0, far.stderr);
  const second = readClusterFile(path.join(directory.path, "far.toml"));
  t.deepEqual(
    second.nodes.map(({ peer }) => peer.host),
    ["10.0.0.1", "10.0.0.2", "2001:db8::3"],
  );
  t.is(second.shards, 4);
  t.notDeepEqual(second.clusterId, first.clusterId);
  const seven = await kimberlite(["cluster", "init", "seven.toml", "--nodes", "7", "--json"], at);
  t.regex(seven.stderr, /replicasOutOfRange/);
});

test("cluster keys makes what nodes accept, keeps what is there, and its secrets are their owner's", async (t) => {
  const directory = temporaryDirectory("kimberlite-keys-");
  t.teardown(() => directory.remove());
  const at = { directory: directory.path };
  await kimberlite(["cluster", "init", "--hosts", "10.0.0.1,10.0.0.2,10.0.0.3"], at);
  const made = await kimberlite(["cluster", "keys", "keys", "--cluster", "cluster.toml"], at);
  t.is(made.code, 0, made.stderr);
  const cluster = readClusterFile(path.join(directory.path, "cluster.toml"));
  for (const node of cluster.nodes) {
    const { security } = clusterPlan(cluster, node);
    if (security === null) return t.fail();
    t.notThrows(() => checkSecurity(security, node.name, Date.now()));
  }
  for (const name of ["ca.key", "node-1.key", "node-3.key"]) {
    t.is(statSync(path.join(directory.path, "keys", name)).mode & 0o777, 0o600, name);
  }
  const before = readTextFile(path.join(directory.path, "keys/node-1.pem"));
  const more = await kimberlite(["cluster", "keys", "keys", "--nodes", "node-1,node-4", "--json"], at);
  const { expires, ...said } = JSON.parse(more.stdout) as Record<string, Record<string, string>>;
  t.deepEqual(said as object, {
    directory: path.join(directory.path, "keys"),
    made: ["node-4"],
    kept: ["ca", "node-1"],
  });
  const days = (Date.parse(expires?.["node-4"] ?? "") - Date.now()) / 86_400_000;
  t.true(days > 1_823 && days < 1_826, String(days));
  t.is(readTextFile(path.join(directory.path, "keys/node-1.pem")), before);
  const nobody = await kimberlite(["cluster", "keys", "keys"], at);
  t.regex(nobody.stderr, /whose keys\?/);
  const odd = await kimberlite(["cluster", "keys", "keys", "--nodes", "a,../b"], at);
  t.regex(odd.stderr, /no DNS name/);
});

test("start refuses half of a cluster, and settings that the cluster file has", async (t) => {
  const directory = temporaryDirectory("kimberlite-start-");
  t.teardown(() => directory.remove());
  const at = { directory: directory.path };
  writeTextFile(path.join(directory.path, "cluster.toml"), fileOf(locals(3)));
  const refused = async (words: readonly string[], says: RegExp): Promise<void> => {
    const ran = await kimberlite(["start", "--data", "data", ...words], at);
    t.not(ran.code, 0);
    t.regex(ran.stderr, says);
  };
  await refused(["--node", "1"], /set cluster too/);
  await refused(["--cluster", "cluster.toml"], /which node of the cluster is this/);
  await refused(["--cluster", "cluster.toml", "--node", "9"], /nodeUnknown/);
  await refused(["--cluster", "cluster.toml", "--node", "1", "--shards", "2"], /shards stands in the cluster file/);
  await refused(["--cluster", "elsewhere.toml", "--node", "1"], /there is no such file/);
  await refused(["--replicas", "7"], /replicasOutOfRange/);
});

test("a cluster file of one node is a cluster of one: it serves, and tolerates nothing", async (t) => {
  const directory = temporaryDirectory("kimberlite-one-");
  t.teardown(() => directory.remove());
  const file = path.join(directory.path, "cluster.toml");
  // Client addresses of a file are fixed; this one is overridden by a free port.
  writeTextFile(file, fileOf(locals(1)));
  const words = ["--cluster", file, "--node", "1", "--listen", "127.0.0.1:0"];
  const node = await spawnNode(path.join(directory.path, "data"), words).ready;
  const { environment } = node;
  t.is((await kimberlite(["append", "s", "--create"], { environment, stdin: "{}\n" })).code, 0);
  const status = await kimberlite(["cluster", "status", "--wait", "10s"], { environment });
  t.is(status.code, 0, status.stdout);
  t.regex(status.stdout, /tolerates from now on: 0 node failures, 0 machine failures \(1 node on 1 machine\)/);
  t.is(await node.end("SIGTERM"), 0);
});
