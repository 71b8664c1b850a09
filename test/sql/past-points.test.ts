/** One row by its key as of a position, as a projection and a gateway look it up, is the row that operators find. */
import test from "ava";
import type { SqlRequest } from "../../actors/messages/sql.js";
import { StatementPlans } from "../../actors/projection/sql/statement-plans.js";
import { unixTimeOf } from "../../actors/sql/evaluation.js";
import { QueryEngine } from "../../actors/sql/query-engine.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { encodeStatement } from "../../runtime/query/syntax/ast.js";
import { TreeTableSource } from "../../runtime/query/table/tree-table-source.js";
import { assert } from "../../runtime/types/assert.js";
import { answerOf, parser, ShardRig, tenant } from "./shard-rig.js";
import { requestOf, standingAlone, textValues } from "./statement-request.js";

function queryOf(text: string, parameters: readonly (string | null)[]): SqlRequest {
  const [parsed] = parser.parse(text);
  assert(parsed !== undefined, "a text has a statement");
  return requestOf({
    kind: "execute",
    tenant,
    session: 9,
    user: "admin",
    text: parsed.text,
    syntax: encodeStatement(parsed.statement),
    parameters: textValues(parameters),
    settings: [["is_superuser", "on"]],
    transaction: standingAlone(0),
  });
}

/** Reads as a projection does: rows, or null when it is left to operators. */
class Reads {
  readonly #rig: ShardRig;
  readonly #plans = new StatementPlans({ engine: new QueryEngine(), now: () => 1_700_000_000_000, random: () => 0.5 });

  constructor(rig: ShardRig) {
    this.#rig = rig;
  }

  rows(
    text: string,
    parameters: readonly (string | null)[],
    position: number,
  ): readonly (readonly (string | null)[])[] | null {
    const { state } = this.#rig.shard;
    const request = queryOf(text, parameters);
    const catalog = this.#plans.catalogs.current(state, tenant);
    const evaluation = this.#plans.evaluation(request, catalog, position, state);
    const known = this.#plans.plans.find(request, catalog.version);
    const planned =
      known ?? this.#plans.plan(request, catalog, evaluation, new TreeTableSource(state, tenant, position, false));
    assert(planned !== null, "the statement came with its syntax");
    const positionAt = (at: number): number => new StateReads(state).positionsUntil(tenant, unixTimeOf(at)) - 1;
    const reply = this.#plans.point(request, planned, evaluation.context, state, position, positionAt);
    if (reply === null) return null;
    const answer = answerOf(reply);
    assert(answer.kind === "rows", "a row by its key is a result");
    return answer.rows;
  }
}

const one = "SELECT v, k FROM t FOR SYSTEM_TIME AS OF POSITION $2 WHERE k = $1";

test("through inserts, updates and deletes: every row at every position and moment, with parameters and constants", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  const reads = new Reads(rig);
  session.rows("CREATE TABLE t (k int PRIMARY KEY, v text)");
  let position = 0;
  let drawn = 7;
  const draw = (below: number): number => {
    drawn = (Math.imul(drawn, 1_103_515_245) + 12_345) >>> 0;
    return (drawn >>> 8) % below;
  };
  const first = session.run("INSERT INTO t VALUES (1, 'first')");
  assert(first.kind === "rows", "a row was inserted");
  for (let step = 0; step < 60; step++) {
    const k = draw(6);
    const text = [
      "INSERT INTO t VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
      "UPDATE t SET v = $2 WHERE k = $1",
    ][draw(2)];
    const answer =
      draw(5) === 0
        ? session.run("DELETE FROM t WHERE k = $1", [`${k}`])
        : session.run(text ?? "", [`${k}`, `value ${step}`]);
    if (answer.kind === "rows") position = Math.max(position, answer.position);
  }
  let [found, read] = [0, 0];
  for (let at = first.position; at <= position; at++) {
    for (let k = 0; k < 7; k++) {
      const expected = session.rows(`SELECT v, k FROM t FOR SYSTEM_TIME AS OF POSITION ${at} WHERE k + 0 = ${k}`);
      t.deepEqual(reads.rows(one, [`${k}`, `${at}`], position), expected, `${k} at ${at}`);
      found += expected.length;
      read += 1;
    }
    const constant = `SELECT v FROM t FOR SYSTEM_TIME AS OF POSITION ${at} WHERE k = 1`;
    t.deepEqual(reads.rows(constant, [], position), session.rows(constant.replace("k = 1", "k + 0 = 1")));
  }
  t.true(found > 80 && read > 200, `${found} of ${read} were there`);
  const moments = session.rows("SELECT time FROM kimberlite.commits ORDER BY position");
  for (const [moment] of moments) {
    const text = `SELECT v FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '${moment}' WHERE k = 1`;
    const here = reads.rows(text, [], position);
    // Until the table is there, the moment is left to operators, which know of no table either.
    if (here === null) continue;
    t.deepEqual(here, session.rows(text.replace("k = 1", "k + 0 = 1")), moment ?? "");
    read += 1000;
  }
  t.true(read > 20_000, "moments were read");
  t.deepEqual(reads.rows(one, [null, `${position}`], position), []);
});

test("what is left to operators: other positions, a table that was defined anew, more than one row, a moment before all", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  const reads = new Reads(rig);
  session.rows("CREATE TABLE t (k int PRIMARY KEY, v text)");
  const before = session.run("INSERT INTO t VALUES (1, 'a')");
  session.rows("ALTER TABLE t ADD COLUMN w int DEFAULT 5");
  const after = session.run("INSERT INTO t VALUES (2, 'b')");
  assert(before.kind === "rows" && after.kind === "rows", "rows were inserted");
  const newest = after.position;
  t.deepEqual(reads.rows(one, ["2", `${newest}`], newest), [["b", "2"]]);
  t.is(reads.rows(one, ["1", `${before.position}`], newest), null);
  for (const position of ["-1", `${newest + 1}`, null])
    t.is(reads.rows(one, ["1", position], newest), null, `${position}`);
  for (const text of [
    "SELECT v FROM t FOR SYSTEM_TIME AS OF POSITION 1 WHERE k > 1",
    "SELECT v FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '1900-01-01' WHERE k = 1",
    "SELECT v FROM t FOR SYSTEM_TIME FROM POSITION 1 TO POSITION 2 WHERE k = 1",
    "SELECT v FROM t FOR SYSTEM_TIME ALL WHERE k = 1",
    "SELECT v, to_position FROM t FOR SYSTEM_TIME AS OF POSITION 1 WHERE k = 1",
  ]) {
    t.is(reads.rows(text, [], newest), null, text);
  }
});
