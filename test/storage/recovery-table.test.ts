import test from "ava";
import {
  judge,
  logStates,
  type OpCondition,
  recoveryTable,
  ringStates,
  rowMatches,
} from "../../runtime/storage/recovery-table.js";

const both = [false, true] as const;

function* conditions(): Generator<OpCondition> {
  for (const ring of ringStates)
    for (const log of logStates)
      for (const sameChecksum of both) for (const beyond of both) yield { ring, log, sameChecksum, beyond };
}

test("exactly one row of the recovery table matches each of the 80 conditions", (t) => {
  let seen = 0;
  const used = new Set<string>();
  for (const condition of conditions()) {
    const rows = recoveryTable.filter((row) => rowMatches(row, condition));
    t.is(rows.length, 1, `${JSON.stringify(condition)}: ${rows.map((row) => row.label).join()}`);
    t.is(judge(condition), rows[0]);
    used.add(rows[0]?.label ?? "");
    seen++;
  }
  t.is(seen, 80);
  t.is(used.size, recoveryTable.length, "no row is dead");
  t.is(new Set(recoveryTable.map((row) => row.label)).size, recoveryTable.length, "labels are unique");
});

test("nothing that may have been acknowledged is cut, by any row", (t) => {
  let cuts = 0;
  for (const condition of conditions()) {
    const row = judge(condition);
    if (row.alone !== "cut" && row.alone !== "end" && row.alone !== "endRepair") continue;
    t.true(condition.beyond, "the ring knows neither the op nor a later one");
    t.not(condition.log, "expected");
    t.not(condition.ring, "same");
    if (row.alone === "cut")
      t.true(condition.ring === "reserved" || condition.ring === "earlier", "a cut needs a sound slot");
    cuts++;
  }
  t.true(cuts > 0);
});

test("alone a damaged op is refused, with peers it is faulty and never cut", (t) => {
  for (const row of recoveryTable) {
    if (row.alone === "corrupt") t.is(row.replicated, "faulty", row.label);
    if (row.replicated === "cut") t.is(row.alone, "cut", row.label);
  }
});

test("with peers an op is taken for never written only on the word of a sound slot, and only behind everything known", (t) => {
  let ends = 0;
  for (const condition of conditions()) {
    const { replicated, label } = judge(condition);
    if (replicated === "end" || replicated === "cut") {
      t.true(condition.beyond && (condition.ring === "reserved" || condition.ring === "earlier"), label);
      t.true(condition.log === "unwritten" || condition.log === "bad", label);
      ends++;
    }
    if (replicated === "fine") t.true(condition.ring === "later" || condition.sameChecksum, label);
    if (replicated === "repair") t.true(condition.beyond && condition.log === "expected", label);
    if (replicated === "proved") t.true(!condition.beyond && condition.log === "expected", label);
  }
  t.is(ends, 8);
});

test("durability: every condition of an op has a row in the recovery table", (t) => {
  const unheardOf = {
    ring: "elsewhere",
    log: "bad",
    sameChecksum: false,
    beyond: false,
  } as unknown as OpCondition;
  t.throws(() => judge(unheardOf), { message: /durability: every condition of an op has a row in the recovery table/ });
});
