/** What becomes of temporary tables whose sessions nobody ends: by a shard that is driven by hand, with a clock of the test's own. */
import test from "ava";
import { temporaryMadeSetting, temporarySchemaSetting } from "../../runtime/query/catalog/temporary.js";
import { portOf, type RigSession, ShardRig } from "./shard-rig.js";

const silentMs = 15_000;
const schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pg_temp%' ORDER BY 1";

/** Sessions that make temporary tables. @param first the number of the first */
function sessionsOf(rig: ShardRig, count: number): RigSession[] {
  return Array.from({ length: count }, (_, index) => {
    const session = rig.session();
    session.settings = [[temporarySchemaSetting, `pg_temp_${index + 1}`]];
    return session;
  });
}

function someOf<const Count extends number>(rig: ShardRig, count: Count): RigSession[] & { readonly length: Count } {
  return sessionsOf(rig, count) as RigSession[] & { readonly length: Count };
}

const seenBy = (session: RigSession): readonly string[] => session.rows(schemas).map(([name]) => name ?? "");

test("tables of a session whose link has ended go once nothing was heard of it for a time, and no other's", (t) => {
  const rig = new ShardRig();
  const [lost, other] = someOf(rig, 2);
  if (lost === undefined || other === undefined) throw new Error("two sessions were made");
  const link = portOf();
  lost.port = link;
  for (const each of [lost, other]) each.rows("CREATE TEMP TABLE scratch (id int)");
  rig.monotonic = 100_000;
  t.is(rig.lookAfterSessions(), 0, "who is there may be silent");
  link.isOpen = false;
  rig.decider.dropClosed();
  rig.monotonic += silentMs - 1;
  t.is(rig.lookAfterSessions(), 0);
  t.deepEqual(seenBy(other), ["pg_temp_1", "pg_temp_2"]);
  rig.monotonic += 1;
  t.is(rig.lookAfterSessions(), 1);
  t.deepEqual(seenBy(other), ["pg_temp_2"]);
  t.false(rig.decider.looksAfterSessions, "nothing is left to be looked after");
});

test("a session that calls in over another link keeps its tables, also when it does so at the last moment", (t) => {
  const rig = new ShardRig();
  const [one, other] = someOf(rig, 2);
  if (one === undefined || other === undefined) throw new Error("two sessions were made");
  const link = portOf();
  one.port = link;
  one.rows("CREATE TEMP TABLE scratch (id int)");
  link.isOpen = false;
  rig.decider.dropClosed();
  rig.monotonic += silentMs;
  const [end] = rig.decider.endsOfSilent();
  if (end === undefined) throw new Error("it is taken for one that is over");
  one.port = portOf();
  one.callIn();
  rig.send(end, null);
  t.deepEqual(seenBy(other), ["pg_temp_1"]);
  rig.monotonic += silentMs;
  t.is(rig.lookAfterSessions(), 0);
});

test("a session whose tables were cleared away is ended, and never reads others' of the same names", (t) => {
  const rig = new ShardRig();
  const [lost, other] = someOf(rig, 2);
  if (lost === undefined || other === undefined) throw new Error("two sessions were made");
  other.rows("CREATE TABLE scratch (id int)");
  const link = portOf();
  lost.port = link;
  const isNot = lost.settings;
  lost.rows("CREATE TEMP TABLE scratch (id int PRIMARY KEY)");
  t.deepEqual(lost.told(temporaryMadeSetting), "on", "it hears that they are there");
  const isMade = [...lost.settings, [temporaryMadeSetting, "on"] as const];
  lost.settings = isMade;
  lost.rows("INSERT INTO scratch VALUES (1)");
  link.isOpen = false;
  rig.decider.dropClosed();
  rig.monotonic += silentMs;
  t.is(rig.lookAfterSessions(), 1);
  lost.port = portOf();
  for (const text of ["SELECT * FROM scratch", "INSERT INTO scratch VALUES (1)", "CREATE TEMP TABLE scratch (id int)"])
    t.is(lost.state(text), "57P01", text);
  t.is(lost.state("DISCARD TEMP"), "57P01");
  // As one that has made none by then.
  lost.settings = isNot;
  t.deepEqual(lost.rows("SELECT * FROM scratch"), []);
});

test("a session hears when it has temporary tables no more, and when it was not told that it has some", (t) => {
  const rig = new ShardRig();
  const [one] = someOf(rig, 1);
  if (one === undefined) throw new Error("a session was made");
  const before = one.settings;
  one.rows("SELECT 1");
  t.is(one.told(temporaryMadeSetting), null);
  one.rows("CREATE TEMP TABLE scratch (id int)");
  t.is(one.told(temporaryMadeSetting), "on");
  // Its gateway has lost the answer.
  one.rows("SELECT 1");
  t.is(one.told(temporaryMadeSetting), "on");
  one.settings = [...before, [temporaryMadeSetting, "on"]];
  one.rows("SELECT 1");
  t.is(one.told(temporaryMadeSetting), null, "it knows that");
  one.rows("DISCARD TEMP");
  t.is(one.told(temporaryMadeSetting), "");
  one.settings = before;
  t.deepEqual(one.rows(schemas), []);
});

test("a leader that has heard of nobody clears nothing away before all could call in, and then what nobody has", (t) => {
  const rig = new ShardRig();
  for (const each of someOf(rig, 3)) each.rows("CREATE TEMP TABLE scratch (id int)");
  const next = new ShardRig(rig.shard);
  const [, second] = someOf(next, 2);
  if (second === undefined) throw new Error("sessions were made");
  next.monotonic = silentMs - 1;
  t.is(next.lookAfterSessions(), 0);
  second.callIn();
  next.monotonic = silentMs;
  t.is(next.lookAfterSessions(), 2);
  t.deepEqual(seenBy(second), ["pg_temp_2"]);
});

test("what somebody changes is cleared away later, whoever has ended", (t) => {
  const rig = new ShardRig();
  const [left, other] = someOf(rig, 2);
  if (left === undefined || other === undefined) throw new Error("two sessions were made");
  left.rows("CREATE TEMP TABLE scratch (id int)");
  other.begin();
  other.rows("DROP TABLE pg_temp_1.scratch");
  left.end();
  other.rollback();
  t.deepEqual(seenBy(other), ["pg_temp_1"], "nobody waits for the locks of an end");
  t.true(rig.decider.looksAfterSessions);
  t.is(rig.lookAfterSessions(), 1);
  t.deepEqual(seenBy(other), []);
});
