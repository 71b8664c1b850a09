/**
 * The type jsonpath and its evaluation where no comparison with PostgreSQL reaches: limits, the binary format, and paths that read back
 * otherwise than they are shown. What they find is compared in `test/postgres/scripts/jsonpath.sql`.
 */
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { evaluateJsonPath } from "../../runtime/query/jsonpath/ask.js";
import { jsonPathCodec, jsonPathOf } from "../../runtime/query/jsonpath/jsonpath.js";
import { fromUtf8, utf8 } from "../../runtime/query/types/bytes.js";
import { jsonbFromText, nodeText } from "../../runtime/query/types/jsonb.js";
import { ShardRig } from "../sql/shard-rig.js";
import { evaluationContext } from "./evaluation-context.js";

const context = evaluationContext();

function stateOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof SqlError) return error.sqlState;
    throw error;
  }
}

const shown = (text: string): string => jsonPathCodec.output(jsonPathCodec.input(text, -1, context), context);
const find = (path: string, json: string): string[] =>
  evaluateJsonPath(jsonPathOf(path), jsonbFromText(json).node, undefined, false).map(nodeText);

const nested: Readonly<Record<string, (count: number) => string>> = {
  parentheses: (count) => `${"(".repeat(count)}1${")".repeat(count)}`,
  keys: (count) => `$${".a".repeat(count)}`,
  levels: (count) => `$${".**{0}".repeat(count)}`,
  filters: (count) => `$${"?(1 == 1)".repeat(count)}`,
  "filters within filters": (count) => `$${"?(@".repeat(count)} == 1)${" == 1)".repeat(count - 1)}`,
  subscripts: (count) => `${"$[".repeat(count)}0${"]".repeat(count)}`,
  sums: (count) => `1${"+1".repeat(count)}`,
  signs: (count) => `${"-".repeat(count)}$`,
  conjunctions: (count) => `1==1${" && 1==1".repeat(count)}`,
  negations: (count) => `${"!(".repeat(count)}1==1${")".repeat(count)}`,
  unknowns: (count) => `${"(".repeat(count)}1==1${") is unknown".repeat(count)}`,
};

test("a path that is nested too deep is refused, and one below that is read, shown and evaluated", (t) => {
  for (const [name, make] of Object.entries(nested)) {
    for (const count of [501, 10_000, 100_000])
      t.is(
        stateOf(() => shown(make(count))),
        "54001",
        `${name}: ${count}`,
      );
    const path = make(160);
    t.true(shown(path).length > 0, name);
    t.notThrows(() => evaluateJsonPath(jsonPathOf(path), jsonbFromText("[1]").node, undefined, true), name);
  }
});

test("many subscripts are no depth", (t) => {
  const path = `$[${"0,".repeat(130_000)}0]`;
  t.is(find(path, "[7]").length, 130_001);
});

test("a path that would go on for hours is ended", (t) => {
  const json = `${"[".repeat(2_000)}${"]".repeat(2_000)}`;
  t.is(
    stateOf(() => find("$.**.**.**.**.**", json)),
    "54000",
  );
  t.is(find("$.**", json).length, 2_000);
  // What a step copies, compares or multiplies counts as well.
  const ones = `[${"1,".repeat(20_000)}1]`;
  t.is(
    stateOf(() => find("$[*] ? (@ == $)", ones)),
    "54000",
  );
  t.is(
    stateOf(() => find("$[*] ? (1e10000 * 1e10000 > @)", ones)),
    "54000",
  );
  t.is(
    stateOf(() => find("$[*] ? ($[0] == @)", `[${`"${"x".repeat(20_000)}",`.repeat(5_000)}1]`)),
    "54000",
  );
});

test("the binary format is a version and the text as it is shown", (t) => {
  const sent = jsonPathCodec.send(jsonPathCodec.input("strict  $ . a [ * ]", -1, context), context);
  t.is(sent[0], 1);
  t.is(fromUtf8(sent.subarray(1)), 'strict $."a"[*]');
  t.is(jsonPathCodec.output(jsonPathCodec.receive(sent, -1, context), context), 'strict $."a"[*]');
  t.is(
    stateOf(() => jsonPathCodec.receive(new Uint8Array(), -1, context)),
    "08P01",
  );
  t.is(
    stateOf(() => jsonPathCodec.receive(new Uint8Array([2, ...utf8("$")]), -1, context)),
    "XX000",
  );
  t.is(
    stateOf(() => jsonPathCodec.receive(new Uint8Array([1, ...utf8("$.")]), -1, context)),
    "42601",
  );
});

test("a path that is stored, or part of a definition, is what was written, also where it is shown as another", (t) => {
  // As it is shown it would not be read: a number with a method behind it.
  const path = '$ ? ((@ + 1).type() == "number")';
  t.is(shown(path), '$?(@ + 1.type() == "number")');
  t.is(
    stateOf(() => shown(shown(path))),
    "42601",
  );
  const rig = new ShardRig();
  const session = rig.session();
  session.rows(
    `CREATE TABLE p (k int PRIMARY KEY, j jsonb CHECK (j @? '${path}'), p jsonpath DEFAULT '${path}', ps jsonpath[])`,
  );
  session.rows(`CREATE VIEW v AS SELECT k, jsonb_path_query_array(j, '${path}') AS found FROM p`);
  session.rows(`INSERT INTO p VALUES (1, '[1, 2]', DEFAULT, ARRAY['${path}'::jsonpath, '$'])`);
  for (const one of [rig, new ShardRig(rig.shard.replay())]) {
    const reader = one.session();
    t.deepEqual(reader.rows("SELECT jsonb_path_query_array(j, p), jsonb_path_query_array(j, ps[1]), ps[2] FROM p"), [
      ["[1, 2]", "[1, 2]", "$"],
    ]);
    t.deepEqual(reader.rows("SELECT * FROM v"), [["1", "[1, 2]"]]);
    t.like(reader.run(`INSERT INTO p VALUES (2, '["a"]')`), { kind: "error", sqlState: "23514" });
    reader.rows("INSERT INTO p VALUES (3, '3')");
    t.deepEqual(reader.rows("SELECT jsonb_path_query(j, p) FROM p WHERE k = 3"), [["3"]]);
    reader.rows("DELETE FROM p WHERE k = 3");
  }
});

test("a date that is looked for in a long text takes steps", (t) => {
  const path = jsonPathOf("$[*].datetime()");
  const run = (count: number): string =>
    stateOf(() =>
      evaluateJsonPath(path, jsonbFromText(`[${'"2020-01-01",'.repeat(count)}"1:1:1"]`).node, undefined, true),
    );
  t.is(run(10), "none");
  t.is(run(100_000), "54000");
});
