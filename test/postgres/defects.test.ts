/** A bug that one client's statement meets ends at most that client's session; whoever else is connected is served. */
import test from "ava";
import { SqlParser } from "../../protocol/server/sql-parser.js";
import { query, ServerRig, textOf } from "./rig.js";

test("a bug in an answer ends the session with XX000, and no other's", async (t) => {
  const rig = await ServerRig.start();
  const broken = await rig.session();
  const other = await rig.session();
  const { executor } = rig;
  const run = executor.run.bind(executor);
  executor.run = (request, destination, settle) => {
    if (request.kind === "execute" && request.text.includes("unlucky"))
      throw new TypeError("nothing is not a function");
    return run(request, destination, settle);
  };
  broken.send(query("INSERT INTO unlucky VALUES (1)"));
  const last = (await broken.untilClosed()).map(textOf).at(-1) ?? "";
  t.regex(last, /^E XX000 internal error: nothing is not a function$/u);
  other.send(query("SELECT 1"));
  t.true((await other.untilReady()).map(textOf).includes("C SELECT 1"));
  t.is(rig.defects.length, 1);
  t.true(rig.defects[0] instanceof TypeError);
  await rig.stop();
});

test("a column that takes its type from elsewhere is refused, and the parser goes on", async (t) => {
  const defects: Error[] = [];
  const parser = await SqlParser.load((error) => void defects.push(error));
  for (const text of [
    "CREATE TABLE a OF b (c WITH OPTIONS NOT NULL)",
    "CREATE TABLE a PARTITION OF b (c DEFAULT 1) FOR VALUES IN (1)",
  ]) {
    t.like(
      t.throws(() => parser.parse(text)),
      { sqlState: "0A000", fields: { position: text.indexOf("c ", text.indexOf("(")) } },
    );
  }
  t.is(parser.parse("SELECT 1").length, 1);
  t.deepEqual(defects, []);
});
