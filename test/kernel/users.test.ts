import test from "ava";
import { encodeTenantAdopt } from "../../runtime/kernel/codecs/control-requests.js";
import {
  encodeRoleMembers,
  encodeUserAlter,
  encodeUserCreate,
  encodeUserDrop,
  encodeUserRename,
  type UserCreation,
} from "../../runtime/kernel/codecs/user-requests.js";
import type { RoleAction } from "../../runtime/kernel/commands/role.js";
import { decided } from "../../runtime/kernel/decision.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { listUsers, userNamed } from "../../runtime/kernel/read/users.js";
import { encodeWriteHead } from "../../runtime/kernel/request.js";
import { putFact } from "../../runtime/kernel/sql-facts.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { noPassword, type User } from "../../runtime/kernel/user-rows.js";
import { tableSpace } from "../../runtime/store/table-trees.js";
import { dump, ShardTwin } from "./shard-twin.js";

const bytes = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value);
const user = (fields: Partial<User> = {}): User => ({
  isSuperuser: false,
  canLogin: true,
  inherits: true,
  canCreateRole: false,
  canCreateDatabase: false,
  validUntil: null,
  connectionLimit: null,
  tenants: null,
  iterations: 4_096,
  salt: bytes(16, 1),
  storedKey: bytes(32, 2),
  serverKey: bytes(32, 3),
  ...fields,
});

test("parts of a transaction that never came to its end lie in the tree of users, and are taken for none", (t) => {
  const shard = new ShardTwin({}, undefined, 16 * 1024 * 1024);
  shard.submit(requestKind.tenantAdopt, (out) => encodeTenantAdopt(out, 3, 1, "fresh", quotasDefault));
  const staged = shard.submit(requestKind.sqlStage, (out) => {
    encodeWriteHead(out, { tenant: 3 }).u32(0);
    putFact(out, tableSpace.rows, 20_000, bytes(4, 1), bytes(4, 2));
    return out;
  });
  t.is(staged.outcome, decided.written);
  const create = (name: string, isSuperuser: boolean) =>
    shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, user({ isSuperuser }), "onlyFirst"));
  t.is(create("admin", true).outcome, decided.written, "it is the first user");
  t.deepEqual(
    listUsers(new StateReads(shard.state), "", 10).map(({ name }) => name),
    ["admin"],
  );
  const dropped = shard.submit(requestKind.userDrop, (out) => encodeUserDrop(out, "admin"));
  t.like(dropped.error, { code: "userNeeded" });
});

test("users are created, altered, dropped; the log gives the same again", (t) => {
  const shard = new ShardTwin();
  const create = (name: string, made: User, how: UserCreation = "new") =>
    shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, made, how));
  const alter = (name: string, made: User) =>
    shard.submit(requestKind.userAlter, (out) => encodeUserAlter(out, name, made));
  const drop = (name: string) => shard.submit(requestKind.userDrop, (out) => encodeUserDrop(out, name));
  const reads = () => new StateReads(shard.state);

  t.is(create("admin", user({ isSuperuser: true }), "onlyFirst").outcome, decided.written);
  t.is(create("other", user(), "onlyFirst").outcome, decided.answered, "there is a first user");
  t.is(userNamed(reads(), "other"), null);
  t.is(create("eve", user({ tenants: [3, 4] })).outcome, decided.written);
  t.like(create("eve", user()).error, { code: "userExists" });
  t.is(create("eve", user(), "ifNotExists").outcome, decided.answered);
  t.deepEqual(userNamed(reads(), "eve")?.tenants, [3, 4]);
  t.deepEqual(
    listUsers(reads(), "", 10).map(({ name }) => name),
    ["admin", "eve"],
  );
  t.deepEqual(
    listUsers(reads(), "admin", 10).map(({ name }) => name),
    ["eve"],
  );

  const before = userNamed(reads(), "eve");
  t.is(alter("eve", user({ storedKey: bytes(32, 9) })).outcome, decided.written);
  t.like(userNamed(reads(), "eve"), {
    createdPosition: before?.createdPosition,
    tenants: null,
    storedKey: bytes(32, 9),
  });
  t.like(alter("nobody", user()).error, { code: "userUnknown" });

  t.like(drop("admin").error, { code: "userNeeded" }, "somebody must be able to administer");
  t.like(alter("admin", user()).error, { code: "userNeeded" });
  t.is(alter("eve", user({ isSuperuser: true })).outcome, decided.written);
  t.is(drop("admin").outcome, decided.written);
  t.is(userNamed(reads(), "admin"), null);
  t.like(create("weak", user({ iterations: 4_095 })).error, { code: "invalidArgument" });
  t.like(create("bad\nname", user()).error, { code: "invalidArgument" });
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("every kind of user is read as it was written, and a row of before as it was", (t) => {
  const shard = new ShardTwin();
  const reads = () => new StateReads(shard.state);
  for (const [index, made] of [
    user({ isSuperuser: true }),
    user({ ...noPassword, canLogin: false, inherits: false }),
    user({ canCreateRole: true, canCreateDatabase: true, tenants: [3, 9] }),
    user({ validUntil: 1_700_000_000_000_000, tenants: [] }),
    user({ ...noPassword, connectionLimit: 0 }),
  ].entries()) {
    const name = `u${index}`;
    const answer = shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, made, "new"));
    t.is(answer.outcome, decided.written);
    t.like(userNamed(reads(), name), { ...made, name, memberOf: [] });
    const limited = { ...made, validUntil: 5, connectionLimit: 7 };
    shard.submit(requestKind.userAlter, (out) => encodeUserAlter(out, name, limited));
    t.like(userNamed(reads(), name), limited);
  }
  const last = shard.submit(requestKind.userAlter, (out) =>
    encodeUserAlter(out, "u0", user({ isSuperuser: true, canLogin: false })),
  );
  t.like(last.error, { code: "userNeeded" }, "a superuser who cannot log in administers nothing");
});

test("memberships: granted once, revoked, never in a circle; they go with a dropped role and along with a renamed one", (t) => {
  const shard = new ShardTwin();
  const reads = () => new StateReads(shard.state);
  const memberOf = (name: string) =>
    userNamed(reads(), name)?.memberOf.map(({ role, isAdmin, grantor }) => `${role}${isAdmin ? "*" : ""}/${grantor}`);
  const change = (action: RoleAction, roles: readonly string[], members: readonly string[], grantor = "admin") =>
    shard.submit(requestKind.roleMembers, (out) => encodeRoleMembers(out, { action, grantor, roles, members }));
  for (const name of ["admin", "a", "b", "c", "d"]) {
    const made = name === "admin" ? user({ isSuperuser: true }) : user({ ...noPassword, canLogin: false });
    shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, made, "new"));
  }
  t.is(change("grant", ["a", "b"], ["c", "d"]).outcome, decided.written);
  t.deepEqual(memberOf("c"), ["a/admin", "b/admin"]);
  t.is(change("grant", ["a"], ["c"], "d").outcome, decided.answered, "it is a member already");
  t.is(change("grantAdmin", ["a"], ["c"], "d").outcome, decided.written);
  t.deepEqual(memberOf("c"), ["a*/d", "b/admin"]);
  t.is(change("grant", ["a"], ["c"]).outcome, decided.answered, "the option stays");
  t.like(change("grant", ["a"], ["a"]).error, { code: "roleCircular" });
  t.like(change("grant", ["c"], ["a"]).error, { code: "roleCircular" });
  t.is(change("grant", ["b"], ["a"]).outcome, decided.written);
  t.like(change("grant", ["d", "c"], ["b"]).error, { code: "roleCircular" }, "through a, and through itself");
  t.deepEqual(memberOf("b"), [], "all of it or nothing");
  t.like(change("grant", ["a"], ["nobody"]).error, { code: "userUnknown" });
  t.like(change("revoke", ["nobody"], ["a"]).error, { code: "userUnknown" });
  t.is(change("revokeAdmin", ["a"], ["c"]).outcome, decided.written);
  t.deepEqual(memberOf("c"), ["a/d", "b/admin"]);
  t.is(change("revokeAdmin", ["a"], ["c"]).outcome, decided.answered);

  // What is altered keeps its memberships.
  shard.submit(requestKind.userAlter, (out) => encodeUserAlter(out, "c", user()));
  t.deepEqual(memberOf("c"), ["a/d", "b/admin"]);
  const rename = (from: string, to: string) =>
    shard.submit(requestKind.userRename, (out) => encodeUserRename(out, from, to));
  t.like(rename("a", "b").error, { code: "userExists" });
  t.like(rename("nobody", "e").error, { code: "userUnknown" });
  t.is(rename("a", "e").outcome, decided.written);
  t.is(rename("d", "f").outcome, decided.written);
  t.deepEqual([memberOf("c"), memberOf("e"), memberOf("a")], [["e/f", "b/admin"], ["b/admin"], undefined]);
  shard.submit(requestKind.userDrop, (out) => encodeUserDrop(out, "f"));
  t.deepEqual(memberOf("c"), ["e/", "b/admin"]);
  shard.submit(requestKind.userDrop, (out) => encodeUserDrop(out, "e"));
  t.deepEqual(memberOf("c"), ["b/admin"]);
  t.is(change("revoke", ["b"], ["c"]).outcome, decided.written);
  t.deepEqual(memberOf("c"), []);
  t.is(dump(shard.replay().state), dump(shard.state), "the log gives the same again");
});

test("a user comes with its memberships, or not at all; a record of before has none", (t) => {
  const shard = new ShardTwin();
  const reads = () => new StateReads(shard.state);
  const memberOf = (name: string) =>
    userNamed(reads(), name)?.memberOf.map(({ role, isAdmin, grantor }) => `${role}${isAdmin ? "*" : ""}/${grantor}`);
  const grant = (action: RoleAction, roles: readonly string[], members: readonly string[]) =>
    ({ action, grantor: "admin", roles, members }) as const;
  const create = (name: string, grants: readonly ReturnType<typeof grant>[] = []) =>
    shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, user(), "new", grants));
  for (const name of ["admin", "a", "b"]) t.is(create(name).outcome, decided.written);
  const all = [
    grant("grant", ["a", "b"], ["c"]),
    grant("grantAdmin", ["c"], ["admin"]),
    grant("grant", ["c"], ["admin"]),
  ];
  t.is(create("c", all).outcome, decided.written);
  t.deepEqual([memberOf("c"), memberOf("admin"), memberOf("a")], [["a/admin", "b/admin"], ["c*/admin"], []]);
  t.like(create("c", all).error, { code: "userExists" });
  t.like(create("d", [grant("grant", ["a"], ["d"]), grant("grant", ["d"], ["nobody"])]).error, { code: "userUnknown" });
  t.like(create("d", [grant("grant", ["c"], ["d"]), grant("grant", ["d"], ["a"])]).error, { code: "roleCircular" });
  t.like(create("d", [grant("grant", ["d"], ["d"])]).error, { code: "roleCircular" });
  t.is(memberOf("d"), undefined, "all of it or nothing");
  t.deepEqual(memberOf("a"), []);
  t.is(dump(shard.replay().state), dump(shard.state), "the log gives the same again");
});
