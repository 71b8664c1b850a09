/**
 * `client_encoding` of one byte a character over the wire, in both formats: the same messages to a node and to PostgreSQL 15, whose answers
 * have the same bytes. `scripts/latin.sql` is what psql sees of it.
 */
import { once } from "node:events";
import { connect } from "node:net";
import test, { type ExecutionContext } from "ava";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import { startTarget } from "./clients/target.js";
import { describe, execute, i16, i32, message, parse, query, RawClient, startupPacket, sync } from "./rig.js";

const latin = (text: string): Uint8Array => Buffer.from(`${text}\0`, "latin1");
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** A Bind of values in formats of their own; the results in others. */
const bound = (
  statement: string,
  values: readonly (readonly [format: 0 | 1, value: Uint8Array])[],
  results: readonly (0 | 1)[],
): Uint8Array =>
  message(
    "B",
    "",
    latin(statement),
    values.length,
    ...values.map(([format]) => i16(format)),
    values.length,
    ...values.flatMap(([, value]) => [i32(value.length), value]),
    results.length,
    ...results.map(i16),
  );

async function session(host: string, port: number, encoding: string): Promise<RawClient> {
  const socket = connect({ host, port });
  await once(socket, "connect");
  const client = new RawClient(socket);
  client.send(startupPacket({ user: "admin", database: "main", client_encoding: encoding }));
  await client.untilReady();
  return client;
}

/** Answers as they are, without the positions of writes and places in source text; of an error what it says. */
async function told(client: RawClient, ...messages: readonly Uint8Array[]): Promise<string[]> {
  client.send(...messages);
  const answers = await client.untilReady();
  return answers
    .filter(({ type, body }) => type !== "S" || !Buffer.from(body).includes("kimberlite"))
    .map(({ type, body }) => {
      const text = Buffer.from(body).toString("latin1");
      if (type !== "E" && type !== "T") return `${type} ${text}`;
      if (type === "T")
        return `T ${text
          .split("\0")
          .filter((part) => /[a-zß-ÿ]{2}/.test(part))
          .join(" ")}`;
      return `E ${text
        .split("\0")
        .filter((part) => /^[SCMDH]/.test(part))
        .join(" ")}`;
    });
}

const types = [typeOid.text, typeOid.int4, typeOid.jsonb, typeOid.varchar];
const values = [
  [1, bytes("é")],
  [1, Uint8Array.of(0, 0, 0, 0xe9)],
  [1, bytes('\x01{"k": "ü"}')],
  [0, bytes("ÿ")],
] as const;
const select = "SELECT $1 AS \"größe\", $2 AS zahl, $3 AS json, $4 AS vier, length($1), $3->>'k' AS inner";
/** Each is one round. */
const rounds: readonly (readonly Uint8Array[])[] = [
  [query("CREATE TABLE things (id int PRIMARY KEY, t text)")],
  [message("Q", latin("SELECT 'é' AS \"ä\", length('é')"))],
  [message("P", latin("gr\xfc\xdf"), latin(select), i16(types.length), ...types.map(i32)), sync],
  [message("D", bytes("S"), latin("gr\xfc\xdf")), sync],
  [bound("gr\xfc\xdf", values, []), describe("P", ""), execute(""), sync],
  [bound("gr\xfc\xdf", values, [1]), execute(""), sync],
  [bound("gr\xfc\xdf", values, [1, 1, 0, 1, 0, 1]), describe("P", ""), execute(""), sync],
  [
    message("P", latin(""), latin("INSERT INTO things VALUES ($1, $2) RETURNING t"), i16(0)),
    bound(
      "",
      [
        [0, bytes("1")],
        [0, bytes("café")],
      ],
      [1],
    ),
    execute(""),
    sync,
  ],
  [parse("", "INSERT INTO things VALUES (2, U&'\\20AC') RETURNING t"), bound("", [], []), execute(""), sync],
  [query("SELECT id FROM things")],
  [query("SELECT t, chr(8364) FROM things")],
  [message("Q", latin("SELECT 'ö' FROM \"fehlt-ö\""))],
  [parse("", "SELECT 1"), bound("none-\xe9", [], []), sync],
  [message("Q", latin("SELECT t FROM things WHERE t = 'café'"))],
  [query("SET client_encoding = 'UTF8'"), query("SELECT t FROM things")],
  [query("DROP TABLE things")],
];

async function answersOf(host: string, port: number): Promise<string[][]> {
  const client = await session(host, port, "LATIN1");
  const all: string[][] = [];
  for (const round of rounds) {
    const queries = round.filter((each) => each[0] === 0x51).length;
    const answers = await told(client, ...round);
    for (let more = 1; more < queries; more++) answers.push(...(await told(client)));
    all.push(answers);
  }
  client.socket.destroy();
  return all;
}

test("the same bytes as PostgreSQL's, in both formats", async (t: ExecutionContext) => {
  t.timeout(120_000);
  const { target, stop } = await startTarget({
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  try {
    const ours = await answersOf(target.host, target.port);
    t.regex(ours[1]?.join("\n") ?? "", /é/, "what was asked for in LATIN1 is answered in it");
    const client = await session(target.host, target.port, "LATIN1");
    // Texts within other binary values are not looked for.
    t.regex(
      (await told(client, parse("", "SELECT ARRAY['a']"), bound("", [], [1]), execute(""), sync)).join("\n"),
      /C0A000/,
    );
    t.regex((await told(client, query("COPY (SELECT 1) TO STDOUT (FORMAT binary)"))).join("\n"), /C0A000/);
    const unknown = [parse("", "SELECT $1::text"), bound("", [[1, bytes("é")]], []), execute(""), sync];
    t.regex((await told(client, ...unknown)).join("\n"), /C0A000/);
    client.socket.destroy();
    if (!hasPostgres()) {
      t.log("not compared: no PostgreSQL 15 on this machine");
      return;
    }
    await withPostgres(async (postgres, port) => {
      await postgres.query("CREATE ROLE admin SUPERUSER LOGIN");
      await postgres.query("CREATE DATABASE main OWNER admin");
      t.deepEqual(ours, await answersOf("127.0.0.1", port));
    });
  } finally {
    await stop();
  }
});
