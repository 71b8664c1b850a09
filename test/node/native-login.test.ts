/** Who comes in by the native protocol, and what they may do: passwords, local access, confinement, what strangers learn. */
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { Client, Connection, socketConnector } from "../../protocol/client/index.js";
import { connect } from "../../protocol/sdk/index.js";
import { type Node, startNode } from "../../protocol/server/node.js";
import { encodeAuthenticationStep } from "../../protocol/wire/authentication.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { encodeHello } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { encodeAppend } from "../../runtime/kernel/codecs/write-requests.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import { scratch } from "./node-child.js";
import { rawSocket } from "./raw-client.js";

const verifierOf = async (password: string): Promise<string> => formatVerifier(await scramVerifier(password));

interface Started {
  readonly node: Node;
  readonly port: number;
  readonly address: string;
  readonly file: string;
}

async function start(
  t: ExecutionContext,
  directory = scratch(t),
  authentication: "scram" | "trust" = "scram",
): Promise<Started> {
  const node = await startNode({
    dataDirectory: directory,
    listen: { host: "127.0.0.1", port: 0 },
    authentication,
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "scram", tls: null },
    shards: 1,
    projections: 1,
    layout: "shared",
  });
  t.teardown(() => node.stop());
  const port = node.addresses.native?.port ?? 0;
  return { node, port, address: `127.0.0.1:${port}`, file: path.join(directory, "local-access") };
}

const refusal = async (work: Promise<unknown>): Promise<KimberliteError> =>
  work.then(
    () => {
      throw new Error("it was let in");
    },
    (error: KimberliteError) => error,
  );

test.serial("a user with its password comes in, and its name stands beside what it wrote", async (t) => {
  const { node, address } = await start(t);
  await node.createFirstUser("admin", await verifierOf("first"));
  await using admin = await connect(address, { user: "admin", password: "first" });
  const stream = await admin.tenant("main").streams.create("s");
  await stream.append("one");
  // The same user, without being named again, for SQL.
  const rows = await admin.tenant("main").sql<{ principal: string }>`
    SELECT principal FROM kimberlite.commits WHERE kind = 'append'`;
  t.deepEqual([...rows], [{ principal: "admin" }]);
  await using by = await connect(`kimberlite://admin:first@${address}`);
  await by.tenant("main").stream("s").append("two");
  await using local = await connect(address);
  await local.tenant("main").stream("s").append("three");
  const all = await admin.tenant("main").sql<{ principal: string }>`
    SELECT principal FROM kimberlite.commits WHERE kind = 'append' ORDER BY position`;
  t.deepEqual(
    all.map((row) => row.principal),
    ["admin", "admin", "local"],
  );
});

test.serial(
  "a wrong password and an unknown user are told the same, after the same steps, with a constant salt",
  async (t) => {
    const directory = scratch(t);
    const challenges = new Map<string, string[]>();
    for (let round = 0; round < 2; round++) {
      const { node, address, port } = await start(t, directory);
      await node.createFirstUser("admin", await verifierOf("first"));
      for (const user of ["admin", "nobody"]) {
        const error = await refusal(connect(address, { user, password: "wrong" }));
        t.is(error.code, "unauthenticated");
        t.is(error.message, `authentication is required: password authentication failed for user "${user}"`);
        challenges.set(user, [...(challenges.get(user) ?? []), await saltOf(t, port, user)]);
      }
      await node.stop();
    }
    for (const [user, [first, second]] of challenges) {
      t.regex(first ?? "", /^[A-Za-z0-9+/]{22}==,i=4096$/, user);
      t.is(first, second, "a salt is the same after a restart, whether there is such a user or not");
    }
    t.is(challenges.size, 2);
  },
);

/** Salt and iterations that a server tells a client. */
async function saltOf(t: ExecutionContext, port: number, user: string): Promise<string> {
  const socket = await rawSocket(t, port);
  const writer = new FrameWriter();
  const body = new ByteWriter();
  encodeHello({ versionMin: 1, versionMax: 1, clientName: "raw", features: 1 }, body);
  writer.frame(requestKinds.hello.kind, 0, 0, body.view());
  socket.write(writer.take().slice());
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder((kind, _id, _timeout, bytes, from, to) => {
      const text = Buffer.from(bytes.slice(from, to)).toString("latin1");
      if (kind !== responseKinds.authentication) reject(new Error(text));
      else if (bytes[from] === 0) {
        const answer = new ByteWriter().string(user).string("SCRAM-SHA-256").string("n,,n=,r=abcdefgh");
        writer.frame(requestKinds.authenticate.kind, 0, 0, answer.finish());
        socket.write(writer.take().slice());
      } else {
        socket.destroy();
        resolve(/s=([^,]*,i=\d+)/.exec(text)?.[1] ?? text);
      }
    });
    socket.on("data", (chunk) => decoder.push(chunk));
  });
}

test.serial("guessing becomes slow, for the name that is guessed alone", async (t) => {
  const { node, address } = await start(t);
  await node.createFirstUser("admin", await verifierOf("first"));
  const took = async (user: string, password: string): Promise<number> => {
    const from = performance.now();
    await connect(address, { user, password }).then(
      (db) => db.close(),
      () => {},
    );
    return performance.now() - from;
  };
  for (let guess = 0; guess < 4; guess++) await took("admin", `guess ${guess}`);
  t.true((await took("admin", "guess 5")) >= 500, "the fifth waits half a second");
  t.true((await took("somebody", "x")) < 900, "another name does not wait");
  t.true((await took("admin", "first")) >= 900, "nor does the right password come sooner");
  t.true((await took("admin", "first")) < 900, "once it has proved itself it waits no more");
});

test.serial("a confined user works in its tenants, and learns of no other", async (t) => {
  const { address } = await start(t);
  await using db = await connect(address);
  await db.tenants.create("clinic");
  await db.tenants.create("other");
  const foreign = await db.tenant("other").streams.create("secret");
  await foreign.append("hidden");
  const { id } = await db.tenants.get("other");
  const raw = new Client({ address, connector: socketConnector() });
  await raw.admin("user.create", { name: "nurse", verifier: await verifierOf("n"), tenants: ["clinic"] }, {});
  await raw.close();

  await using nurse = await connect(address, { user: "nurse", password: "n" });
  const visits = await nurse.tenant("clinic").streams.create("visits");
  await visits.append({ patient: 1 });
  t.is((await visits.read()).events.length, 1);
  const denied = { code: "permissionDenied" };
  await t.throwsAsync(nurse.tenant("other").stream("secret").read(), denied);
  await t.throwsAsync(nurse.tenant("nowhere").stream("secret").read(), denied, "as of a tenant that does not exist");
  await t.throwsAsync(nurse.tenants.create("mine"), denied);
  await t.throwsAsync(nurse.tenants.drop("clinic"), denied);
  const listed: string[] = [];
  for await (const tenant of nurse.tenants.all()) listed.push(tenant.name);
  t.deepEqual(listed, ["clinic"]);

  // By numbers, past all that the SDK asks first.
  const client = new Client({
    address,
    connector: socketConnector(),
    credentials: () => ({ user: "nurse", password: "n" }),
  });
  t.teardown(() => client.close(0));
  const tenant = Number(id);
  await t.throwsAsync(
    client.append(tenant, 1, "any", [{ payload: new Uint8Array(1), format: 0 }], client.nextKey(), {}),
    denied,
  );
  const head = new ByteWriter().u64(tenant).u8(0).u64(0);
  await t.throwsAsync(
    client.request(requestKinds.streamList.kind, tenant, head.string("").u32(10).finish(), false, {}, (b) => b),
    denied,
  );
  const status = (await client.admin("node.status", {}, {})) as Record<string, unknown>;
  t.deepEqual(Object.keys(status).sort(), ["clusterId", "nodeId", "pgListen", "ready", "release"]);
  for (const method of [
    "user.list",
    "user.create",
    "user.drop",
    "node.top",
    "node.config",
    "cluster.status",
    "tenant.setQuota",
  ] as const) {
    await t.throwsAsync(client.admin(method, { name: "nurse" }, {}), denied, method);
  }
  await t.throwsAsync(client.admin("user.alter", { name: "nurse", superuser: true }, {}), denied);
  await t.throwsAsync(client.admin("user.alter", { name: "nurse", verifier: "x", tenants: null }, {}), denied);
  await client.admin("user.alter", { name: "nurse", verifier: await verifierOf("changed") }, {});
  t.is((await refusal(connect(address, { user: "nurse", password: "n" }))).code, "unauthenticated");
  await (await connect(address, { user: "nurse", password: "changed" })).close();
});

test.serial(
  "local access: a file of the node's own user, proved and not sent, new at each start, over reconnects",
  async (t) => {
    const directory = scratch(t);
    const first = await start(t, directory);
    t.is(statSync(first.file).mode & 0o777, 0o600);
    const before = readFileSync(first.file, "utf8");
    await (await connect(first.address)).close();
    chmodSync(first.file, 0o644);
    const open = await refusal(connect(first.address));
    t.is(open.code, "unauthenticated", "a file that others may read is nobody's word");
    chmodSync(first.file, 0o600);
    rmSync(first.file);
    t.is((await refusal(connect(first.address))).code, "unauthenticated");
    writeFileSync(first.file, before.replace(/"password":"[^"]*"/, '"password":"guess"'), { mode: 0o600 });
    t.is((await refusal(connect(first.address))).code, "unauthenticated");
    await first.node.stop();
    const second = await start(t, directory);
    t.not(readFileSync(second.file, "utf8"), before);
    await using db = await connect(second.address);
    await db.tenant("main").streams.create("s");
    await second.node.terminateWorker(
      second.node.workers().find((name) => name.includes("gateway")) ?? second.node.workers()[0] ?? "",
    );
    await db.tenant("main").stream("s").append("after the gateway was restarted");
    t.is((await db.tenant("main").stream("s").read()).events.length, 1);
  },
);

test.serial("a user of whom a tenant has something is not dropped", async (t) => {
  const { node, address } = await start(t);
  await node.createFirstUser("admin", await verifierOf("first"));
  await using admin = await connect(address, { user: "admin", password: "first" });
  const client = new Client({ address, connector: socketConnector() });
  t.teardown(() => client.close(0));
  await client.admin("user.create", { name: "nurse", verifier: await verifierOf("n") }, {});
  const { sql } = admin.tenant("main");
  await sql`CREATE TABLE notes (id int)`;
  await sql`GRANT SELECT ON notes TO nurse`;
  await t.throwsAsync(client.admin("user.drop", { name: "nurse" }, {}), {
    code: "userInUse",
    message: /"nurse": 1 object in database main$/,
  });
  await sql`REVOKE SELECT ON notes FROM nurse`;
  t.deepEqual(await client.admin("user.drop", { name: "nurse" }, {}), { name: "nurse", dropped: true });
});

test.serial("nobody takes the name of local access", async (t) => {
  const { address } = await start(t);
  const client = new Client({ address, connector: socketConnector() });
  t.teardown(() => client.close(0));
  for (const name of ["local", "process", "public", "none"]) {
    const params = { name, verifier: await verifierOf("x"), superuser: true };
    await t.throwsAsync(
      client.admin("user.create", params, {}),
      { code: "invalidArgument", message: /reserved/ },
      name,
    );
  }
});

test.serial(
  "who cannot say who it is, says it too early, or says nonsense is refused and learns nothing",
  async (t) => {
    const { port, address } = await start(t);
    const hello = (features: number): Uint8Array => {
      const body = new ByteWriter();
      encodeHello({ versionMin: 1, versionMax: 1, clientName: "raw", features }, body);
      return body.finish();
    };
    const append = encodeAppend(new ByteWriter(), { tenant: 1 }, 1, "any", [
      { payload: new Uint8Array(1), format: 0 },
    ]).finish();
    const authenticate = (...texts: string[]): Uint8Array =>
      texts.reduce((out, text) => out.string(text), new ByteWriter()).finish();
    const scram = "SCRAM-SHA-256";
    const cases: readonly (readonly [string, readonly (readonly [number, Uint8Array])[], RegExp])[] = [
      ["an old client", [[1, hello(0)]], /update it/],
      [
        "a request before the proof",
        [
          [1, hello(1)],
          [requestKinds.append.kind, append],
        ],
        /say who you are/,
      ],
      [
        "an unknown mechanism",
        [
          [1, hello(1)],
          [4, authenticate("admin", "PLAIN", "x")],
        ],
        /the mechanism is one of SCRAM-SHA-256/,
      ],
      [
        "a binding without TLS",
        [
          [1, hello(1)],
          [4, authenticate("admin", `${scram}-PLUS`, "p=tls-server-end-point,,n=,r=a")],
        ],
        /the mechanism is one of/,
      ],
      [
        "nobody",
        [
          [1, hello(1)],
          [4, authenticate("", scram, "n,,n=,r=a")],
        ],
        /has a name/,
      ],
      [
        "no SCRAM",
        [
          [1, hello(1)],
          [4, authenticate("admin", scram, "hello")],
        ],
        /malformed SCRAM message/,
      ],
      [
        "a proof at once",
        [
          [1, hello(1)],
          [4, authenticate("admin", scram, "n,,n=,r=abc")],
          [4, authenticate("", "", "c=biws,r=abc,p=AAAA")],
        ],
        /before its challenge/,
      ],
      [
        "rubbish",
        [
          [1, hello(1)],
          [4, Uint8Array.of(255, 255, 0)],
        ],
        /65535 bytes is over/,
      ],
      [
        "two hellos",
        [
          [1, hello(1)],
          [1, hello(1)],
        ],
        /say who you are/,
      ],
    ];
    for (const [name, frames, expected] of cases) {
      const socket = await rawSocket(t, port);
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      const ended = new Promise((resolve) => socket.once("close", resolve));
      const writer = new FrameWriter();
      for (const [kind, body] of frames) writer.frame(kind, 0, 0, body);
      socket.write(writer.take().slice());
      await ended;
      t.regex(Buffer.concat(chunks).toString("latin1"), expected, name);
    }
    await using db = await connect(address);
    t.is(await db.tenant("main").position(), null, "nothing was written");
  },
);

test.serial("trust lets everyone on loopback in, and only there", async (t) => {
  const { address, file } = await start(t, scratch(t), "trust");
  rmSync(file);
  await using db = await connect(address);
  await db.tenant("main").streams.create("s");
  await using named = await connect(address, { user: "anyone", password: "anything" });
  t.is((await named.tenant("main").streams.get("s")).name, "s");
  await t.throwsAsync(
    startNode({ dataDirectory: scratch(t), listen: { host: "0.0.0.0", port: 0 }, authentication: "trust" }),
    { code: "insecureListen" },
  );
});

test.serial(
  "a client takes no welcome from a server that does not prove itself, and reads no file that it is told to",
  async (t) => {
    const scripts: readonly (readonly [string, "offer" | "proved" | "welcome"])[] = [
      ["a signature without a proof", "proved"],
      ["a welcome without a signature", "welcome"],
      ["any file of this machine", "offer"],
    ];
    let tried = 0;
    for (const [name, what] of scripts) {
      const heard: number[] = [];
      const server = createServer((socket) => {
        const writer = new FrameWriter();
        const say = (step: "offer" | "proved", text: string, localAccess = ""): void => {
          const body = new ByteWriter();
          encodeAuthenticationStep({ step, text, localAccess }, body);
          writer.frame(responseKinds.authentication, 0, 0, body.view());
          socket.write(writer.take().slice());
        };
        const decoder = new FrameDecoder((kind) => {
          heard.push(kind);
          if (kind === requestKinds.hello.kind) say("offer", "SCRAM-SHA-256", what === "offer" ? "/etc/passwd" : "");
          else if (what === "proved") say("proved", "v=");
          else {
            writer.frame(responseKinds.welcome, 0, 0, new Uint8Array(60));
            socket.write(writer.take().slice());
          }
        });
        socket.on("error", () => {});
        socket.on("data", (chunk) => decoder.push(chunk));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.teardown(() => server.close());
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : 0;
      const credentials = what === "offer" ? {} : { credentials: () => ({ user: "u", password: "p" }) };
      const transport = await socketConnector()(`127.0.0.1:${port}`, 5_000);
      const error = await refusal(Connection.open(transport, { connectTimeoutMs: 5_000, ...credentials }));
      t.true(["unauthenticated", "connectionLost"].includes(error.code), `${name}: ${error.message}`);
      t.deepEqual(heard, what === "offer" ? [1] : [1, 4], name);
      tried += 1;
    }
    t.is(tried, 3);
  },
);
