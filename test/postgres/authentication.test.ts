/** Who comes in, and how: SCRAM with and without TLS, by our own bytes, by psql, by node-postgres. */
import { execFile } from "node:child_process";
import { createHmac, createPrivateKey, pbkdf2Sync, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createSecureContext } from "node:tls";
import { promisify } from "node:util";
import test from "ava";
import pg from "pg";
import { certificateHash } from "../../protocol/wire/certificate-hash.js";
import { ScramExchange, ScramFailure, scramBound, scramPlain } from "../../protocol/wire/scram-exchange.js";
import {
  formatVerifier,
  parseVerifier,
  saslPrepared,
  scramVerifier,
  sha256,
} from "../../protocol/wire/scram-verifier.js";
import { createAuthority, createNodeCertificate } from "../../runtime/crypto/certificate.js";
import { fieldsOf, i32, message, query, RawClient, ServerRig, startupPacket, sync, textOf } from "./rig.js";

const run = promisify(execFile);
const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));
const validity = { from: Date.now() - 86_400_000, to: Date.now() + 86_400_000 };

function security() {
  const authority = createAuthority("tests", validity, random);
  const node = createNodeCertificate(
    "localhost",
    { cert: authority.cert, key: createPrivateKey(authority.key) },
    validity,
    random,
  );
  return {
    cert: node.cert,
    tls: {
      context: createSecureContext({ cert: node.cert, key: node.key }),
      certificateHash: certificateHash(node.cert),
    },
  };
}

const hasPsql = await run("psql", ["--version"]).then(
  () => true,
  () => false,
);

test("RFC 7677's example: the exchange of its section 3", async (t) => {
  const salt = Uint8Array.from(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const verifier = await scramVerifier("pencil", 4_096, salt);
  const exchange = new ScramExchange(scramPlain, verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", null);
  t.is(
    exchange.start("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  t.is(
    exchange.finish(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ),
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  );
});

test("verifiers are written as PostgreSQL writes them, and read back; others are none", async (t) => {
  const verifier = await scramVerifier("secret");
  t.deepEqual(parseVerifier(formatVerifier(verifier)), verifier);
  for (const text of ["", "SCRAM-SHA-256$1:AA==$AA==:AA==", formatVerifier(verifier).replace("4096", "12")]) {
    t.is(parseVerifier(text), null);
  }
  t.is(saslPrepared("I\u00adX"), "IX");
  t.is(saslPrepared("\u2168"), "IX");
  t.is(saslPrepared("a\u00a0b"), "a b");
  t.is(saslPrepared("\u0007"), "\u0007", "what is prohibited is taken as it is");
});

test("an exchange that is tampered with is refused", async (t) => {
  const verifier = await scramVerifier("secret");
  const channel = random(32);
  const start = (mechanism: string, first: string, bound: Uint8Array | null) =>
    new ScramExchange(mechanism, verifier, "server", bound).start(first);
  const refused = (mechanism: string, first: string, bound: Uint8Array | null) =>
    t.throws(() => start(mechanism, first, bound), { instanceOf: ScramFailure });
  refused(scramPlain, "p=tls-server-end-point,,n=,r=a", channel);
  refused(scramPlain, "y,,n=,r=a", channel);
  refused(scramPlain, "n,a=other,n=,r=a", null);
  refused(scramPlain, "n,,m=x,n=,r=a", null);
  refused(scramPlain, "n,,n=", null);
  refused(scramPlain, "n,,n=,r=a b", null);
  refused(scramBound, "n,,n=,r=a", channel);
  refused(scramBound, "p=tls-unique,,n=,r=a", channel);
  const exchange = new ScramExchange(scramBound, verifier, "server", channel);
  exchange.start("p=tls-server-end-point,,n=,r=client");
  t.throws(
    () =>
      exchange.finish(
        `c=${Buffer.from("p=tls-server-end-point,,x").toString("base64")},r=clientserver,p=${"A".repeat(44)}`,
      ),
    {
      message: /channel binding check failed/,
    },
  );
});

/** A client of SCRAM, after RFC 5802, 3. */
async function prove(
  client: RawClient,
  user: string,
  password: string,
  how: { mechanism: string; header: string; channel: Uint8Array },
) {
  const offered = await client.next();
  const bare = `n=${user},r=nonce`;
  const first = Buffer.from(`${how.header}${bare}`);
  client.send(message("p", how.mechanism, i32(first.length), first));
  const answer = await client.next();
  if (answer.type === "E") return { offered, last: answer, expected: "" };
  const serverFirst = Buffer.from(answer.body.subarray(4)).toString();
  const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const withoutProof = `c=${Buffer.concat([Buffer.from(how.header), how.channel]).toString("base64")},r=${nonce}`;
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const signature = hmac(sha256(clientKey), authMessage);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
  client.send(message("p", Buffer.from(`${withoutProof},p=${proof}`)));
  const last = await client.next();
  const expected = `v=${hmac(hmac(salted, "Server Key"), authMessage).toString("base64")}`;
  return { offered, last, expected };
}

const plain = { mechanism: scramPlain, header: "n,,", channel: new Uint8Array(0) };

test("a right password comes in; a wrong one, and a user that does not exist, hear the same", async (t) => {
  const rig = await ServerRig.start({ authentication: "scram" });
  const attempt = async (user: string, password: string) => {
    const client = await rig.client();
    client.send(startupPacket({ user, database: "main" }));
    const { last, expected } = await prove(client, user, password, plain);
    return { client, last, expected };
  };
  const right = await attempt("admin", "secret");
  t.is(Buffer.from(right.last.body.subarray(4)).toString(), right.expected, "the server proves itself too");
  t.is((await right.client.untilReady())[0]?.type, "R");
  t.deepEqual(await right.client.ask(query("SELECT 1")), ["T ?column?", "D 1", "C SELECT 1", "Z I"]);
  for (const [user, password] of [
    ["admin", "Secret"],
    ["nobody", "secret"],
  ] as const) {
    const { client, last } = await attempt(user, password);
    t.is(textOf(last), `E 28P01 password authentication failed for user "${user}"`);
    t.is(fieldsOf(last.body)["S"], "FATAL");
    await client.untilClosed();
  }
  t.deepEqual(rig.defects, []);
  await rig.stop();
});

test("passwords in clear, other mechanisms and impatience are refused", async (t) => {
  const rig = await ServerRig.start({ authentication: "scram" });
  const refused = async (...answers: readonly Uint8Array[]) => {
    const client = await rig.client();
    client.send(startupPacket({ user: "admin", database: "main" }));
    await client.next();
    client.send(...answers);
    return (await client.untilClosed()).map(({ body }) => fieldsOf(body)["C"]);
  };
  t.deepEqual(await refused(message("p", "secret")), ["08P01"]);
  t.deepEqual(await refused(message("p", "SCRAM-SHA-1", i32(0))), ["08P01"]);
  t.deepEqual(await refused(message("p", scramBound, i32(0))), ["08P01"]);
  t.deepEqual(await refused(query("SELECT 1")), ["08P01"]);
  t.deepEqual(await refused(sync), ["08P01"]);
  // Nothing large is taken in before somebody has proved who he is.
  t.deepEqual(await refused(Buffer.from([0x70, 0x00, 0x10, 0x00, 0x00])), ["08P01"]);
  t.deepEqual(rig.defects, []);
  await rig.stop();
});

test("over TLS the channel is bound; bytes before the handshake are not taken", async (t) => {
  const { tls, cert } = security();
  t.deepEqual(tls.certificateHash, sha256(new Uint8Array(new X509Certificate(cert).raw)));
  const rig = await ServerRig.start({ authentication: "scram", tls });
  const secure = async () => {
    const client = await rig.client();
    client.send(message("", i32(80_877_103)));
    t.is(Buffer.from(await client.bytes(1)).toString(), "S");
    client.socket.removeAllListeners("data");
    const socket = connect({ socket: client.socket, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return new RawClient(socket);
  };
  const client = await secure();
  client.send(startupPacket({ user: "admin", database: "main" }));
  const bound = {
    mechanism: scramBound,
    header: "p=tls-server-end-point,,",
    channel: tls.certificateHash ?? new Uint8Array(0),
  };
  const { offered, last, expected } = await prove(client, "admin", "secret", bound);
  t.true(Buffer.from(offered.body).includes(`${scramBound}\0${scramPlain}\0`));
  t.is(Buffer.from(last.body.subarray(4)).toString(), expected);
  await client.untilReady();
  t.deepEqual(await client.ask(query("SHOW ssl")).then((answers) => answers.slice(-3)), ["D on", "C SHOW", "Z I"]);
  client.close();

  // Somebody between, with a certificate of his own.
  const other = await secure();
  other.send(startupPacket({ user: "admin", database: "main" }));
  const wrong = await prove(other, "admin", "secret", { ...bound, channel: random(32) });
  t.is(textOf(wrong.last), "E 28000 SCRAM channel binding check failed");
  other.close();

  const early = await rig.client();
  early.send(message("", i32(80_877_103)), startupPacket({ user: "admin", database: "main" }));
  t.deepEqual((await early.untilClosed()).map(textOf), ["E 08P01 received unencrypted data after SSL request"]);
  t.deepEqual(rig.defects, []);
  await rig.stop();
});

test("node-postgres logs in with SCRAM, over TLS too", async (t) => {
  const rig = await ServerRig.start({ authentication: "scram", tls: security().tls });
  for (const ssl of [false, { rejectUnauthorized: false }]) {
    const client = new pg.Client({
      host: "127.0.0.1",
      port: rig.port,
      user: "guest",
      password: "gu\u00e9st",
      database: "other",
      ssl,
    });
    await client.connect();
    const { rows } = await client.query("SELECT $1 AS a", ["x"]);
    t.deepEqual(rows, [{ a: "x" }]);
    await client.end();
  }
  const wrong = new pg.Client({ host: "127.0.0.1", port: rig.port, user: "admin", password: "x", database: "main" });
  await t.throwsAsync(wrong.connect(), { message: /password authentication failed/ });
  t.deepEqual(rig.defects, []);
  await rig.stop();
});

test("psql logs in with SCRAM, bound to the channel over TLS", async (t) => {
  if (!hasPsql) {
    t.log("skipped: no psql on this machine");
    t.pass();
    return;
  }
  const rig = await ServerRig.start({ authentication: "scram", tls: security().tls });
  const psql = (options: string, ...commands: string[]) =>
    run(
      "psql",
      [
        "-XAtq",
        `host=127.0.0.1 port=${rig.port} user=admin dbname=main ${options}`,
        ...commands.flatMap((text) => ["-c", text]),
      ],
      {
        env: { ...process.env, PGPASSWORD: "secret" },
      },
    );
  t.is((await psql("sslmode=disable", "SELECT 'plain'")).stdout, "plain\n");
  t.is((await psql("sslmode=require channel_binding=require", "SHOW ssl", "SELECT 'bound'")).stdout, "on\nbound\n");
  await t.throwsAsync(psql("sslmode=disable channel_binding=require", "SELECT 1"), {
    message: /channel binding required/,
  });
  t.is(
    (await psql("", "SELECT n FROM numbers(3)", "\\copy (SELECT n FROM numbers(2)) TO STDOUT")).stdout,
    "0\n1\n2\n0\n1\n",
  );
  t.deepEqual(rig.defects, []);
  await rig.stop();
});

test("guessing becomes slow, and the right password takes that back", async (t) => {
  const rig = await ServerRig.start({
    authentication: "scram",
  });
  t.teardown(() => rig.stop());
  const took = async (password: string): Promise<number> => {
    const from = performance.now();
    const client = new pg.Client({ host: "127.0.0.1", port: rig.port, user: "admin", password, database: "main" });
    await client.connect().then(
      () => client.end(),
      () => {},
    );
    return performance.now() - from;
  };
  for (let guess = 0; guess < 4; guess++) await took(`guess ${guess}`);
  t.true((await took("guess 5")) >= 490);
  t.true((await took("secret")) >= 990);
  t.true((await took("secret")) < 900);
});
