/** The native protocol over TLS: who is believed to be the node, how clients are told that they should have, and that it may be listened on anywhere. */
import { createPrivateKey, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { ipBytes } from "../../protocol/admin/ip-bytes.js";
import { connect } from "../../protocol/sdk/index.js";
import { startNode } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { createAuthority, createNodeCertificate } from "../../runtime/crypto/certificate.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import { kimberlite } from "../admin/run-command.js";
import { scratch } from "./node-child.js";

const day = 24 * 3_600_000;
const validity = { from: Date.now() - day, to: Date.now() + day };
const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));

function identity(hosts: readonly string[]) {
  const authority = createAuthority("authority", validity, random);
  const issuer = { cert: authority.cert, key: createPrivateKey(authority.key) };
  const { cert, key } = createNodeCertificate(
    "node-1",
    issuer,
    validity,
    random,
    hosts.map((host) => ipBytes(host) ?? host),
  );
  return { ca: authority.cert, certificate: cert, key };
}

async function start(t: ExecutionContext, host: string, hosts: readonly string[]) {
  const { ca, certificate, key } = identity(hosts);
  const directory = scratch(t);
  const node = await startNode({
    dataDirectory: directory,
    listen: { host, port: 0 },
    tls: { certificate, key },
    shards: 1,
    projections: 1,
    layout: "shared",
  });
  t.teardown(() => node.stop());
  await node.createFirstUser("admin", formatVerifier(await scramVerifier("secret")));
  return { ca, directory, port: node.addresses.native?.port ?? 0 };
}

const refusal = (work: Promise<unknown>): Promise<KimberliteError> =>
  work.then(
    () => {
      throw new Error("it was let in");
    },
    (error: KimberliteError) => error,
  );

test.serial(
  "over TLS a node may be listened on at every address; clients check its certificate and bind the channel",
  async (t) => {
    const { ca, port } = await start(t, "0.0.0.0", ["127.0.0.1", "localhost"]);
    const target = `kimberlites://admin:secret@127.0.0.1:${port}`;
    await using db = await connect(target, { tls: { ca } });
    const stream = await db.tenant("main").streams.create("s");
    const payload = "x".repeat(90_000);
    await Promise.all(Array.from({ length: 40 }, (_, number) => stream.append({ number, payload })));
    const page = await stream.read({ limit: 40 });
    t.is(page.events.length, 40, "many frames, cut anywhere");
    await using byName = await connect(`kimberlites://admin:secret@localhost:${port}`, { tls: { ca } });
    t.is((await byName.tenant("main").streams.get("s")).name, "s");

    const unknown = await refusal(connect(target));
    t.is(unknown.code, "connectionRefused");
    t.regex(unknown.message, /self-signed certificate|unable to (verify|get)/);
    const another = await refusal(connect(target, { tls: { ca: identity([]).ca } }));
    t.is(another.code, "connectionRefused");
    const wrong = await refusal(connect(`kimberlites://admin:wrong@127.0.0.1:${port}`, { tls: { ca } }));
    t.is(wrong.code, "unauthenticated");
  },
);

test.serial("a certificate for other hosts is not believed; a client without TLS is told of it", async (t) => {
  const { ca, port } = await start(t, "127.0.0.1", ["db.example.org"]);
  const elsewhere = await refusal(connect(`kimberlites://admin:secret@127.0.0.1:${port}`, { tls: { ca } }));
  t.is(elsewhere.code, "connectionRefused");
  t.regex(elsewhere.message, /IP: 127\.0\.0\.1 is not in the cert's list/);
  const named = { ca, servername: "db.example.org" };
  await using db = await connect(`kimberlites://admin:secret@127.0.0.1:${port}`, { tls: named });
  t.is((await db.tenant("main").streams.create("s")).name, "s");
  const plain = await refusal(connect(`kimberlite://admin:secret@127.0.0.1:${port}`));
  t.regex(plain.message, /TLS/, "what is missing");
});

test.serial("the command connects with --tls-ca, and goes in by local access on the node's machine", async (t) => {
  const { ca, directory, port } = await start(t, "127.0.0.1", ["127.0.0.1"]);
  const file = path.join(directory, "..", `ca-${port}.pem`);
  writeFileSync(file, ca);
  const environment = { KIMBERLITE_CONNECT: `127.0.0.1:${port}`, KIMBERLITE_TLS_CA: file };
  const made = await kimberlite(["append", "orders", "--create"], { environment, stdin: '{"a":1}\n' });
  t.is(made.code, 0, made.stderr);
  const asUser = { ...environment, KIMBERLITE_USER: "admin", KIMBERLITE_PASSWORD: "secret" };
  t.regex((await kimberlite(["read", "orders"], { environment: asUser })).stdout, /"a":1/);
  const missing = await kimberlite(["read", "orders", "--tls-ca", "/nowhere.pem"], { environment });
  t.is(missing.code, 2);
  t.regex(missing.stderr, /tls-ca: there is no file \/nowhere\.pem/);
});

test.serial("what is no certificate, and an address for everybody without one, are refused at the start", async (t) => {
  const options = { dataDirectory: scratch(t), shards: 1, projections: 1, layout: "shared" } as const;
  const listen = { host: "0.0.0.0", port: 0 };
  const open = await refusal(startNode({ ...options, listen }));
  t.is(open.code, "insecureListen");
  t.regex(open.message, /give tls-cert and tls-key/);
  const { certificate, key } = identity([]);
  const trust = await refusal(startNode({ ...options, listen, authentication: "trust", tls: { certificate, key } }));
  t.is(trust.code, "insecureListen");
  const other = await refusal(startNode({ ...options, listen, tls: { certificate, key: identity([]).key } }));
  t.is(other.code, "configurationInvalid");
});
