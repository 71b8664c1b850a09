/** For how long a gateway judges by roles that it has read, and what a change, or a failure to read, does to that. */
import test from "ava";
import { type KnownRole, type KnownRoles, rolesLeaseMs, type TenantOwner } from "../../actors/directory/messages.js";
import { RoleBook } from "../../protocol/postgres/role-book.js";
import { decodeRoles, encodeRoles, plainRole, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";

const role = (name: string, changes: Partial<KnownRole> = {}): KnownRole => ({
  ...plainRole(name),
  tenants: null,
  ...changes,
});

interface Reading {
  readonly tenants: readonly number[];
  resolve(known: KnownRoles): void;
  reject(error: Error): void;
}

class Rig {
  now = 0;
  readonly readings: Reading[] = [];
  readonly book = new RoleBook({
    monotonic: () => this.now,
    read: (tenants) => new Promise((resolve, reject) => void this.readings.push({ tenants, resolve, reject })),
  });

  answer(...roles: readonly KnownRole[]): void {
    this.answerWith(roles, []);
  }

  answerWith(roles: readonly KnownRole[], owners: readonly TenantOwner[]): void {
    this.readings.shift()?.resolve({ roles, owners });
  }
}

test("what was read is good for a while from when it was asked for, and asked for again before that is over", async (t) => {
  const rig = new Rig();
  t.false(rig.book.isFresh);
  const [first, second] = [rig.book.refresh(), rig.book.refresh()];
  t.is(rig.readings.length, 1, "asked once, whoever waits");
  rig.now = 100;
  rig.answer(role("ann"));
  await Promise.all([first, second]);
  t.true(rig.book.isFresh);
  rig.now = rolesLeaseMs / 2 - 1;
  t.true(rig.book.isFresh);
  t.is(rig.readings.length, 0);
  rig.now = rolesLeaseMs / 2;
  t.true(rig.book.isFresh);
  t.is(rig.readings.length, 1, "on the side");
  rig.now = rolesLeaseMs - 1;
  t.true(rig.book.isFresh);
  rig.now = rolesLeaseMs;
  t.false(rig.book.isFresh, "counted from the question, not from its answer");
  const before = rig.book.of(1);
  const waiting = rig.book.refresh();
  rig.answer(role("ann"));
  await waiting;
  t.is(rig.book.of(1), before, "the same roles are the same object, so that plans are kept");
});

test("what was asked for before a change is old when it comes", async (t) => {
  const rig = new Rig();
  const early = rig.book.refresh();
  rig.book.changed();
  const late = rig.book.refresh();
  t.is(rig.readings.length, 2);
  rig.answer(role("ann", { memberOf: [{ role: "readers", isAdmin: false, grantor: "admin" }] }));
  await new Promise((resolve) => setImmediate(resolve));
  t.false(rig.book.isFresh);
  t.is(rig.book.of(1).text, "", "it is not judged by");
  rig.answer(role("ann"));
  await Promise.all([early, late]);
  t.true(rig.book.isFresh);
  t.deepEqual(rig.book.of(1).set.find("ann")?.memberOf, []);
  rig.book.changed();
  t.false(rig.book.isFresh);
});

test("a failure is told to whoever waits, and counted until the roles are read again", async (t) => {
  const rig = new Rig();
  const failing = rig.book.refresh();
  rig.readings.shift()?.reject(new Error("no leader"));
  await t.throwsAsync(failing, { message: "no leader" });
  rig.now = 700;
  t.is(rig.book.overdueMs, 700);
  t.false(rig.book.isFresh);
  const again = rig.book.refresh();
  rig.answer(role("ann"));
  await again;
  t.is(rig.book.overdueMs, 0);
  t.true(rig.book.isFresh);
});

test("a tenant knows the roles of all tenants and its own", async (t) => {
  const rig = new Rig();
  const reading = rig.book.refresh();
  rig.answer(
    role("all"),
    role("one", { tenants: [1] }),
    role("two", { tenants: [2, 3] }),
    role("none", { tenants: [] }),
  );
  await reading;
  const names = (tenant: number) => rig.book.of(tenant).set.all.map(({ name }) => name);
  t.deepEqual([names(1), names(2), names(4)], [["all", "one"], ["all", "two"], ["all"]]);
  t.deepEqual(rig.book.tenantsOf("two"), [2, 3]);
  t.is(rig.book.tenantsOf("all"), null);
});

test("roles come out of their text as they went in; another text is refused", (t) => {
  const roles = [
    plainRole("root", true),
    { ...plainRole('a "b"'), canLogin: false, inherits: false, validUntil: 1_700_000_000_000_000, connectionLimit: 3 },
    { ...plainRole("c"), canCreateRole: true, memberOf: [{ role: 'a "b"', isAdmin: true, grantor: "" }] },
  ];
  const decoded = decodeRoles(encodeRoles(roles));
  t.deepEqual([decoded.all, decoded.databaseOwner], [roles, "admin"]);
  const owned = decodeRoles(encodeRoles(roles, "c"));
  t.deepEqual([owned.all, owned.databaseOwner], [roles, "c"]);
  for (const text of [
    "",
    "{}",
    "[1]",
    '[["a"]]',
    '[["a","b",-1,null,[]]]',
    '[["a",0,-1,null,[["b"]]]]',
    "[[1,0,-1,null,[]]]",
  ]) {
    t.is(t.throws(() => decodeRoles(text), { instanceOf: SqlError }, text)?.sqlState, "08P01", text);
  }
});

test("rights go through roles that inherit, memberships through all; the admin option through either", (t) => {
  const member = (name: string, ...of: readonly string[]) => ({
    ...plainRole(name),
    memberOf: of.map((each) => ({ role: each.replace("*", ""), isAdmin: each.endsWith("*"), grantor: "root" })),
  });
  const closed = { ...member("closed", "deep*"), inherits: false };
  const set = new RoleSet([
    plainRole("root", true),
    member("deep"),
    closed,
    member("open", "deep"),
    member("ann", "closed", "open"),
  ]);
  t.deepEqual([...set.rightsOf("ann")], ["ann", "closed", "open", "deep"]);
  t.deepEqual([...set.rightsOf("closed")], ["closed"]);
  t.deepEqual([...set.membershipsOf("closed")], ["closed", "deep"]);
  t.true(set.isAdminOf("ann", "deep"), "through one that does not inherit");
  t.false(set.isAdminOf("open", "deep"));
  t.true(set.isMember("root", "ann"), "superusers are members of all");
  t.false(set.isMember("deep", "ann"));
  t.deepEqual(set.actor("nobody"), { name: "nobody", isSuperuser: false, rights: new Set(["nobody"]) });
});

test("whose a tenant is is asked for while it has sessions, and its owner is a member of pg_database_owner", async (t) => {
  const rig = new Rig();
  const entering = rig.book.enter(7);
  t.deepEqual(rig.readings[0]?.tenants, [7]);
  rig.answerWith([role("ann"), role("bob", { inherits: false })], [{ tenant: 7, owner: "ann" }]);
  await entering;
  await rig.book.enter(7);
  t.is(rig.readings.length, 0, "it is known");
  const known = rig.book.of(7);
  const late = rig.book.enter(8);
  t.true(rig.book.isFresh, "what was read is good for those who were there");
  rig.answerWith(
    [role("ann"), role("bob", { inherits: false })],
    [
      { tenant: 7, owner: "ann" },
      { tenant: 8, owner: "bob" },
    ],
  );
  await late;
  t.is(rig.book.of(7), known, "and stays the same object");
  t.is(rig.book.of(8).set.databaseOwner, "bob");
  rig.book.leave(8);
  const { set } = rig.book.of(7);
  t.is(set.databaseOwner, "ann");
  t.deepEqual([...set.rightsOf("ann")], ["ann", "pg_database_owner"]);
  t.deepEqual([...set.rightsOf("bob")], ["bob"]);
  t.deepEqual(set.membersOf("pg_database_owner"), [], "it is said nowhere");
  rig.book.changed();
  const again = rig.book.refresh();
  rig.answerWith([role("ann"), role("bob", { inherits: false })], [{ tenant: 7, owner: "bob" }]);
  await again;
  t.deepEqual([...rig.book.of(7).set.rightsOf("ann")], ["ann"]);
  t.deepEqual([...rig.book.of(7).set.rightsOf("bob")], ["bob"], "it does not inherit");
  t.deepEqual([...rig.book.of(7).set.membershipsOf("bob")], ["bob", "pg_database_owner"]);
  rig.book.leave(7);
  rig.book.leave(7);
  rig.book.changed();
  const last = rig.book.refresh();
  t.deepEqual(rig.readings[0]?.tenants, []);
  rig.answer(role("ann"));
  await last;
  t.is(rig.book.of(7).set.databaseOwner, "admin");
});
