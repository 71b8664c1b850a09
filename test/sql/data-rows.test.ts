/** Rows of a result as they are handed out, in parts, and the memory that those hold which are not. */
import test from "ava";
import { DataRows } from "../../actors/sql/data-rows.js";
import { UnfetchedRows } from "../../actors/sql/unfetched-rows.js";
import { SqlError } from "../../runtime/query/error.js";
import { sqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import { readRows } from "./statement-request.js";

const texts = (): DataRows => new DataRows([sqlType(typeOid.text)], [], {} as TextContext);
const miB = 1024 * 1024;

test("rows are taken in parts of any size, and added between, in their order", (t) => {
  const rows = texts();
  const taken: (string | null)[] = [];
  let added = 0;
  for (let part = 1; part < 60; part += 1) {
    for (let count = 0; count < part; count += 1) rows.add([`row ${added++}`]);
    const wanted = Math.min(rows.rows, (part * 7) % 40);
    const before = rows.length;
    const bytes = rows.takeSome(wanted);
    t.is(rows.length, before - bytes.length);
    for (const [value] of readRows(bytes)) taken.push(value ?? null);
    t.is(taken.length + rows.rows, added);
  }
  for (const [value] of readRows(rows.take())) taken.push(value ?? null);
  t.deepEqual(
    taken,
    Array.from({ length: added }, (_, index) => `row ${index}`),
  );
});

test("one answer holds as many rows as fit, also behind those that were taken", (t) => {
  const rows = texts();
  for (let count = 0; count < 20; count += 1) rows.add(["x".repeat(miB)]);
  for (const left of [20, 13, 6]) {
    t.is(rows.rows, left);
    const fitting = rows.fitting(left);
    t.is(fitting, Math.min(7, left));
    t.is(readRows(rows.takeSome(fitting)).length, fitting);
  }
  t.is(rows.rows, 0);
});

test("what is taken is not held any more, and a long text takes its own length", (t) => {
  const rows = texts();
  rows.add(["x".repeat(8_000_000)]);
  t.true(rows.memory < 8.1 * miB, `${rows.memory}`);
  rows.take();
  t.true(rows.memory < 64 * 1024, `${rows.memory}`);
  for (let count = 0; count < 10; count += 1) rows.add(["é".repeat(miB / 2)]);
  rows.takeSome(9);
  t.true(rows.memory < 2.1 * miB, `${rows.memory}`);
  t.is(readRows(rows.take())[0]?.[0], "é".repeat(miB / 2));
});

test("more than there is room for is not kept", (t) => {
  const unfetched = new UnfetchedRows();
  unfetched.expectRoom(700 * miB);
  unfetched.changed(0, 700 * miB);
  const error = t.throws(() => unfetched.expectRoom(100 * miB), { instanceOf: SqlError });
  t.is(error.sqlState, "53200");
  unfetched.changed(700 * miB, 100 * miB);
  t.notThrows(() => unfetched.expectRoom(100 * miB));
  t.is(unfetched.bytes, 100 * miB);
});
