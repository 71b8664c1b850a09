/** Arrays of several dimensions: as bytes, in the past, on a replica, in an index. That they mean what they mean in PostgreSQL: `arrays.sql` of the scripts. */
import test from "ava";
import { getVariable, storageOf, writeVariable } from "../../runtime/query/table/value-bytes.js";
import { arrayOf } from "../../runtime/query/types/array.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { evaluationContext } from "../query/evaluation-context.js";
import { ShardRig } from "./shard-rig.js";

const storage = storageOf(typeOid.int4Array);
const codec = codecOf(typeOid.int4Array);
const context = evaluationContext();

test("binary and stored bytes hold the dimensions; those of a plain array are what they were", (t) => {
  if (storage === null) throw new Error("arrays are stored");
  for (const [text, binary, stored] of [
    ["{7}", "0000000100000000000000170000000100000001" + "0000000400000007", "1700000001000000" + "000400000007000000"],
    ["{}", "000000000000000000000017", "1700000000000000"],
    [
      "[0:0][5:6]={{1,NULL}}",
      "00000002000000010000001700000001000000000000000200000005" + "0000000400000001ffffffff",
      "17000000020000800100000000000000020000000500000000" + "04000000010000" + "0001",
    ],
  ] as const) {
    const value = codec.input(text, -1, context);
    const sent = codec.send(value, context);
    t.is(Buffer.from(sent).toString("hex"), binary, text);
    t.is(codec.output(codec.receive(sent, -1, context), context), text);
    const out = new ByteWriter(64);
    writeVariable(storage, out, value);
    const bytes = out.finish();
    t.is(Buffer.from(bytes).toString("hex"), stored, text);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    t.is(codec.output(getVariable(storage, bytes, view, 0, bytes.length), context), text);
    t.is(arrayOf(value).shape === null, !text.startsWith("["));
  }
});

test("the past and a replica have what was written, and an index refuses what its keys cannot say", (t) => {
  const rig = new ShardRig();
  const session = rig.session();
  session.rows("CREATE TABLE m (id int PRIMARY KEY, a int[][] DEFAULT '{{1,2},{3,4}}', n text[])");
  session.rows("INSERT INTO m (id, n) VALUES (1, '[0:1]={a,b}')");
  const written = session.run("UPDATE m SET a[2][1] = 30, n[5] = 'f' WHERE id = 1");
  if (written.kind !== "rows") throw new Error("an update answers");
  session.rows("ALTER TABLE m ADD b int[] DEFAULT '[3:4]={5,6}'");
  session.rows("UPDATE m SET a = NULL, n = NULL WHERE id = 1");
  const twin = new ShardRig(rig.shard.replay());
  for (const reader of [session, twin.session()]) {
    t.deepEqual(
      reader.rows(
        `SELECT a, n, a[2][1], n[5], array_dims(n) FROM m FOR SYSTEM_TIME AS OF POSITION ${written.position}`,
      ),
      [["{{1,2},{30,4}}", "[0:5]={a,b,NULL,NULL,NULL,f}", "30", "f", "[0:5]"]],
    );
    t.deepEqual(reader.rows("SELECT a, n, b, b[4] FROM m"), [[null, null, "[3:4]={5,6}", "6"]]);
    t.deepEqual(
      reader.rows(
        "SELECT attname, attndims FROM pg_attribute WHERE attrelid = 'm'::regclass AND attnum > 1 ORDER BY 1",
      ),
      [
        ["a", "2"],
        ["b", "1"],
        ["n", "1"],
      ],
    );
  }
  session.rows("CREATE INDEX ON m (n)");
  session.rows("INSERT INTO m (id, n) VALUES (2, '{a,b}')");
  const refused = session.run("INSERT INTO m (id, n) VALUES (3, '[0:1]={a,b}')");
  t.is(refused.kind === "error" ? refused.sqlState : "", "0A000");
  t.deepEqual(session.rows("SELECT id FROM m WHERE n = '{a,b}'"), [["2"]]);
});
