/** Texts that differ in their constants alone: what is found of them, and that they are run as what they say, through a gateway and on a node. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import fc from "fast-check";
import { constantsWanted, partialIndexServes, variedMark } from "../../actors/sql/varied-constants.js";
import type { CachedStatement } from "../../protocol/postgres/statement.js";
import { statementsOf, type TextStatement } from "../../protocol/postgres/varied/constants-of-text.js";
import { isSurelyRead } from "../../protocol/postgres/varied/surely-read.js";
import type { VariedStatement } from "../../protocol/postgres/varied/varied-statement.js";
import { VariedStatements } from "../../protocol/postgres/varied/varied-statements.js";
import { startNode } from "../../protocol/server/node.js";
import { formatVerifier, scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { SqlError } from "../../runtime/query/error.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import { noModifier, type Oid, typeOid } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import { bind, describe, execute, fieldsOf, parse, query, RawClient, ServerRig, startupPacket, sync } from "./rig.js";

const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-varied-"));
const node = await startNode({
  dataDirectory: directory,
  listen: null,
  postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
});
await node.createFirstUser("admin", formatVerifier(await scramVerifier("varied")));
const clients: RawClient[] = [];

test.after.always(async () => {
  for (const { socket } of clients) socket.destroy();
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
});

const found = (text: string): readonly (readonly [string, Oid])[] | null =>
  statementsOf(text)?.flatMap(({ constants }) => constants.map(({ value, type }) => [value, type] as const)) ?? null;

test("constants of a text, and what of them PostgreSQL would take numbers for", (t) => {
  const { int4, int8, numeric } = typeOid;
  t.deepEqual(found("SELECT a1, \"b'2\" FROM t WHERE x = 'it''s' AND y IN (-1,2147483648, -2147483648)"), [
    ["it's", 0],
    ["-1", int4],
    ["2147483648", int8],
    ["-2147483648", int4],
  ]);
  t.deepEqual(found("VALUES (9223372036854775808, 1.50, a -3, b-4)"), [
    ["9223372036854775808", numeric],
    ["1.50", numeric],
    ["3", int4],
    ["4", int4],
  ]);
  t.deepEqual(found("UPDATE t SET a=-5 WHERE b<-6 AND c !=-7 AND d @>-8"), [
    ["-5", int4],
    ["-6", int4],
    // An operator may end in a minus when it has one of these characters.
    ["7", int4],
    ["8", int4],
  ]);
  t.deepEqual(found("SELECT a + -1 - -2 * -3 +-4, a -5, (b) -6, a %-7"), [
    ["-1", int4],
    ["-2", int4],
    ["-3", int4],
    ["-4", int4],
    ["5", int4],
    ["6", int4],
    ["7", int4],
  ]);
  const skeletons = (text: string): unknown => statementsOf(text)?.map(({ skeleton }) => skeleton);
  t.deepEqual(skeletons("DELETE FROM t WHERE a = 1; ;DELETE FROM t WHERE a = 22;"), [
    "DELETE FROM t WHERE a = \u000123",
    "DELETE FROM t WHERE a = \u000123",
  ]);
  t.notDeepEqual(skeletons("SELECT 1"), skeletons("SELECT 3000000000"), "numbers of two types are two statements");
});

test("what only the parser reads has no skeleton", (t) => {
  for (const text of [
    "SELECT E'a'",
    "SELECT e'a\\'b'",
    "SELECT U&'x'",
    "SELECT B'1'",
    "SELECT $1",
    "SELECT $$a$$",
    "SELECT 1 -- one",
    "SELECT /* 1 */ 2",
    "SELECT 'a'\n'b'",
    "SELECT 0x1F",
    "SELECT 1_000",
    "SELECT 1e5",
    "SELECT .5",
    "SELECT 1..2",
    "SELECT 'open",
    'SELECT "open',
    'SELECT U&"a"',
    "SELECT '\\' || \u0001",
    `SELECT '${"x".repeat(9_000)}'`,
  ])
    t.is(statementsOf(text), null, text);
});

const pad = (value: number, digits: number): string => String(value).padStart(digits, "0");
const orders = ["MDY", "DMY", "YMD"] as const;

test("a text that is said to be surely read is read, whatever DateStyle and zone are", (t) => {
  const candidates = fc.oneof(
    fc.constantFrom(
      "t",
      "f",
      "true",
      "false",
      "TRUE",
      "yes",
      "1",
      "",
      " ",
      "null",
      "NaN",
      "infinity",
      "now",
      "-0",
      "+1",
    ),
    fc.integer().map(String),
    fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
    fc.double().map(String),
    fc
      .tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
      .map(([year, month, day]) => `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`),
    fc
      .tuple(
        fc.constantFrom("2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31", "1900-02-29", "0000-01-01"),
        fc.constantFrom(" ", "T"),
        fc.constantFrom("00:00", "23:59:59.999999", "24:00", "12:60", "10:00:60", "7:00", "10:00:00.1234567"),
        fc.constantFrom("", "Z", "+00", "-14:59", "+15", "+05:30", "-0800", " UTC"),
      )
      .map((parts) => parts.join("")),
    fc.constantFrom("10:00", "23:59:59.5", "24:00:00", "10:00+01"),
    fc.uuid(),
    fc.uuid().map((text) => text.toUpperCase()),
    fc.json(),
    fc.constantFrom('{"a":1e400}', '"\\u0000"', "01", "[1,]", '{"a":1,"a":2}', "-0", "1.", '"\t"'),
    fc.uint8Array({ maxLength: 5 }).map((bytes) => `\\x${Buffer.from(bytes).toString("hex")}`),
    fc.constantFrom("\\x0", "\\xg0", "\\X00", "x00"),
    fc.string(),
  );
  const types = Object.values(typeOid).filter((oid) => oid !== typeOid.unknown);
  const read = new Set<Oid>();
  fc.assert(
    fc.property(candidates, fc.constantFrom(...types), fc.constantFrom(...orders), (text, oid, order) => {
      if (!isSurelyRead(text, oid)) return;
      read.add(oid);
      const context = { timeZone: "America/New_York", dateStyle: { format: "ISO", order } } as TextContext;
      t.notThrows(() => codecOf(oid).input(text, noModifier, context), `${text} as ${oid}`);
    }),
    { numRuns: 20_000 },
  );
  t.true(read.size >= 15, `${read.size} types`);
});

test("what is not surely a value of its parameter stays a constant, and is not asked about again", (t) => {
  const book = new VariedStatements();
  const one = (text: string): TextStatement => {
    const [statement] = statementsOf(text) ?? [];
    if (statement === undefined) throw new Error(text);
    return statement;
  };
  const made = (fixed: readonly (readonly [number, string])[]): VariedStatement => ({
    statement: {} as CachedStatement,
    varied: [0],
    parameterTypes: [0],
    readAs: [typeOid.date],
    terms: new Set(),
    fixed: new Map(fixed),
  });
  t.is(book.find("1", one("DELETE FROM t WHERE d = '2024-01-01' AND m = 'a'"), 0), "first");
  t.is(book.find("1", one("DELETE FROM t WHERE d = '2024-01-02' AND m = 'a'"), 0), "learn");
  t.is(book.find("2", one("DELETE FROM t WHERE d = '2024-01-02' AND m = 'a'"), 0), "first", "of another tenant");
  book.learn("1", one("DELETE FROM t WHERE d = '2024-01-02' AND m = 'a'"), made([[1, "a"]]), 0);
  t.is(typeof book.find("1", one("DELETE FROM t WHERE d = '2024-01-03' AND m = 'a'"), 5_000), "object");
  t.is(book.find("1", one("DELETE FROM t WHERE d = '1/2/2024' AND m = 'a'"), 5_000), "constant");
  t.is(book.find("1", one("DELETE FROM t WHERE d = '2024-01-03' AND m = 'b'"), 5_000), "learn", "another statement");
  t.is(book.find("1", one("DELETE FROM t WHERE d = '2024-01-03' AND m = 'a'"), 20_000), "learn", "asked again");
  book.learn("1", one("DELETE FROM t WHERE d = '2024-01-03' AND m = 'b'"), null, 5_000);
  t.is(book.find("1", one("DELETE FROM t WHERE d = '2024-01-03' AND m = 'b'"), 6_000), "constant", "refused");
});

test("a gateway runs the third of its kind, and those after it, as a statement with parameters", async (t) => {
  const rig = await ServerRig.start();
  try {
    const client = await rig.session();
    const sent = async (text: string): Promise<readonly string[]> => {
      const before = rig.executor.seen.length;
      await client.ask(query(text));
      return rig.executor.seen.slice(before).map(({ request }) => {
        const values = request.parameters.map(({ bytes }) => Buffer.from(bytes ?? []).toString());
        return `${request.kind} ${request.text.replace(variedMark, " ~")} ${values.join(",")}`.trim();
      });
    };
    t.deepEqual(await sent("INSERT INTO t VALUES (1, 'a')"), ["execute INSERT INTO t VALUES (1, 'a')"]);
    t.deepEqual(await sent("INSERT INTO t VALUES (2, 'b')"), [
      "execute INSERT INTO t VALUES (2, 'b')",
      "describe INSERT INTO t VALUES ($1, $2) ~",
    ]);
    t.deepEqual(await sent("INSERT INTO t VALUES (3, 'it''s')"), ["execute INSERT INTO t VALUES ($1, $2) ~ 3,it's"]);
    t.deepEqual(
      await sent("INSERT INTO t VALUES (1, 'a')"),
      ["execute INSERT INTO t VALUES (1, 'a')"],
      "known as it is",
    );
    t.deepEqual(await sent("INSERT INTO t VALUES (-4, 'd'); INSERT INTO t VALUES (5, '')"), [
      "execute INSERT INTO t VALUES ($1, $2) ~ -4,d",
      "execute INSERT INTO t VALUES ($1, $2) ~ 5,",
      "commit",
    ]);
  } finally {
    await rig.stop();
  }
});

test("constants that a partial index may serve stay, and the others of their statement become parameters", async (t) => {
  const made = await session();
  await said(made, "CREATE TABLE orders (id int PRIMARY KEY, customer int, state text, kind int, gone date)");
  await said(made, "CREATE INDEX ON orders (customer) WHERE state = 'open' AND gone IS NULL");
  await said(made, "CREATE INDEX ON orders (kind, id) WHERE kind > 3");
  const wanted = async (condition: string): Promise<readonly number[] | null> => {
    const text = `SELECT id FROM orders WHERE ${condition}${variedMark}`;
    made.send(parse("", text), describe("S", ""), sync);
    const answer = (await made.untilReady()).find(({ type }) => type === "E");
    if (answer === undefined) return null;
    const { C: sqlState = "", M: message = "", D: detail } = fieldsOf(answer.body);
    return [...(constantsWanted(new SqlError(sqlState, message, { detail })) ?? [])];
  };
  t.is(await wanted("customer = $1 AND id < $2 AND gone > $3"), null);
  t.deepEqual(await wanted("customer = $1 AND state = $2"), [1]);
  t.deepEqual(await wanted("customer = $1 AND (id = $2 OR state = $3)"), [1, 2]);
  t.deepEqual(await wanted("id = $1 AND kind >= $2"), [1]);
  t.deepEqual(await wanted("id IN (SELECT o.id FROM (SELECT id, state AS s FROM orders) o WHERE s = $1)"), [0]);
  await said(made, "DROP TABLE orders");
  const rig = await ServerRig.start();
  try {
    rig.executor.refuses = (text) =>
      text.includes("state = $2") ? new SqlError("0A000", partialIndexServes, { detail: "1" }) : null;
    const client = await rig.session();
    const sent: string[] = [];
    for (const [id, state] of [
      [1, "open"],
      [2, "open"],
      [3, "open"],
      [4, "done"],
      [5, "done"],
    ]) {
      const before = rig.executor.seen.length;
      await client.ask(query(`DELETE FROM t WHERE id = ${id} AND state = '${state}' AND b < 7`));
      sent.push(...rig.executor.seen.slice(before).map(({ request }) => `${request.kind} ${request.text}`));
    }
    t.deepEqual(
      sent.map((text) => text.replace(variedMark, " ~")),
      [
        "execute DELETE FROM t WHERE id = 1 AND state = 'open' AND b < 7",
        "execute DELETE FROM t WHERE id = 2 AND state = 'open' AND b < 7",
        "describe DELETE FROM t WHERE id = $1 AND state = $2 AND b < $3 ~",
        "describe DELETE FROM t WHERE id = $1 AND state = 'open' AND b < $2 ~",
        "execute DELETE FROM t WHERE id = $1 AND state = 'open' AND b < $2 ~",
        "execute DELETE FROM t WHERE id = 4 AND state = 'done' AND b < 7",
        "describe DELETE FROM t WHERE id = $1 AND state = $2 AND b < $3 ~",
        "describe DELETE FROM t WHERE id = $1 AND state = 'done' AND b < $2 ~",
        "execute DELETE FROM t WHERE id = $1 AND state = 'done' AND b < $2 ~",
      ],
    );
  } finally {
    await rig.stop();
  }
});

async function session(): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port: node.addresses.postgres?.port ?? 0 });
  await once(socket, "connect");
  const client = new RawClient(socket);
  clients.push(client);
  client.send(startupPacket({ user: "admin", database: "main" }));
  await client.untilReady();
  return client;
}

const said = async (client: RawClient, text: string): Promise<string[]> =>
  (await client.ask(query(text))).filter((answer) => !answer.startsWith("S kimberlite.position"));

/** With `?` for what varies. The last ones of each have errors, whose places count. */
const kinds: readonly (readonly [text: string, ...values: string[]])[] = [
  ["INSERT INTO v (id, a, n) VALUES (?, 'é', 1.5)", "1", "2", "3", "4", "3", "3000000000", "'5'", "'x'"],
  ["INSERT INTO v (id, d) VALUES (6, '?')", "2024-02-30", "2024-02-29", "epoch", "2024-02-28", "1/2/2024", "ö"],
  ["INSERT INTO v (id, j) VALUES (DEFAULT, '?')", "{}", "[1]", '{"a":1e999999}', '{"é', "null"],
  ["UPDATE v SET n = n + ?, a = 'z' WHERE id = 1", "1", "2.25", "3", "1e3", "-4", "'5'", "'x'"],
  ["UPDATE v SET n = n + ? WHERE id = 1 RETURNING n", "-1", "-2", "3", "-4", "5", "-1.5", "-2147483648"],
  ["UPDATE v SET n = n - ?, a = 'z' WHERE id = 1 RETURNING n", "-1", "-2", "3", "-4", "0", "-3000000000"],
  ["UPDATE v SET n = n / ? WHERE id = 1 RETURNING n", "-1", "-2", "-4", "0", "-1"],
  ["UPDATE v SET n = n +-? WHERE id = 1 RETURNING n", "1", "2", "3", "4"],
  ["UPDATE v SET n = - -? WHERE id = 1 RETURNING n", "1", "2", "3", "4"],
  ["UPDATE v SET n = n %-? WHERE id = 1 RETURNING n", "1", "2", "3", "4"],
  ["UPDATE v SET n = 2 * -? - -1 WHERE id = 1 RETURNING n", "1", "2", "3", "4"],
  ["UPDATE v SET c = '?' WHERE id < 3", "ab", "abc ", "ab    ", "abcd", "", "é"],
  ["SELECT id, c FROM v WHERE c = '?' ORDER BY 1", "ab", "ab ", "é  ", "abcd", ""],
  ["UPDATE v SET z = '?' WHERE id = 1", "2024-02-29", "2024-02-29", "2024-02-28 10:00", "2024-02-30", "soon"],
  [
    "SELECT id FROM v WHERE z >= '?' AND z < '2024-03-01'",
    "2024-02-29",
    "2024-02-27",
    "2024-02-28T10:00:00+00:00",
    "x",
  ],
  ["UPDATE v SET k = '?' WHERE id < 3", "low", "low", "high", "low", "none"],
  ["UPDATE v SET s = ? WHERE id = 2", "1", "2", "32767", "32768", "-1", "99999999999"],
  ["UPDATE v SET s = ? WHERE id = 777", "1", "2", "3", "32768", "4"],
  ["UPDATE v SET n = '?' WHERE id = 777 RETURNING n", "1", "2", "3", "99999", "x"],
  ["UPDATE v SET c = '?' WHERE id = 777", "a", "b", "c", "abcde", "d"],
  ["UPDATE v SET n = ? + 2147483647 WHERE id = 777", "-1", "-2", "-3", "1", "0"],
  ["INSERT INTO v (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET s = 99999", "801", "802", "803", "804"],
  ["UPDATE v SET a = (current_query() LIKE '%$%')::text WHERE id = ? RETURNING a", "1", "2", "1", "2"],
  ["SELECT id FROM v WHERE id !=-?", "1", "2", "3", "4"],
  ["SELECT a, n, é FROM v WHERE id = ?", "1", "2", "3"],
  ["SELECT a, n FROM v WHERE id = ?", "1", "2", "3", "9", "-1", "1.5", "3000000000", "'2'", "'y'"],
  ["SELECT id FROM v WHERE a = '?' ORDER BY 1 LIMIT 2", "é", "z", "z", "none", "ü"],
  ["SELECT id FROM v WHERE id IN (1, ?) AND d IS NULL ORDER BY id DESC", "2", "3", "4"],
  ["SELECT id FROM v WHERE id BETWEEN ? AND 2 OR a = 'none' ORDER BY 1", "0", "1", "2"],
  ["SELECT id + ? FROM v WHERE id = 1", "1", "2", "3000000000", "2.5"],
  ["SELECT count(*) FROM v GROUP BY ? ORDER BY 1", "id", "1", "2"],
  ["SELECT id FROM v ORDER BY id LIMIT ?", "1", "2", "3"],
  ["SELECT a LIKE '?' FROM v WHERE id = 1", "z", "%", "_"],
  ["SELECT id FROM v WHERE d = date '?'", "2024-02-29", "2024-02-28", "2024-02-30"],
  ["SELECT id FROM v WHERE d = '?'::date", "2024-02-29", "2024-02-28", "2024-02-27", "2024-02-30"],
  ["SELECT id FROM v WHERE part = ?", "1", "2", "3"],
  ["SELECT id FROM v WHERE (part, id) > (?, 1) ORDER BY 1", "1", "2", "0", "3000000000", "'1'", "'x'", "1.5"],
  ["SELECT id FROM v WHERE (z, id) <= ('?', 2) ORDER BY 1", "2024-02-29", "2024-02-28 10:00", "2024-02-27", "soon"],
  ["SELECT id FROM v WHERE (id, a) IN ((?, 'z'), (2, 'z')) OR ROW (id, n) = (?, ?) ORDER BY 1", "1", "2", "3", "'x'"],
  ["SELECT id FROM v WHERE upper(a) = '?' ORDER BY 1", "Z", "É", "none", "Z"],
  ["SELECT id FROM v WHERE upper(a) = ? ORDER BY 1", "'Z'", "'É'", "1", "'z'", "2"],
  ["SELECT id FROM v WHERE date_trunc('month', z) = '?' ORDER BY 1", "2024-02-01", "2024-02-02", "2024-02-29", "soon"],
  ["SELECT id FROM v WHERE id + part * 2 > ? ORDER BY 1", "1", "2", "5", "3000000000", "1.5", "'4'", "'x'"],
  ["SELECT id FROM v WHERE s + 32767::smallint > ? ORDER BY 1", "1", "2", "5", "32769"],
  ["SELECT id FROM v WHERE j->>'a' = '?' OR n::int % 2 = ? ORDER BY 1", "1", "2", "0", "1.5", "x"],
  ["SELECT id FROM v WHERE a || ? = 'z1' ORDER BY 1", "1", "2", "'1'", "'2'", "1.5"],
  ["SELECT id FROM v o WHERE EXISTS (SELECT FROM v WHERE part = ? AND v.id > o.id) ORDER BY 1", "1", "2", "3"],
  ["SELECT id FROM v WHERE id = ANY (SELECT part FROM v WHERE part = ?) ORDER BY 1", "1", "2", "3"],
  ["SELECT id FROM v o WHERE EXISTS (SELECT FROM v WHERE a = '?' AND v.id >= o.id) ORDER BY 1", "é", "z", "none", "x"],
  [
    "SELECT count(*) FROM v o WHERE NOT EXISTS (SELECT FROM v i WHERE i.z < '?' AND i.id = o.id)",
    "2024-02-29",
    "2024-02-28",
    "2024-02-27",
    "soon",
  ],
  ["SELECT id FROM v WHERE id = (SELECT max(id) FROM v WHERE s < ?)", "1", "2", "3", "99999", "'x'"],
  [
    "SELECT id FROM (SELECT id, a FROM v WHERE id > ?) x WHERE a = 'z' ORDER BY 1",
    "0",
    "1",
    "2",
    "3000000000",
    "'1'",
    "'a'",
  ],
  [
    "WITH c AS (SELECT id, n FROM v WHERE n > ?) SELECT count(*), sum(n) FROM c WHERE id < 9",
    "1",
    "0.5",
    "2",
    "'1.0'",
    "'a'",
  ],
  [
    "SELECT x.id, y.a FROM v x LEFT JOIN v y ON y.id = x.id AND y.id <> ? WHERE x.id < 4 ORDER BY 1",
    "1",
    "2",
    "3",
    "'1'",
    "'b'",
  ],
  ["SELECT id FROM v WHERE id < ? UNION SELECT -id FROM v WHERE id = 1 ORDER BY 1", "2", "3", "4", "'2'", "'é'"],
  ["UPDATE v SET a = 'z' WHERE id IN (SELECT id FROM v WHERE id = ?)", "1", "2", "3", "'3'", "'b'"],
  [
    "SELECT id FROM v WHERE id BETWEEN ? AND ? + 1 ORDER BY 1",
    "0",
    "1",
    "2",
    "999999999",
    "2147483647",
    "3000000000",
    "1.5",
    "'1'",
    "'x'",
  ],
  [
    "SELECT id FROM v WHERE id > ? - 3 AND id < 999999999 + ? ORDER BY 1",
    "3",
    "4",
    "5",
    "999999999",
    "2147483647",
    "-5",
    "1.5",
  ],
  ["SELECT id FROM v WHERE id < 2147483647 + ? AND false", "-3", "-2", "-1", "0", "1"],
  [
    "INSERT INTO v (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET n = v.n + 1 RETURNING n, xmax <> 0",
    "1",
    "2",
    "3",
    "70",
  ],
  ["DELETE FROM v WHERE id = ? RETURNING a", "3", "4", "4", "'6'", "'six'"],
  ["SELECT 1 / ?", "1", "2", "0"],
  ["UPDATE v SET n = 1 / ? WHERE id = 1", "1", "2", "0", "4"],
  ["DELETE FROM v WHERE id = 1 AND a = missing AND n = ?", "1", "2", "3"],
];

test("statements say the same as where their constants stay constants", async (t) => {
  const client = await session();
  const make = async (): Promise<void> => {
    await said(client, "DROP TABLE IF EXISTS v; DROP TYPE IF EXISTS mood");
    await said(client, "CREATE TYPE mood AS ENUM ('low', 'high')");
    await said(
      client,
      "CREATE TABLE v (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a text, n numeric(6,2), d date, j jsonb, k mood, s smallint, part int, c char(4), z timestamptz)",
    );
    await said(client, "CREATE INDEX ON v (part) WHERE part = 2");
  };
  /** A comment keeps constants what they are; it is as long as where it is not one. */
  const answers = async (comment: string): Promise<string[]> => {
    await make();
    const all: string[] = [];
    for (const [text, ...values] of kinds)
      for (const value of values) all.push(...(await said(client, `${comment} ${text.replaceAll("?", value)} ;`)));
    return [...all, ...(await said(client, "SELECT * FROM v ORDER BY id"))];
  };
  const plain = await answers("/**/");
  t.true(plain.filter((answer) => answer.startsWith("E ")).length > 15, "errors with their places are among them");
  t.deepEqual(await answers("    "), plain);
  t.deepEqual(await answers("    "), plain, "and where all are known");
});

test("a definition that changes is what the next statement goes by", async (t) => {
  const client = await session();
  await said(client, "CREATE TABLE changing (id int PRIMARY KEY, v int)");
  for (const id of [1, 2, 3, 4]) await said(client, `INSERT INTO changing VALUES (${id}, '${id}')`);
  await said(client, "ALTER TABLE changing ALTER v TYPE text");
  t.deepEqual(await said(client, "INSERT INTO changing VALUES (5, '007')"), ["C INSERT 0 1", "Z I"]);
  t.deepEqual((await said(client, "SELECT v FROM changing WHERE id = 5")).slice(1), ["D 007", "C SELECT 1", "Z I"]);
  await said(client, "BEGIN; DROP TABLE changing; CREATE TABLE changing (id text, v varchar(2))");
  t.deepEqual(await said(client, "INSERT INTO changing VALUES (6, '8')"), ["C INSERT 0 1", "Z T"]);
  t.deepEqual(await said(client, "INSERT INTO changing VALUES (7, '123')"), [
    "E 22001 value too long for type character varying(2)",
    "Z E",
  ]);
  await said(client, "ROLLBACK");
  t.deepEqual((await said(client, "SELECT count(*) FROM changing")).slice(1), ["D 5", "C SELECT 1", "Z I"]);
});

test("a statement with parameters, alone, has its deferred constraints looked at", async (t) => {
  const client = await session();
  await said(client, "CREATE TABLE up (id int PRIMARY KEY)");
  await said(client, "CREATE TABLE down (id int REFERENCES up DEFERRABLE INITIALLY DEFERRED)");
  await said(client, "INSERT INTO up VALUES (1)");
  const insert = (id: string): Promise<string[]> =>
    client.ask(parse("", "INSERT INTO down VALUES ($1)"), bind("", "", [id]), execute(""), sync);
  t.true((await insert("1")).includes("C INSERT 0 1"));
  t.is((await insert("2")).find((answer) => answer.startsWith("E"))?.slice(0, 7), "E 23503");
});

test("numbers are drawn once all that is given of a row is known to be right", async (t) => {
  const client = await session();
  await said(client, "CREATE TABLE drawn (id serial PRIMARY KEY, v smallint)");
  for (const v of [1, 2, 70_000, 3]) await said(client, `INSERT INTO drawn (v) VALUES (${v})`);
  await client.ask(
    parse("", "INSERT INTO drawn (v) VALUES ($1::int), ($2::int)"),
    bind("", "", ["4", "70000"]),
    execute(""),
    sync,
  );
  await said(client, "INSERT INTO drawn (v) VALUES (5)");
  t.deepEqual((await said(client, "SELECT string_agg(id || ' ' || v, ',' ORDER BY id) FROM drawn")).slice(1, 2), [
    "D 1 1,2 2,3 3,4 5",
  ]);
});
