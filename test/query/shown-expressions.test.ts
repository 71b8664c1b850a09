/**
 * Stored expressions as the catalogs show them. `test/postgres/scripts/expressions.sql` holds many more against PostgreSQL 15, where it is
 * installed; here stand one of each kind, so that they are looked at everywhere.
 */
import test from "ava";
import { SqlParser } from "../../protocol/server/sql-parser.js";
import type { TableDefinition } from "../../runtime/query/catalog/model.js";
import type { ExpressionStyle } from "../../runtime/query/catalog/shown-expression.js";
import { showExpression } from "../../runtime/query/deparse/show.js";
import { type SqlType, sqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import { evaluationContext } from "./evaluation-context.js";
import { MemoryDatabase } from "./memory-database.js";

const parser = await SqlParser.load();

function tableOf(definition: string): TableDefinition {
  const database = new MemoryDatabase();
  database.run(definition);
  for (const object of database.objects()) if (object.kind === "table") return object;
  throw new Error("no table");
}

const table = tableOf(
  "CREATE TABLE t (id int, price numeric, code text, v varchar(10), born date, at timestamp, ok bool, tags text[])",
);
const context = evaluationContext();

function shown(text: string, style: ExpressionStyle, type: SqlType | null): string {
  const [parsed] = parser.parse(`SELECT ${text}`);
  const body = parsed?.statement;
  if (body?.kind !== "select") throw new Error("no expression");
  const [item] = body.items;
  if (item === undefined) throw new Error("no expression");
  return showExpression({ text, syntax: item.expression }, { of: table, type }, style, context).text;
}

const conditions: readonly (readonly [written: string, plain: string, pretty: string])[] = [
  ["born > '1900-1-1'", "(born > '1900-01-01'::date)", "born > '1900-01-01'::date"],
  ["code IN ('a', 'b')", "(code = ANY (ARRAY['a'::text, 'b'::text]))", "code = ANY (ARRAY['a'::text, 'b'::text])"],
  ["code NOT IN ('a')", "(code <> 'a'::text)", "code <> 'a'::text"],
  [
    "v IN ('a', 'b')",
    "((v)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
    "v::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])",
  ],
  [
    "price >= 0 AND price < 1000",
    "((price >= (0)::numeric) AND (price < (1000)::numeric))",
    "price >= 0::numeric AND price < 1000::numeric",
  ],
  ["id BETWEEN 1 AND -9", "((id >= 1) AND (id <= '-9'::integer))", "id >= 1 AND id <= '-9'::integer"],
  ["v LIKE 'a%'", "((v)::text ~~ 'a%'::text)", "v::text ~~ 'a%'::text"],
  ["NOT (ok OR id = 1)", "(NOT (ok OR (id = 1)))", "NOT (ok OR id = 1)"],
  ["id + 2 * (id - 3) > 1", "((id + (2 * (id - 3))) > 1)", "(id + 2 * (id - 3)) > 1"],
  ["id IS DISTINCT FROM NULL", "(id IS NOT NULL)", "id IS NOT NULL"],
  ["extract(year FROM born) > 1", "(EXTRACT(year FROM born) > (1)::numeric)", "EXTRACT(year FROM born) > 1::numeric"],
  ["tags[1] = ''", "(tags[1] = ''::text)", "tags[1] = ''::text"],
  [
    "CASE code WHEN 'a' THEN ok END",
    "\nCASE code\n    WHEN 'a'::text THEN ok\n    ELSE NULL::boolean\nEND",
    "\nCASE code\n    WHEN 'a'::text THEN ok\n    ELSE NULL::boolean\nEND",
  ],
];

test("conditions are shown with the types and conversions that they have", (t) => {
  for (const [written, plain, pretty] of conditions) {
    t.is(shown(written, "plain", sqlType(typeOid.bool)), plain, written);
    t.is(shown(written, "pretty", sqlType(typeOid.bool)), pretty, written);
  }
});

test("a default is shown as a value of its column, without the conversion that makes it one", (t) => {
  t.is(shown("'x'", "plain", sqlType(typeOid.text)), "'x'::text");
  t.is(shown("'x'", "plain", sqlType(typeOid.varchar, 24)), "'x'::character varying");
  t.is(shown("0", "plain", sqlType(typeOid.numeric)), "0");
  t.is(shown("-1", "plain", sqlType(typeOid.int8)), "'-1'::integer");
  t.is(shown("'{}'", "plain", sqlType(typeOid.jsonb)), "'{}'::jsonb");
  t.is(shown("CURRENT_TIMESTAMP", "plain", sqlType(typeOid.timestamptz)), "CURRENT_TIMESTAMP");
  t.is(shown("now() AT TIME ZONE 'utc'", "pretty", sqlType(typeOid.timestamp)), "(now() AT TIME ZONE 'utc'::text)");
});

test("what cannot be analysed is shown as it is stored", (t) => {
  t.is(shown("nothing > 1", "plain", sqlType(typeOid.bool)), "nothing > 1");
});

test("a field of a row, of which PostgreSQL's form is not known here, is shown as it was written", (t) => {
  t.is(shown("(ROW(1, 2)).f1", "plain", null), "(ROW(1, 2)).f1");
});
