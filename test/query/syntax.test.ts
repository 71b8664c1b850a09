/** What the parser makes of texts: trees with true locations, errors with PostgreSQL's codes, and no end of the process for any input. */
import test from "ava";
import { SqlParser, statementBytesMax } from "../../protocol/server/sql-parser.js";
import { SqlError } from "../../runtime/query/error.js";
import { decodeStatement, encodeStatement } from "../../runtime/query/syntax/ast.js";

const parser = await SqlParser.load();

const errorOf = (text: string): SqlError => {
  try {
    parser.parse(text);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`no error: ${text.slice(0, 80)}`);
};

const texts = [
  "SELECT DISTINCT ON (a) t.a, b AS x, count(*) FILTER (WHERE b > 1), sum(x) OVER (PARTITION BY y ORDER BY z ROWS 2 PRECEDING) FROM s.t AS q LEFT JOIN u USING (a), LATERAL (SELECT 1) l(c), generate_series(1, $2) WITH ORDINALITY g(n, o) WHERE a IN (1, 2) AND b NOT IN (SELECT c FROM d) OR NOT EXISTS (SELECT 1) GROUP BY ROLLUP (a, (b, c)), GROUPING SETS ((), a) HAVING max(b) = ANY ($1::int[]) WINDOW w AS (PARTITION BY a) ORDER BY 1 DESC NULLS LAST, b USING > LIMIT 10 OFFSET 5 FOR UPDATE OF q SKIP LOCKED",
  "WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 10), d AS (DELETE FROM t RETURNING *) SELECT * FROM r, d",
  "INSERT INTO t (a, b) VALUES (1, DEFAULT), ($1, 'x') ON CONFLICT (a) WHERE b > 1 DO UPDATE SET b = excluded.b, (c, d) = (SELECT 1, 2) WHERE t.a > 3 RETURNING *",
  "UPDATE t SET a = a + 1, b = DEFAULT FROM u WHERE u.x = t.x RETURNING t.*",
  "DELETE FROM t USING u WHERE u.x = t.x",
  "CREATE TABLE IF NOT EXISTS s.t (a int PRIMARY KEY, b text NOT NULL DEFAULT 'x' CHECK (b <> ''), c numeric(10, 2)[] UNIQUE, d int GENERATED ALWAYS AS IDENTITY (START 5), e int GENERATED ALWAYS AS (a * 2) STORED, f int REFERENCES u (x) ON DELETE CASCADE, UNIQUE (a, b), CONSTRAINT k CHECK (a > 1), FOREIGN KEY (a) REFERENCES v DEFERRABLE INITIALLY DEFERRED)",
  "ALTER TABLE t ADD COLUMN x int, DROP COLUMN IF EXISTS y CASCADE, ALTER z SET DEFAULT 5, ALTER z DROP NOT NULL, ALTER q TYPE bigint USING q::bigint, ADD CONSTRAINT k PRIMARY KEY (x)",
  "ALTER TABLE t RENAME COLUMN a TO b",
  "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a DESC NULLS LAST, lower(b)) INCLUDE (c) WHERE d IS NULL",
  "CREATE OR REPLACE VIEW v (x) AS SELECT 1",
  "CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA",
  "CREATE SEQUENCE s AS int INCREMENT BY 2 MINVALUE 1 NO MAXVALUE CYCLE OWNED BY t.a",
  "DROP TABLE IF EXISTS a.b, c CASCADE",
  "TRUNCATE t, u RESTART IDENTITY CASCADE",
  "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
  "ROLLBACK TO SAVEPOINT x",
  "SET LOCAL search_path TO a, 'b'",
  "SET TIME ZONE 'UTC'",
  "SHOW server_version",
  "COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER true, FORCE_NULL (a, b))",
  "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
  "PREPARE p (int, text) AS SELECT $1, $2",
  "EXECUTE p (1, 'x')",
  "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 1",
  "FETCH BACKWARD ALL FROM c",
  "NOTIFY x, 'y'",
  "LOCK TABLE t IN SHARE MODE NOWAIT",
  "GRANT SELECT, INSERT ON t TO a, PUBLIC WITH GRANT OPTION",
  "CREATE ROLE x LOGIN PASSWORD 'y'",
  "COMMENT ON COLUMN t.a IS 'x'",
  "VACUUM t",
  "SELECT (r).x, (r).*, a[1], a[1:2], ROW(1, 2), ARRAY[[1], [2]], ARRAY(SELECT 1), CASE a WHEN 1 THEN 2 ELSE 3 END, coalesce(a, b), greatest(1, 2), nullif(a, b), a IS DISTINCT FROM b, a IS NOT TRUE, a BETWEEN SYMMETRIC 1 AND 2, a LIKE 'b' ESCAPE 'c', extract(year FROM d), CAST(a AS varchar(3)), interval '1 day', CURRENT_TIMESTAMP(3), a COLLATE \"C\", f(x => 1), a OPERATOR(pg_catalog.+) b, -a FROM r",
];

test("statements of every kind are trees that travel as bytes and come back the same", (t) => {
  for (const text of texts) {
    const parsed = parser.parse(text);
    t.is(parsed.length, 1, text);
    const statement = parsed[0]?.statement;
    if (statement === undefined) throw new Error(text);
    t.not(statement.kind, "unsupported", text);
    t.true(Object.isFrozen(statement));
    t.deepEqual(JSON.stringify(decodeStatement(encodeStatement(statement))), JSON.stringify(statement), text);
  }
});

test("a text of several statements is split at bytes, and locations count from each one's beginning", (t) => {
  const parsed = parser.parse("select 'ä' ; \n select bad , $3;;select 3");
  t.deepEqual(
    parsed.map(({ text, offset, parameterCount }) => ({ text, offset, parameterCount })),
    [
      { text: "select 'ä' ", offset: 0, parameterCount: 0 },
      { text: "select bad , $3", offset: 16, parameterCount: 3 },
      { text: "select 3", offset: 33, parameterCount: 0 },
    ],
  );
  const second = parsed[1]?.statement;
  t.is(second?.kind === "select" ? second.items[0]?.expression.location : -1, 7);
  t.deepEqual(parser.parse(" -- nothing\n /* at all */ ; "), []);
});

test("what the grammar refuses is 42601 with its byte", (t) => {
  const error = errorOf("select 'ää', 1 frm from fromm x x x");
  t.is(error.sqlState, "42601");
  t.is(error.message, 'syntax error at or near "x"');
  t.is(error.fields.position, 34);
  t.is(errorOf("select 1 from").message, "syntax error at end of input");
  t.is(errorOf("select 1; select $99999999999").sqlState, "22003");
});

test("FOR SYSTEM_TIME is read, blanked, and belongs to its table", (t) => {
  const [parsed] = parser.parse(
    "select * from s.t FOR SYSTEM_TIME AS OF POSITION $1 x, u as y for system_time all where a = 'for system_time'",
  );
  if (parsed?.statement.kind !== "select") throw new Error("no select");
  const [first, second] = parsed.statement.from;
  if (first?.kind !== "table" || second?.kind !== "table") throw new Error("no tables");
  t.is(first.time?.kind, "asOf");
  t.is(first.alias?.name, "x");
  t.is(second.time?.kind, "all");
  t.is(second.alias?.name, "y");
  t.is(parsed.parameterCount, 1);
  const [join] = parser.parse("select * from h a full join h for system_time as of position 1 b using (id)");
  const joined = join?.statement.kind === "select" ? join.statement.from[0] : undefined;
  t.is(joined?.kind === "join" && joined.left.kind === "table" ? joined.left.time : undefined, null);
  t.is(joined?.kind === "join" && joined.right.kind === "table" ? joined.right.time?.kind : undefined, "asOf");
  t.is(errorOf("select * from (select 1) q for system_time all").message, "FOR SYSTEM_TIME must follow a table");
  t.is(errorOf("select * from t for system_time of").fields.position, 32);
  t.is(parser.parse("select 'for system_time x'").length, 1);
  const [, later] = parser.parse("select 1; select * from t for system_time from timestamp '2020-01-01' to position 7");
  t.is(
    later?.statement.kind === "select" && later.statement.from[0]?.kind === "table"
      ? later.statement.from[0].time?.location
      : -1,
    16,
  );
});

/** Waits for the parser to have an instance again. */
const restarted = async (): Promise<void> => {
  for (;;) {
    try {
      parser.parse("select 1");
      return;
    } catch (error) {
      if (!(error instanceof SqlError) || error.sqlState !== "57P03") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

test("what is too deep or too long is an error, and the parser works on", async (t) => {
  const deep = [
    `select ${"(".repeat(9_000)}1${")".repeat(9_000)}`,
    `select ${"(".repeat(50_000)}1${")".repeat(50_000)}`,
    `select ${"- ".repeat(20_000)}1`,
    `select 1${"+1".repeat(10_000)}`,
    `select 1${"+1".repeat(200_000)}`,
    `select ${"f(".repeat(9_000)}1${")".repeat(9_000)}`,
    `select ${"not ".repeat(9_000)}true`,
    `${"select * from (".repeat(3_000)}select 1${") q".repeat(3_000)}`,
    Array.from({ length: 12_000 }, () => "select 1").join(" union "),
    `select ${"case when true then ".repeat(3_000)}1${" end".repeat(3_000)}`,
  ];
  for (const text of deep) {
    try {
      parser.parse(text);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      t.true(["54001", "57P03"].includes(error.sqlState), `${error.sqlState} ${error.message} ${text.slice(0, 40)}`);
    }
    await restarted();
  }
  t.is(errorOf(`select '${"x".repeat(statementBytesMax)}'`).sqlState, "54000");
  t.is(parser.parse(`select '${"x".repeat(statementBytesMax - 10)}'`).length, 1);
  t.is(parser.parse(`select ${Array.from({ length: 50_000 }, () => "1").join(",")}`).length, 1);
  const five = `select 1${"+1".repeat(900)}`;
  t.is(parser.parse(five).length, 1);
});

test("what is known and not done is refused by name", (t) => {
  t.is(errorOf("select xmlelement(name a)").sqlState, "0A000");
  t.is(errorOf("select * from t tablesample system (1)").message, "TABLESAMPLE is not supported");
  const merge = "merge into t using u on t.a = u.a when matched then delete";
  t.is(errorOf(`${merge} returning *`).message, "RETURNING of MERGE is not supported");
  const [range] = parser.parse("create type span as range (subtype = int)");
  t.deepEqual(range?.statement, { kind: "unsupported", what: "CREATE TYPE of ranges", location: 0 });
  const [create] = parser.parse("create function f() returns int language sql as 'select 1'");
  t.is(create?.statement.kind === "unsupported" ? create.statement.what : "", "CREATE FUNCTION");
});
